"""Check that what scores, explains and samples has shapes that fit the network."""

from typing import Any

import numpy as np
from torch import Tensor

from sklearn_ae._inspection.density import CodeDensity
from sklearn_ae._outliers.abnormality import Abnormality
from sklearn_ae._outliers.threshold import Calibration
from sklearn_ae.nn import DenoisingAutoencoder
from sklearn_ae.training import AutoencoderNet


def check_results(net: AutoencoderNet, attributes: dict[str, Any]) -> None:
    """Check the fitted attributes that hold arrays: wrong shapes would broadcast to any size.

    Parameters
    ----------
    net : AutoencoderNet
        The net.
    attributes : dict of str to object
        The fitted attributes.

    Raises
    ------
    ValueError
        If an array has another shape, or a number is none.
    """
    n_features = len(net.module_.shift)
    _expect("n_features_in_", attributes["n_features_in_"] == n_features)
    if "_abnormality_" not in attributes:
        density = attributes["_density_"]
        if density is not None:
            _check_density(density, net.module_.latent.hidden_per_component * net.n_components)
        return
    views = (2, len(net.module_.gaussians.mean)) if _denoises(net) else (1, 1)
    _check_abnormality(attributes["_abnormality_"], views, n_features)
    _expect("_usual_", attributes["_usual_"].shape == (views[0], n_features))
    _expect("offset_", isinstance(attributes["offset_"], float))
    calibration = attributes["_calibration_"]
    if calibration is not None:
        _expect("_calibration_", type(calibration) is Calibration)
        _check_abnormality(calibration.abnormality, views, n_features)
        for scores, totals in calibration._known:
            _expect("_calibration_", scores.dim() == 1 and totals.shape == (len(scores) + 1,))


def _denoises(net: AutoencoderNet) -> bool:
    return isinstance(net.module_, DenoisingAutoencoder)


def _check_density(density: Any, width: int) -> None:
    _expect("_density_", type(density) is CodeDensity)
    size = len(density.weights)
    shapes = {
        "weights": (size,),
        "means": (size, width),
        "covariances": (size, width, width),
        "shift": (width,),
        "scale": (width,),
    }
    for name, shape in shapes.items():
        _expect(f"_density_.{name}", _shape(getattr(density, name)) == shape)


def _check_abnormality(abnormality: Any, views: tuple[int, int], n_features: int) -> None:
    _expect("_abnormality_", type(abnormality) is Abnormality)
    shapes = {"typical": views, "typical_by_column": (*views, n_features), "unit": views[:1]}
    if abnormality.usual_error is not None:
        shapes["usual_error"] = (n_features,)
    for name, shape in shapes.items():
        _expect(f"_abnormality_.{name}", _shape(getattr(abnormality, name)) == shape)
    for name in ("weight", "median", "spread"):
        _expect(f"_abnormality_.{name}", isinstance(getattr(abnormality, name), float))


def _shape(array: Any) -> Any:
    return tuple(array.shape) if isinstance(array, (Tensor, np.ndarray)) else None


def _expect(name: str, condition: bool) -> None:
    if not condition:
        raise ValueError(f"{name} has not the expected shape or type.")
