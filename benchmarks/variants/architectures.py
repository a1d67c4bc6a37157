"""Convolutional and recurrent autoencoders, and networks of the user's own."""

import pickle
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch import nn

from benchmarks import series
from benchmarks.report import Aim, Result
from benchmarks.variants import drawing
from benchmarks.variants.measures import n_parameters
from benchmarks.variants.study import Study
from sklearn_ae import AutoencoderOutlierDetector
from sklearn_ae.architectures import MLP, Convolutional, Recurrent

_N_COMPONENTS = 32
_CONVOLUTIONAL_EPOCHS = 8
_MLP_EPOCHS = 20
_RECURRENT_EPOCHS = 6
_OWN_EPOCHS = 12

N_WINDOWS = 5000
N_TEST_WINDOWS = 1000  # of each kind
SERIES_SIZES = (4, 8, 12)
_PCA_SIZES = (2, 4, 6, 8, 12, 16, 24, 32)
_SERIES_EPOCHS = 30
_SERIES_HIDDEN = 64
_SERIES_SIZE = 8  # that the aim is about


def convolutional(study: Study) -> Result:
    """Lower error than a fully connected network with as many parameters."""
    n_features = study.data.X_test.shape[1]
    architecture = Convolutional(study.image_shape, channels=(16, 32), kernel_size=3)
    network = study.fit(
        _N_COMPONENTS, _CONVOLUTIONAL_EPOCHS, architecture=architecture, linear_path=None
    )
    width = width_of_equal_size(n_parameters(network), n_features, _N_COMPONENTS)
    mlp = study.fit(_N_COMPONENTS, _MLP_EPOCHS, architecture=MLP((width,)), linear_path=None)
    larger = study.fit(_N_COMPONENTS, _MLP_EPOCHS, linear_path=None)
    fits = {
        "convolutional, 16-32 channels": network,
        f"fully connected, {width}": mlp,
        "fully connected, 128-64": larger,
    }
    lines = [
        {
            "": name,
            "parameters": n_parameters(fitted),
            "epochs": fitted.n_iter_,
            "test MSE": study.error(fitted),
        }
        for name, fitted in fits.items()
    ]
    first, second = (line["test MSE"] for line in lines[:2])
    aims = [Aim("test MSE below the fully connected network's", first, "<", second)]
    return Result(f"{_N_COMPONENTS} numbers; no linear path", lines, aims)


def width_of_equal_size(n_wanted: int, n_features: int, n_components: int) -> int:
    """Give the width of one hidden layer each way with which an MLP has so many parameters."""
    per_unit = 2 * (n_features + n_components + 1)
    return max(1, round((n_wanted - n_features - n_components) / per_unit))


def recurrent(study: Study) -> Result:
    """Images read row by row, as sequences."""
    baseline = study.pca_error(_N_COMPONENTS)
    lines = [{"": "PCA", "test MSE": baseline}]
    aims = []
    for cell in ("gru", "lstm"):
        fitted = study.fit(
            _N_COMPONENTS,
            _RECURRENT_EPOCHS,
            architecture=Recurrent(study.image_shape, cell=cell, hidden_size=64),
        )
        error = study.error(fitted)
        lines.append({"": cell.upper(), "test MSE": error})
        aims.append(Aim(f"{cell.upper()}: test MSE below PCA's", error, "<", baseline))
    steps, values = study.image_shape
    settings = (
        f"{steps} steps of {values} pixels, {_N_COMPONENTS} numbers, state of 64, "
        f"with linear path, {study.epochs(_RECURRENT_EPOCHS)} epochs"
    )
    return Result(settings, lines, aims)


def recurrent_outliers(study: Study) -> Result:
    """Anomalies of time series that no single value tells."""
    X = series.make_windows(N_WINDOWS, study.seed)
    normal = series.make_windows(N_TEST_WINDOWS, study.seed + 1)
    anomalies = {
        kind: series.make_windows(N_TEST_WINDOWS, study.seed + 2 + i, anomaly=kind)
        for i, kind in enumerate(series.ANOMALIES)
    }
    scaler = StandardScaler().fit(X)
    lines, detectors = [], {}
    for k in _PCA_SIZES:
        pca = PCA(k, random_state=study.seed).fit(scaler.transform(X))
        detectors["PCA", k] = lambda rows, pca=pca: _pca_errors(pca, scaler, rows)
    fits = {}
    for k in SERIES_SIZES:
        fits[k] = AutoencoderOutlierDetector(
            k,
            architecture=Recurrent(series.SHAPE, hidden_size=_SERIES_HIDDEN),
            max_iter=study.epochs(_SERIES_EPOCHS),
            learning_rate=5e-3,
            batch_size=128,
            max_grad_norm=1.0,
            random_state=study.seed,
        ).fit(X)
        detectors["recurrent", k] = lambda rows, fitted=fits[k]: -fitted.score_samples(rows)
    for (name, k), score in detectors.items():
        of_normal = score(normal)
        areas = {kind: _area(of_normal, score(rows)) for kind, rows in anomalies.items()}
        lines.append({"": name, "code": k, "mean AUROC": float(np.mean([*areas.values()]))} | areas)
    means = {(line[""], line["code"]): line["mean AUROC"] for line in lines}
    ours = means["recurrent", _SERIES_SIZE]
    best = max(value for (name, _), value in means.items() if name == "PCA")
    aims = [
        Aim(
            f"{_SERIES_SIZE} numbers: mean AUROC above PCA's", ours, ">", means["PCA", _SERIES_SIZE]
        ),
        Aim(f"{_SERIES_SIZE} numbers: mean AUROC above PCA's of any size", ours, ">", best),
    ]
    _draw_series(study, normal, anomalies, scaler, fits[_SERIES_SIZE], X)
    settings = (
        f"windows of {series.SHAPE[0]} steps of {series.SHAPE[1]} coupled waves, {N_WINDOWS:,} for "
        f"training, {N_TEST_WINDOWS:,} of each kind to judge; GRU, state of {_SERIES_HIDDEN}, "
        f"{study.epochs(_SERIES_EPOCHS)} epochs; PCA: squared error of the standardised columns"
    )
    return Result(settings, lines, aims)


