"""Autoencoders that say how the data are distributed, or make the codes normal."""

import numpy as np
from sklearn.base import clone

from benchmarks import pictures
from benchmarks.report import Aim, Result
from benchmarks.variants import drawing
from benchmarks.variants.measures import (
    accuracy_against_normal,
    squared_discrepancy,
    standardized,
)
from benchmarks.variants.study import Study
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.latents import Adversarial, Variational, Wasserstein

# Variational and importance-weighted.
HIDDEN_LAYER_SIZES = (500, 500)
N_COMPONENTS = 50
EPOCHS = 100
LEARNING_RATE = 1e-3
BATCH_SIZE = 128
N_COPIES = 5  # independent binarisations of the training images
N_SAMPLES = 5  # of the importance-weighted bound
N_IMPORTANCE_SAMPLES = 5000
N_JUDGED = 1000  # test images whose likelihood is estimated
# Variance of the code's mean above which an entry is in use (Burda et al., 2016).
_IN_USE = 0.01

# Wasserstein and adversarial.
_PRIOR_COMPONENTS = 8
_PRIOR_EPOCHS = 15
# The default weight, and the one that did best on training images that were held out.
_WASSERSTEIN_WEIGHTS = (10.0, 100.0)
_ADVERSARIAL_COMPONENTS = (2, 8)
_ADVERSARIAL_EPOCHS = 30
_N_DISCREPANCY = 5000
_N_SAMPLES_DRAWN = 64


def variational(study: Study) -> Result:
    """Bound on the likelihood of binarised images, and samples of the prior."""
    return _likelihood(study, Variational(), "variational", at_most=89)


def importance_weighted(study: Study) -> Result:
    """Nearer bound, from several draws for each image."""
    latent = Variational(n_samples=N_SAMPLES)
    return _likelihood(study, latent, "importance-weighted", at_most=87)


