"""Plain, sparse, k-sparse, contractive and tied autoencoders."""

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.variants import drawing
from benchmarks.variants.measures import n_parameters, squared_error, squared_slope
from benchmarks.variants.study import Aim, Result, Study
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.latents import Contractive, Sparse, TopK

_EPOCHS = 12
_DEEP_EPOCHS = 25  # of the network with two numbers as its code
# More entries than pixels, and a single layer each way: a dictionary.
_OVERCOMPLETE = 1024
_OVERCOMPLETE_EPOCHS = 10
_OVERCOMPLETE_ROWS = 20_000
_OVERCOMPLETE_BATCH = 64
_L1_WEIGHTS = (0.1, 1.0, 3.0, 10.0)
_NEAR_ZERO = 1e-3
_TARGET = 0.05
_KL_WEIGHT = 10.0
_KS = (5, 10, 25, 50)
_CONTRACTIVE_WEIGHTS = (0.01, 0.03)  # the aim is about the first, the default
_SAME_ERROR = 1.1
_SLOPE_ROWS = 2000


def undercomplete(study: Study) -> Result:
    """Squared error below that of PCA at the same code size."""
    X = study.data.X_test
    networks = {
        "plain, 128-64-32": study.fit(32, _EPOCHS, output_activation="logistic"),
        "with linear path, 128-64-32": study.fit(32, _EPOCHS),
        "plain, 128-64-12-2": study.fit(
            2, _DEEP_EPOCHS, hidden_layer_sizes=(128, 64, 12), output_activation="logistic"
        ),
    }
    baselines = {k: squared_error(_reconstruct(study, k), X) for k in (32, 2)}
    lines = [{"": "PCA", "code": k, "test MSE": error} for k, error in baselines.items()]
    aims, rows = [], {"original": X[study.pictured(10)]}
    for k, error in baselines.items():
        rows[f"PCA, {k} numbers\nMSE {error:.4f}"] = _reconstruct(study, k)[study.pictured(10)]
        for name, network in networks.items():
            if network.n_components_ == k:
                reconstructions = network.reconstruct(X)
                mse = squared_error(reconstructions, X)
                lines.append({"": name, "code": k, "test MSE": mse})
                aims.append(Aim(f"test MSE of {name} below PCA's", mse, "<", error))
                label = f"Autoencoder, {name.partition(',')[0]}\nMSE {mse:.4f}"
                rows[label] = reconstructions[study.pictured(10)]
    title = f"{study.dataset}: test images and their reconstructions from 32 and 2 numbers"
    drawing.draw_mosaics({"": rows}, study.image_shape, title, study.file("undercomplete"))
    settings = (
        f"{study.epochs(_EPOCHS)} epochs, {study.epochs(_DEEP_EPOCHS)} for the code of 2; squared "
        "error; the plain networks have a logistic output"
    )
    return Result(settings, lines, aims)


def sparse(study: Study) -> Result:
    """Few active entries: by an L1 penalty, or on average as many as asked for."""
    X = study.data.X_test
    lines = []
    for weight in _L1_WEIGHTS:
        fitted = _overcomplete(study, Sparse("l1", weight=weight))
        codes = fitted.transform(X)
        lines.append(
            {
                "": "L1",
                "weight": weight,
                "near zero": float((abs(codes) < _NEAR_ZERO).mean()),
                "active": float((abs(codes) >= _NEAR_ZERO).sum(axis=1).mean()),
                "test MSE": squared_error(fitted.reconstruct(X), X),
            }
        )
    divergence = _overcomplete(study, Sparse("kl", weight=_KL_WEIGHT, target=_TARGET))
    codes = divergence.transform(X)
    lines.append(
        {
            "": f"KL, target {_TARGET}",
            "weight": _KL_WEIGHT,
            "near zero": float((abs(codes) < _NEAR_ZERO).mean()),
            "active": float((abs(codes) >= _NEAR_ZERO).sum(axis=1).mean()),
            "mean activation": float(codes.mean()),
            "test MSE": squared_error(divergence.reconstruct(X), X),
        }
    )
    shares = [line["near zero"] for line in lines[:-1]]
    errors = [line["test MSE"] for line in lines[:-1]]
    drawing.draw_curve(
        shares,
        errors,
        [f"{weight:g}" for weight in _L1_WEIGHTS],
        {"PCA, 32 numbers": _pca_error(study, 32)},
        labels=(f"share of the {_OVERCOMPLETE:,} code entries that are zero", "test MSE"),
        title=f"{study.dataset}: sparsity against error, by weight of the L1 penalty",
        file=study.file("sparse"),
    )
    n_rising = sum(b > a for a, b in pairwise(shares))
    aims = [
        Aim("steps in weight that make more zeros", n_rising, "=", len(shares) - 1),
        Aim("share near zero at the largest weight", shares[-1], ">=", 0.9),
        Aim(
            "KL: mean activation, relative distance from the target",
            abs(codes.mean() / _TARGET - 1),
            "<=",
            0.2,
        ),
    ]
    return Result(_overcomplete_settings(study) + f"; near zero: below {_NEAR_ZERO}", lines, aims)