def _draw_series(
    study: Study,
    normal: np.ndarray,
    anomalies: dict[str, np.ndarray],
    scaler: StandardScaler,
    fitted: AutoencoderOutlierDetector,
    X: np.ndarray,
) -> None:
    windows = {"normal": normal[0]}
    windows |= {series.ANOMALIES[kind]: rows[0] for kind, rows in anomalies.items()}
    rows = np.stack([*windows.values()])
    pca = PCA(_SERIES_SIZE, random_state=study.seed).fit(scaler.transform(X))
    standard = pca.inverse_transform(pca.transform(scaler.transform(rows)))
    found = {"PCA": scaler.inverse_transform(standard), "Autoencoder": fitted.reconstruct(rows)}
    drawing.draw_windows(
        windows,
        {name: dict(zip(windows, values, strict=True)) for name, values in found.items()},
        series.SHAPE,
        f"Windows of coupled waves and their reconstructions from {_SERIES_SIZE} numbers",
        study.file("series"),
    )


def _pca_errors(pca: PCA, scaler: StandardScaler, rows: np.ndarray) -> np.ndarray:
    standard = scaler.transform(rows)
    return np.square(standard - pca.inverse_transform(pca.transform(standard))).mean(axis=1)


def _area(of_normal: np.ndarray, of_anomalies: np.ndarray) -> float:
    labels = np.repeat([0, 1], [len(of_normal), len(of_anomalies)])
    return float(roc_auc_score(labels, np.concatenate([of_normal, of_anomalies])))


def own(study: Study) -> Result:
    """Networks of the user's own: two modules, or an object that builds them."""
    X = study.data.X_test
    n_features = X.shape[1]
    baseline = study.pca_error(_N_COMPONENTS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(study.seed)
        modules = (
            nn.Sequential(nn.Linear(n_features, 128), nn.SiLU(), nn.Linear(128, _N_COMPONENTS)),
            nn.Sequential(nn.Linear(_N_COMPONENTS, 128), nn.SiLU(), nn.Linear(128, n_features)),
        )
    lines, aims = [{"": "PCA", "test MSE": baseline}], []
    kinds: dict[str, Any] = {"two modules": modules, "object with build": Residual(width=64)}
    for name, architecture in kinds.items():
        fitted = study.autoencoder(_N_COMPONENTS, _OWN_EPOCHS, architecture=architecture)
        fitted.fit(study.data.X_train)
        reconstructions = fitted.reconstruct(X)
        error = study.error(fitted)
        unpickled = pickle.loads(pickle.dumps(fitted))
        again = pickle.loads(pickle.dumps(clone(fitted))).fit(study.data.X_train)
        difference = max(
            float(abs(other.reconstruct(X) - reconstructions).max()) for other in (unpickled, again)
        )
        lines.append({"": name, "test MSE": error, "difference": difference})
        aims += [
            Aim(f"{name}: test MSE below PCA's", error, "<", baseline),
            Aim(f"{name}: largest difference after clone and pickle", difference, "=", 0),
        ]
    settings = (
        f"{_N_COMPONENTS} numbers, {study.epochs(_OWN_EPOCHS)} epochs; difference: the largest of "
        "any pixel, of the unpickled estimator and of its clone, pickled and fitted again"
    )
    return Result(settings, lines, aims)


class Residual(BaseEstimator):
    """A linear layer, and a hidden layer that adds to it."""

    def __init__(self, width: int = 32) -> None:
        self.width = width

    def build(self, n_features: int, n_components: int) -> tuple[nn.Module, nn.Module]:
        return (
            ResidualLayer(n_features, self.width, n_components),
            ResidualLayer(n_components, self.width, n_features),
        )


class ResidualLayer(nn.Module):
    """The layer that :class:`Residual` makes encoder and decoder of."""

    def __init__(self, n_in: int, width: int, n_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.hidden = nn.Sequential(nn.Linear(n_in, width), nn.Tanh(), nn.Linear(width, n_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) + self.hidden(x)
