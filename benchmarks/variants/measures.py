"""What the rows of the benchmark measure."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

# Widths of the kernels, as shares of the typical distance of two draws from the prior.
_WIDTHS = (0.25, 0.5, 1.0, 2.0)


def psnr(images: np.ndarray, clean: np.ndarray) -> float:
    """Compute the peak signal-to-noise ratio in decibels, the peak being 1, a mean over images."""
    errors = np.square(images - clean, dtype=np.float64).mean(axis=1)
    return float((-10 * np.log10(errors)).mean())


def n_parameters(estimator: Any) -> int:
    """Count the parameters of encoder, decoder and linear path; shared ones once."""
    return sum(parameter.numel() for parameter in estimator.net_.module_.parameters())


def squared_slope(estimator: Any, X: np.ndarray, rng: np.random.Generator) -> float:
    """Estimate the mean squared norm of the Jacobian of the code, divided by the code size."""
    # The mean square of the slope in a random direction, by finite differences.
    step = 1e-2 * rng.standard_normal(X.shape, X.dtype)
    changes = estimator.transform(X + step) - estimator.transform(X - step)
    return float(np.square(changes / 2e-2, dtype=np.float64).mean())


def squared_discrepancy(codes: np.ndarray) -> float:
    """Estimate the squared maximum mean discrepancy of codes from the standard normal."""
    # Without bias: 0 in expectation for normal draws, and below 0 for about half of them.
    codes = codes.astype(np.float64)
    n, n_components = codes.shape
    squares = np.square(codes).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * codes @ codes.T, 0)
    total = 0.0
    for width in _WIDTHS:
        variance = 2 * n_components * width**2
        pairs = np.exp(distances / (-2 * variance))
        among_codes = (pairs.sum() - np.trace(pairs)) / (n * (n - 1))
        to_prior = np.exp(squares / (-2 * (variance + 1))).mean()
        to_prior *= (variance / (variance + 1)) ** (n_components / 2)
        in_prior = (variance / (variance + 2)) ** (n_components / 2)
        total += among_codes - 2 * to_prior + in_prior
    return float(total / len(_WIDTHS))


def standardized(codes: np.ndarray) -> np.ndarray:
    """Give every entry of the code mean 0 and variance 1."""
    return (codes - codes.mean(axis=0)) / codes.std(axis=0)


def accuracy_against_normal(codes: np.ndarray, rng: np.random.Generator) -> float:
    """Train a classifier to tell codes from normal draws: its accuracy on the other half."""
    draws = rng.normal(size=codes.shape)
    X = np.concatenate([codes, draws]).astype(np.float32)
    y = np.repeat([0, 1], len(codes))
    train, test = np.array_split(rng.permutation(len(X)), 2)
    classifier = MLPClassifier((128, 128), early_stopping=True, max_iter=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(classifier.fit(X[train], y[train]).score(X[test], y[test]))
