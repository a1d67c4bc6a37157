import os

# Read by SciPy at import: without it, one of scikit-learn's checks is skipped.
os.environ["SCIPY_ARRAY_API"] = "1"
# Tests use the data that packages carry, whatever else is at hand.
os.environ.pop("SKLEARN_AE_DATA", None)

import numpy as np
import pytest
import torch
from hypothesis import settings
from sklearn.datasets import load_digits

# The networks here are too small for a second thread to pay, and on a busy machine it costs dearly.
torch.set_num_threads(1)

# No test asserts a time, and none finds other examples than the last time.
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def digits():
    """Images of digits, 8 x 8 pixels in [0, 1]: few, for the tests to be fast."""
    return load_digits().data[:600] / 16


@pytest.fixture(scope="session")
def all_digits():
    return load_digits().data / 16


@pytest.fixture
def curve():
    """Points near a curve in 5 dimensions: what one nonlinear component explains."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, (300, 1))
    clean = np.hstack([t, t**2, np.sin(3 * t), np.cos(3 * t), t**3])
    return clean + rng.normal(scale=0.01, size=clean.shape)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)