def k_sparse(study: Study) -> Result:
    """Exactly k entries that are not zero."""
    X = study.data.X_test
    lines, aims = [], []
    for k in _KS:
        fitted = _overcomplete(study, TopK(k))
        counts = (fitted.transform(X) != 0).sum(axis=1)
        error = squared_error(fitted.reconstruct(X), X)
        pca = _pca_error(study, k)
        lines.append(
            {
                "k": k,
                "fewest": int(counts.min()),
                "most": int(counts.max()),
                "test MSE": error,
                "PCA, k numbers": pca,
            }
        )
        aims.append(
            Aim(f"share of rows with exactly {k} entries", float((counts == k).mean()), "=", 1)
        )
    errors = [line["test MSE"] for line in lines]
    n_falling = sum(b < a for a, b in pairwise(errors))
    aims.append(Aim("steps in k that lower the error", n_falling, "=", len(errors) - 1))
    curves = {"Autoencoder": errors, "PCA, k numbers": [line["PCA, k numbers"] for line in lines]}
    title = f"{study.dataset}: error against the number k of active entries, of {_OVERCOMPLETE:,}"
    drawing.draw_errors(_KS, curves, "k", title, study.file("k-sparse"))
    return Result(_overcomplete_settings(study), lines, aims)


def contractive(study: Study) -> Result:
    """Code that changes less where the input does, at about the same error."""
    X = study.data.X_test
    fits = {"plain": study.fit(32, _EPOCHS)} | {
        f"contractive, weight {weight:g}": study.fit(32, _EPOCHS, latent=Contractive(weight))
        for weight in _CONTRACTIVE_WEIGHTS
    }
    lines = [
        {
            "": name,
            "squared slope": squared_slope(fitted, X[study.some_test_rows(_SLOPE_ROWS)]),
            "test MSE": squared_error(fitted.reconstruct(X), X),
        }
        for name, fitted in fits.items()
    ]
    slope, error = (lines[1][key] / lines[0][key] for key in ("squared slope", "test MSE"))
    lines.append({"": "PCA", "squared slope": 1.0, "test MSE": _pca_error(study, 32)})
    name = lines[1][""]
    aims = [
        Aim(f"{name}: squared slope, share of the plain one", slope, "<=", 0.5),
        Aim(f"{name}: test MSE, share of the plain one", error, "<=", _SAME_ERROR),
    ]
    settings = (
        f"128-64-32 with linear path, {study.epochs(_EPOCHS)} epochs; squared slope: mean squared "
        f"norm of the Jacobian of the code over {min(_SLOPE_ROWS, len(X)):,} test images, in "
        "standard units and divided by the code size"
    )
    return Result(settings, lines, aims)


def tied(study: Study) -> Result:
    """Half the parameters, by using the encoder's weights in the decoder."""
    X = study.data.X_test
    options = {"output_activation": "logistic"}
    fits = {
        "untied": study.fit(32, _EPOCHS, **options),
        "tied": study.fit(32, _EPOCHS, architecture=MLP((128, 64), tied=True), **options),
    }
    lines = [
        {
            "": name,
            "parameters": n_parameters(fitted),
            "test MSE": squared_error(fitted.reconstruct(X), X),
        }
        for name, fitted in fits.items()
    ]
    pca = _pca_error(study, 32)
    lines.append({"": "PCA", "parameters": 33 * X.shape[1], "test MSE": pca})
    share = lines[1]["parameters"] / lines[0]["parameters"]
    aims = [
        Aim(
            "parameters, distance of their share of the untied from 1/2",
            abs(share - 0.5),
            "<=",
            0.05,
        ),
        Aim("test MSE of the tied network below PCA's", lines[1]["test MSE"], "<", pca),
    ]
    settings = f"128-64-32, logistic output, {study.epochs(_EPOCHS)} epochs"
    return Result(settings, lines, aims)


def _reconstruct(study: Study, n_components: int) -> np.ndarray:
    pca = study.pca(n_components)
    return pca.inverse_transform(pca.transform(study.data.X_test))


def _pca_error(study: Study, n_components: int) -> float:
    n_components = min(n_components, study.data.X_train.shape[1])
    return squared_error(_reconstruct(study, n_components), study.data.X_test)


def _overcomplete(study: Study, latent: Any) -> AutoencoderTransformer:
    return study.fit(
        _OVERCOMPLETE,
        _OVERCOMPLETE_EPOCHS,
        n_rows=_OVERCOMPLETE_ROWS,
        hidden_layer_sizes=(),
        batch_size=_OVERCOMPLETE_BATCH,
        latent=latent,
    )


def _overcomplete_settings(study: Study) -> str:
    n_rows = min(_OVERCOMPLETE_ROWS, len(study.data.X_train))
    return (
        f"{_OVERCOMPLETE:,} code entries, one layer each way, {study.epochs(_OVERCOMPLETE_EPOCHS)} "
        f"epochs over {n_rows:,} training images, batches of {_OVERCOMPLETE_BATCH}"
    )
