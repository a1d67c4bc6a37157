"""Pictures of the gallery: axes without a frame."""

import matplotlib as mpl


def calm_axes(gallery_conf, fname):  # noqa: ARG001
    """Set what all examples share, before each of them is run."""
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
