"""Plain, sparse, k-sparse, contractive and tied autoencoders."""

from itertools import pairwise
from typing import Any

from benchmarks import pictures
from benchmarks.report import Aim, Result
from benchmarks.variants import drawing
from benchmarks.variants.measures import n_parameters, squared_slope
from benchmarks.variants.study import Study
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.latents import Contractive, Sparse, TopK

_EPOCHS = 12
_DEEP_EPOCHS = 25  # of the network with two numbers as its code
# More entries than pixels, and a single layer each way: a dictionary.
OVERCOMPLETE = 1024
_OVERCOMPLETE_EPOCHS = 10
_OVERCOMPLETE_ROWS = 20_000
_OVERCOMPLETE_BATCH = 64
L1_WEIGHTS = (0.1, 1.0, 3.0, 10.0)
_NEAR_ZERO = 1e-3
_TARGET = 0.05
_KL_WEIGHT = 10.0
KS = (5, 10, 25, 50)
_CONTRACTIVE_WEIGHTS = (0.01, 0.03)  # the aim is about the first, the default
_SLOPE_ROWS = 2000


def undercomplete(study: Study) -> Result:
    """Squared error below that of PCA at the same code size."""
    X = study.data.X_test[study.pictured(10)]
    deep = (128, 64, 12)
    plain = {"output_activation": "logistic"}
    networks = {
        "plain, 128-64-32": study.fit(32, _EPOCHS, **plain),
        "with linear path, 128-64-32": study.fit(32, _EPOCHS),
        "plain, 128-64-12-2": study.fit(2, _DEEP_EPOCHS, hidden_layer_sizes=deep, **plain),
    }
    baselines = {k: study.pca_error(k) for k in (32, 2)}
    lines = [{"": "PCA", "code": k, "test MSE": error} for k, error in baselines.items()]
    aims, rows = [], {"original": X}
    for k, error in baselines.items():
        pca = study.pca(k)
        rows[f"PCA, {k} numbers\nMSE {error:.4f}"] = pca.inverse_transform(pca.transform(X))
        for name, network in networks.items():
            if network.n_components_ == k:
                mse = study.error(network)
                lines.append({"": name, "code": k, "test MSE": mse})
                aims.append(Aim(f"test MSE of {name} below PCA's", mse, "<", error))
                label = f"Autoencoder, {name.partition(',')[0]}\nMSE {mse:.4f}"
                rows[label] = network.reconstruct(X)
    title = f"{study.dataset}: test images and their reconstructions from 32 and 2 numbers"
    pictures.draw_mosaics({"": rows}, study.image_shape, title, study.file("undercomplete"))
    settings = (
        f"{study.epochs(_EPOCHS)} epochs, {study.epochs(_DEEP_EPOCHS)} for the code of 2; squared "
        "error; the plain networks have a logistic output"
    )
    return Result(settings, lines, aims)


def sparse(study: Study) -> Result:
    """Few active entries: by an L1 penalty, or on average as many as asked for."""
    latents = {f"L1, weight {weight:g}": Sparse("l1", weight=weight) for weight in L1_WEIGHTS}
    latents[f"KL, target {_TARGET}"] = Sparse("kl", weight=_KL_WEIGHT, target=_TARGET)
    lines = []
    for name, latent in latents.items():
        fitted = _overcomplete(study, latent)
        codes = fitted.transform(study.data.X_test)
        is_active = abs(codes) >= _NEAR_ZERO
        line = {
            "": name,
            "near zero": float(1 - is_active.mean()),
            "active": float(is_active.sum(axis=1).mean()),
            "mean activation": float(codes.mean()),
            "test MSE": study.error(fitted),
        }
        lines.append(line)
    shares = [line["near zero"] for line in lines[:-1]]
    drawing.draw_curve(
        shares,
        [line["test MSE"] for line in lines[:-1]],
        [f"{weight:g}" for weight in L1_WEIGHTS],
        {"PCA, 32 numbers": study.pca_error(32)},
        labels=(f"share of the {OVERCOMPLETE:,} code entries that are zero", "test MSE"),
        title=f"{study.dataset}: sparsity against error, by weight of the L1 penalty",
        file=study.file("sparse"),
    )
    n_rising = sum(b > a for a, b in pairwise(shares))
    distance = abs(lines[-1]["mean activation"] / _TARGET - 1)
    aims = [
        Aim("steps in weight that make more zeros", n_rising, "=", len(shares) - 1),
        Aim("share near zero at the largest weight", shares[-1], ">=", 0.9),
        Aim("KL: mean activation, relative distance from the target", distance, "<=", 0.2),
    ]
    return Result(_overcomplete_settings(study) + f"; near zero: below {_NEAR_ZERO}", lines, aims)


