"""Displays look as they did.

`python -m tests.plotting.baseline` draws what they are compared with.
"""

import subprocess
import sys

import numpy as np
import pytest

from sklearn_ae import plotting
from tests.plotting import baseline

matplotlib = pytest.importorskip("matplotlib.pyplot").matplotlib

TOLERANCE = 0.06


@pytest.mark.skipif(
    not matplotlib.__version__.startswith(f"{baseline.MATPLOTLIB}."),
    reason="Each version of matplotlib places axes and text in its own way.",
)
@pytest.mark.parametrize("name", baseline.NAMES)
def test_pictures_are_what_they_were(name):
    picture, expected = baseline.draw(name), baseline.read(name)
    assert np.abs(np.subtract(picture.shape, expected.shape)).max() <= 4
    assert baseline.distance(picture, expected) < TOLERANCE


@pytest.mark.parametrize("name", baseline.NAMES)
def test_pictures_differ_from_each_other(name):
    picture = baseline.draw(name)
    assert baseline.distance(np.ones_like(picture), picture) > 10 * TOLERANCE
    for other in baseline.NAMES:
        if other != name:
            assert baseline.distance(picture, baseline.read(other)) > 5 * TOLERANCE


@pytest.mark.parametrize("name", baseline.NAMES)
def test_dark_backgrounds_have_light_marks(name):
    picture = baseline.draw(name, "dark_background")
    assert np.median(picture) < 0.3
    # Text and axes are as strong as black on white.
    assert picture.min(axis=2).max() > 0.8


def test_every_display_has_a_picture():
    kinds = {name.removesuffix("Display").lower() for name in plotting.__all__}
    drawn = {"".join(name.split("_")) for name in baseline.NAMES}
    assert all(any(each.startswith(kind) for each in drawn) for kind in kinds)


def test_plotting_is_imported_without_matplotlib():
    command = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from sklearn_ae.plotting import LossCurveDisplay\n"
        "try: LossCurveDisplay.from_predictions([1.0])\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert b"LossCurveDisplay.from_predictions requires matplotlib" in done.stdout