def _likelihood(study: Study, latent: Variational, name: str, at_most: float) -> Result:
    rng = study.rng()
    X_train = binarized_copies(study.data.X_train, N_COPIES, rng)
    X_test = binarized_copies(study.data.X_test, 1, rng)
    chosen = rng.choice(len(X_test), min(N_JUDGED, len(X_test)), replace=False)
    # As many steps as with images that are binarised anew in each epoch.
    fitted = study.autoencoder(
        N_COMPONENTS,
        max(1, EPOCHS // N_COPIES),
        hidden_layer_sizes=HIDDEN_LAYER_SIZES,
        latent=latent,
        loss="binary_cross_entropy",
        learning_rate=LEARNING_RATE,
        batch_size=BATCH_SIZE,
    ).fit(X_train)
    nll = -float(fitted.log_likelihood(X_test[chosen], N_IMPORTANCE_SAMPLES).mean())
    variance = fitted.transform(X_test).var(axis=0)
    line = {
        "": name,
        "-log likelihood": nll,
        "entries in use": int((variance > _IN_USE).sum()),
        "variance of each entry": [round(float(value), 3) for value in np.sort(variance)[::-1]],
    }
    samples = {
        "test images": X_test[chosen[:_N_SAMPLES_DRAWN]],
        "samples": fitted.sample(_N_SAMPLES_DRAWN, random_state=study.seed),
    }
    title = f"{study.dataset}: decoded draws from the prior, {name}"
    pictures.draw_samples(samples, study.image_shape, title, study.file(f"{name}-samples"))
    title = f"{study.dataset}: what each entry of the code says, {name}"
    labels = ("entry of the code, in falling order", "variance of its mean")
    drawing.draw_bars(variance, labels, title, study.file(f"{name}-entries"))
    settings = (
        f"{'-'.join(map(str, HIDDEN_LAYER_SIZES))}-{N_COMPONENTS}, {fitted.max_iter} epochs over "
        f"{N_COPIES} random binarisations of the training images, learning rate {LEARNING_RATE:g}, "
        f"batches of {BATCH_SIZE}; nats, {N_IMPORTANCE_SAMPLES:,} importance samples, "
        f"{len(chosen):,} binarised test images; in use: variance of the mean above {_IN_USE}"
    )
    aims = [Aim("negative log likelihood, nats", nll, "<=", at_most)]
    return Result(settings, [line], aims)


def binarized_copies(X: np.ndarray, n_copies: int, rng: np.random.Generator) -> np.ndarray:
    """Stack independent binarisations: each pixel is 1 with the probability of its value."""
    stacked = np.empty((n_copies * len(X), X.shape[1]), np.float32)
    for copy in np.split(stacked, n_copies):
        copy[:] = rng.random(X.shape, np.float32) < X
    return stacked


def wasserstein(study: Study) -> Result:
    """Codes whose distribution is near to the normal one."""
    X = study.data.X_test[study.some_test_rows(_N_DISCREPANCY)]
    default, fitted = (
        study.fit(_PRIOR_COMPONENTS, _PRIOR_EPOCHS, latent=Wasserstein(weight))
        for weight in _WASSERSTEIN_WEIGHTS
    )
    untrained = clone(fitted).set_params(max_iter=1, learning_rate=1e-12)
    plain = study.fit(_PRIOR_COMPONENTS, _PRIOR_EPOCHS, linear_path=None)
    first, second = (f"Wasserstein, weight {weight:g}" for weight in _WASSERSTEIN_WEIGHTS)
    codes = {
        first: default.transform(X),
        second: fitted.transform(X),
        "the same before training": untrained.fit(study.data.X_train).transform(X),
        "plain, standardised": standardized(plain.transform(X)),
        "normal draws": study.rng().normal(size=(len(X), _PRIOR_COMPONENTS)),
    }
    estimators = {first: default, second: fitted, "plain, standardised": plain}
    found = {name: squared_discrepancy(code) for name, code in codes.items()}
    lines = [
        {
            "": name,
            "squared discrepancy": value,
            "test MSE": study.error(estimators[name]) if name in estimators else None,
        }
        for name, value in found.items()
    ]
    text = f"{second}: squared discrepancy, at most a fifth of"
    aims = [
        Aim(f"{text}: {name}", found[second], "<=", found[name] / 5)
        for name in ("the same before training", "plain, standardised")
    ]
    _draw_prior_samples(study, plain, fitted, "Wasserstein")
    settings = (
        f"128-64-{_PRIOR_COMPONENTS}, no linear path, {study.epochs(_PRIOR_EPOCHS)} epochs; "
        "unbiased estimate of the squared maximum mean discrepancy from the normal distribution, "
        f"{len(X):,} test images"
    )
    return Result(settings, lines, aims)


def adversarial(study: Study) -> Result:
    """Codes that a discriminator can not tell from normal draws."""
    lines, aims = [], []
    for n_components in _ADVERSARIAL_COMPONENTS:
        fitted = study.fit(n_components, _ADVERSARIAL_EPOCHS, latent=Adversarial())
        plain = study.fit(n_components, _PRIOR_EPOCHS, linear_path=None)
        codes = {
            "adversarial": fitted.transform(study.data.X_test),
            "plain, standardised": standardized(plain.transform(study.data.X_test)),
        }
        some = study.some_test_rows(_N_DISCREPANCY)
        found = [
            {
                "": name,
                "code": n_components,
                "fresh classifier": accuracy_against_normal(code, study.rng()),
                "squared discrepancy": squared_discrepancy(code[some]),
                "test MSE": study.error(estimator),
            }
            for (name, code), estimator in zip(codes.items(), (fitted, plain), strict=True)
        ]
        lines += found
        fresh = [line["fresh classifier"] for line in found]
        text = f"{n_components} numbers: fresh classifier, below that on plain codes"
        aims.append(Aim(text, fresh[0], "<", fresh[1]))
    _draw_prior_samples(study, plain, fitted, "adversarial")
    settings = (
        f"hidden layers 128-64, no linear path, {study.epochs(_PRIOR_EPOCHS)} epochs, "
        f"{study.epochs(_ADVERSARIAL_EPOCHS)} where adversarial; accuracy of a classifier in "
        "telling codes of test images from normal draws, trained on one half and judged on the "
        "other"
    )
    return Result(settings, lines, aims)


def _draw_prior_samples(
    study: Study, plain: AutoencoderTransformer, fitted: AutoencoderTransformer, name: str
) -> None:
    codes = plain.transform(study.data.X_train)
    draws = study.rng().normal(size=(_N_SAMPLES_DRAWN, _PRIOR_COMPONENTS))
    draws = draws.astype(codes.dtype) * codes.std(axis=0) + codes.mean(axis=0)
    samples = {
        "test images": study.data.X_test[:_N_SAMPLES_DRAWN],
        "plain, codes of the same\nmeans and variances": plain.inverse_transform(draws),
        f"{name}, codes from the prior": fitted.sample(_N_SAMPLES_DRAWN, random_state=study.seed),
    }
    title = (
        f"{study.dataset}: decoded draws from a normal distribution, {_PRIOR_COMPONENTS} numbers"
    )
    pictures.draw_samples(samples, study.image_shape, title, study.file(f"{name.lower()}-samples"))