def k_sparse(study: Study) -> Result:
    """Exactly k entries that are not zero."""
    lines, aims = [], []
    for k in KS:
        fitted = _overcomplete(study, TopK(k))
        counts = (fitted.transform(study.data.X_test) != 0).sum(axis=1)
        line = {
            "k": k,
            "fewest": int(counts.min()),
            "most": int(counts.max()),
            "test MSE": study.error(fitted),
            "PCA, k numbers": study.pca_error(k),
        }
        lines.append(line)
        share = float((counts == k).mean())
        aims.append(Aim(f"share of rows with exactly {k} entries", share, "=", 1))
    errors = [line["test MSE"] for line in lines]
    n_falling = sum(b < a for a, b in pairwise(errors))
    aims.append(Aim("steps in k that lower the error", n_falling, "=", len(errors) - 1))
    curves = {"Autoencoder": errors, "PCA, k numbers": [line["PCA, k numbers"] for line in lines]}
    title = f"{study.dataset}: error against the number k of active entries, of {OVERCOMPLETE:,}"
    pictures.draw_errors(KS, curves, "k", title, study.file("k-sparse"))
    return Result(_overcomplete_settings(study), lines, aims)


def contractive(study: Study) -> Result:
    """Code that changes less where the input does, at about the same error."""
    X = study.data.X_test[study.some_test_rows(_SLOPE_ROWS)]
    # Of the encoder alone, which is what the penalty is about.
    fits = {"plain": study.fit(32, _EPOCHS, n_refinement_steps=0)} | {
        f"contractive, weight {weight:g}": study.fit(
            32, _EPOCHS, latent=Contractive(weight), n_refinement_steps=0
        )
        for weight in _CONTRACTIVE_WEIGHTS
    }
    methods = {**fits, "PCA": study.pca(32)}
    lines = [
        {
            "": name,
            "squared slope": squared_slope(method, X, study.rng()),
            "test MSE": study.error(method),
        }
        for name, method in methods.items()
    ]
    slope, error = (lines[1][key] / lines[0][key] for key in ("squared slope", "test MSE"))
    name = lines[1][""]
    aims = [
        Aim(f"{name}: squared slope, share of the plain one", slope, "<=", 0.5),
        Aim(f"{name}: test MSE, share of the plain one", error, "<=", 1.1),
    ]
    settings = (
        f"128-64-32 with linear path, {study.epochs(_EPOCHS)} epochs; squared slope: mean squared "
        f"norm of the Jacobian of the code over {len(X):,} test images, divided by the code size"
    )
    return Result(settings, lines, aims)


def tied(study: Study) -> Result:
    """Half the parameters, by using the encoder's weights in the decoder."""
    options = {"output_activation": "logistic"}
    fits = {
        "untied": study.fit(32, _EPOCHS, **options),
        "tied": study.fit(32, _EPOCHS, architecture=MLP((128, 64), tied=True), **options),
    }
    lines = [
        {"": name, "parameters": n_parameters(fitted), "test MSE": study.error(fitted)}
        for name, fitted in fits.items()
    ]
    pca = study.pca_error(32)
    lines.append({"": "PCA", "parameters": 33 * study.data.X_test.shape[1], "test MSE": pca})
    distance = abs(lines[1]["parameters"] / lines[0]["parameters"] - 0.5)
    text = "parameters, distance of their share of the untied from 1/2"
    aims = [
        Aim(text, distance, "<=", 0.05),
        Aim("test MSE of the tied network below PCA's", lines[1]["test MSE"], "<", pca),
    ]
    settings = f"128-64-32, logistic output, {study.epochs(_EPOCHS)} epochs"
    return Result(settings, lines, aims)


def _overcomplete(study: Study, latent: Any) -> AutoencoderTransformer:
    return study.fit(
        OVERCOMPLETE,
        _OVERCOMPLETE_EPOCHS,
        n_rows=_OVERCOMPLETE_ROWS,
        hidden_layer_sizes=(),
        batch_size=_OVERCOMPLETE_BATCH,
        latent=latent,
    )


def _overcomplete_settings(study: Study) -> str:
    n_rows = min(_OVERCOMPLETE_ROWS, len(study.data.X_train))
    return (
        f"{OVERCOMPLETE:,} code entries, one layer each way, {study.epochs(_OVERCOMPLETE_EPOCHS)} "
        f"epochs over {n_rows:,} training images, batches of {_OVERCOMPLETE_BATCH}"
    )
