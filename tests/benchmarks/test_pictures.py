import numpy as np
import pytest
from matplotlib import pyplot as plt

from benchmarks import pictures


def test_one_of_each():
    y = np.array([3, 3, 1, 0, 1, 2])
    assert list(y[pictures.one_of_each(y, 4)]) == [0, 1, 2, 3]
    assert list(pictures.one_of_each(y, 2)) == [3, 2]
    assert len(pictures.one_of_each(y, 6)) == 6
    assert list(pictures.one_of_each(None, 3)) == [0, 1, 2]


@pytest.mark.parametrize("n_methods", [1, 5])
def test_pictures_are_drawn(tmp_path, n_methods):
    rng = np.random.default_rng(0)
    names = ["Autoencoder", "PCA", "NMF", "KernelPCA", "IncrementalPCA"][:n_methods]
    images = {name: rng.random((8, 12)) for name in names}
    codes = {name: rng.random((30, 2)) for name in names}
    errors = {name: [0.2, 0.1] for name in names}
    pictures.draw_mosaics({"": images}, (3, 4), "title", tmp_path / "mosaics.png")
    pictures.draw_samples(images, (3, 4), "title", tmp_path / "samples.png")
    pictures.draw_codes(codes, rng.integers(0, 3, 30), "title", tmp_path / "codes.png")
    pictures.draw_errors([2, 4], errors, "size", "title", tmp_path / "errors.png")
    for name in ("mosaics", "samples", "codes", "errors"):
        assert plt.imread(tmp_path / f"{name}.png").std() > 0.01
