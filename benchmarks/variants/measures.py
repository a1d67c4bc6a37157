"""What the rows of the benchmark measure."""

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

# Widths of the kernels, as shares of the typical distance of two draws from the prior.
_WIDTHS = (0.25, 0.5, 1.0, 2.0)


def squared_error(reconstructions: np.ndarray, images: np.ndarray) -> float:
    """Compute the mean squared error of a pixel."""
    return float(np.square(reconstructions - images, dtype=np.float64).mean())


def psnr(images: np.ndarray, clean: np.ndarray) -> float:
    """Compute the peak signal-to-noise ratio in decibels, the peak being 1, a mean over images."""
    errors = np.square(images - clean, dtype=np.float64).mean(axis=1)
    return float((-10 * np.log10(errors)).mean())


def n_parameters(estimator: Any) -> int:
    """Count the parameters of encoder, decoder and linear path; shared ones once."""
    return sum(parameter.numel() for parameter in estimator.net_.module_.parameters())


def squared_slope(estimator: Any, X: np.ndarray) -> float:
    """Compute the mean squared norm of the encoder's Jacobian, exactly.

    In standard units and divided by the size of the code, so that it is 1 for PCA.
    """
    module = estimator.net_.module_
    standard = module.standardize(torch.tensor(X)).requires_grad_()
    code = module.encode_standard(standard)
    total = 0.0
    for i in range(code.shape[1]):
        (slope,) = torch.autograd.grad(code[:, i].sum(), standard, retain_graph=True)
        total += float(slope.square().sum(dim=1).mean())
    return total / code.shape[1]


def squared_discrepancy(codes: np.ndarray, *, is_biased: bool = False) -> float:
    """Compute the squared maximum mean discrepancy of codes from the standard normal distribution.

    Without bias: 0 in expectation for draws from it, and below 0 for about half of them.
    The kernel is a mean of Gaussian ones of several widths.
    """
    codes = codes.astype(np.float64)
    n, n_components = codes.shape
    squares = np.square(codes).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * codes @ codes.T, 0)
    total = 0.0
    for width in _WIDTHS:
        variance = 2 * n_components * width**2
        pairs = np.exp(distances / (-2 * variance))
        among_codes = pairs.mean() if is_biased else (pairs.sum() - np.trace(pairs)) / (n * (n - 1))
        to_prior = np.exp(squares / (-2 * (variance + 1))).mean()
        to_prior *= (variance / (variance + 1)) ** (n_components / 2)
        in_prior = (variance / (variance + 2)) ** (n_components / 2)
        total += among_codes - 2 * to_prior + in_prior
    return float(total / len(_WIDTHS))


def standardized(codes: np.ndarray) -> np.ndarray:
    """Give every entry of the code mean 0 and variance 1."""
    return (codes - codes.mean(axis=0)) / codes.std(axis=0)


def accuracy_against_normal(codes: np.ndarray, rng: np.random.Generator) -> float:
    """Let a fresh classifier tell codes from normal draws.

    It is trained on one half of them and judged on the other: one half, if they can
    not be told apart.
    """
    draws = rng.normal(size=codes.shape)
    X = np.concatenate([codes, draws]).astype(np.float32)
    y = np.repeat([0, 1], len(codes))
    order = rng.permutation(len(X))
    train, test = np.array_split(order, 2)
    classifier = MLPClassifier((128, 128), early_stopping=True, max_iter=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(classifier.fit(X[train], y[train]).score(X[test], y[test]))


def discriminator_accuracy(estimator: Any, codes: np.ndarray, rng: np.random.Generator) -> float:
    """Give the accuracy with which a network's own discriminator tells codes from normal draws."""
    discriminator = estimator.net_.module_.latent.discriminator
    draws = torch.tensor(rng.normal(size=codes.shape), dtype=torch.float32)
    with torch.no_grad():
        of_codes, of_draws = discriminator(torch.tensor(codes)), discriminator(draws)
    return float(((of_codes < 0).float().mean() + (of_draws > 0).float().mean()) / 2)


def divergence_and_means(estimator: Any, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the divergence of each code entry from the prior, in nats, and the variance of its mean.

    Both over the rows of X, for a variational autoencoder.
    """
    module = estimator.net_.module_
    with torch.no_grad():
        mean, log_variance = module.hidden(module.standardize(torch.tensor(X))).chunk(2, dim=-1)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance) / 2
        return divergence.mean(dim=0).numpy(), mean.var(dim=0).numpy()
