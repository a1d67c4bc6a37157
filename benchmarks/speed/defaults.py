"""What whole calls with default parameters take, in processor seconds of one thread."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter, process_time
from typing import Any

import numpy as np
import scipy.sparse
from sklearn import datasets
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from benchmarks.report import Result
from benchmarks.speed.cases import synthetic
from benchmarks.speed.rounds import Settings, interleave, ratio
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import reconstruction_error

# A function that makes the rows, and the code size.
Table = tuple[Callable[[], Any], int]
TABLES: dict[str, Table] = {
    "iris": (datasets.load_iris, 2),
    "wine": (datasets.load_wine, 4),
    "diabetes": (datasets.load_diabetes, 4),
    "breast cancer": (datasets.load_breast_cancer, 5),
    "digits": (datasets.load_digits, 8),
}
_IMPORTS = {
    "sklearn_ae": "import sklearn_ae",
    "sklearn, torch and skorch": "import sklearn, torch, skorch",
}


def fit(settings: Settings) -> Result:
    """Fit scikit-learn's small tables, beside MLPRegressor on the same rows."""
    tables = {name: (partial(_standard, load), k) for name, (load, k) in TABLES.items()}
    text = "columns z-scored; MLPRegressor: fit(X, X) by default, a hidden layer of 100"
    return _compare(
        settings,
        text,
        tables,
        "MLPRegressor",
        lambda X, _, seed: MLPRegressor(random_state=seed).fit(X, X),
    )


def rows(settings: Settings) -> Result:
    """Fit many synthetic rows, beside PCA."""
    shapes = [(20_000, 9), (20_000, 60), *([(1_000_000, 30)] if settings.large else [])]
    tables = {
        f"{n_rows:,} x {n_columns}": (partial(synthetic, n_rows, n_columns), n_columns // 3)
        for n_rows, n_columns in shapes
    }
    return _compare(settings, "rows near a curved surface, in noise", tables, "PCA", _fit_pca)


def sparse(settings: Settings) -> Result:
    """Fit a sparse table, beside TruncatedSVD."""
    make = partial(
        scipy.sparse.random_array,
        (20_000, 30_000),
        density=0.002,
        format="csr",
        dtype=np.float32,
        random_state=np.random.default_rng(0),
    )
    return _compare(
        settings,
        "CSR, 60 entries a row",
        {"20,000 x 30,000": (make, 10)},
        "TruncatedSVD",
        lambda X, k, seed: TruncatedSVD(k, random_state=seed).fit(X),
    )


def wide(settings: Settings) -> Result:
    """Fit a table of many columns and few rows, beside PCA."""
    tables: dict[str, Table] = {"150 x 15,000": (partial(synthetic, 150, 15_000), 10)}
    return _compare(settings, "rows near a curved surface, in noise", tables, "PCA", _fit_pca)


def transform(settings: Settings) -> Result:
    """Encode all rows by default, and by the encoder alone."""
    lines, raw = [], {}
    for name in ("digits", "wine"):
        load, k = TABLES[name]
        X = _standard(load)[: settings.max_rows]
        X_train, X_test = train_test_split(X, test_size=0.3, random_state=0)
        fitted = {
            text: AutoencoderTransformer(k, random_state=0, **parameters).fit(X_train)
            for text, parameters in {
                "by default": {},
                "n_refinement_steps=0": {"n_refinement_steps": 0},
            }.items()
        }
        runs = {
            text: lambda _, estimator=estimator, X=X: _seconds(lambda: estimator.transform(X))
            for text, estimator in fitted.items()
        }
        interleave(runs, 1)  # what is set up at first use does not count
        raw[name] = found = interleave(runs, settings.repetitions)
        first, second = found.values()
        for text, times in found.items():
            of_both = ratio(first, second) if text == "by default" else (1, 1, 1)
            lines.append(
                {
                    "": f"{name}, {text}",
                    "k": k,
                    "transform s": float(np.median(times)),
                    "ratio": of_both[0],
                    "from": of_both[1],
                    "to": of_both[2],
                    "error": reconstruction_error(fitted[text], X_test),
                }
            )
    text = "all rows; error: of the three tenths of the rows that fit does not see"
    return Result(text, lines, raw=raw)


def importing(settings: Settings) -> Result:
    """Import the package in a fresh process, beside what it is built on."""

    def run(code: str) -> float:
        start = perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return perf_counter() - start

    runs = {name: lambda _, code=code: run(code) for name, code in _IMPORTS.items()}
    interleave(runs, 1)  # from then on the files are in the system's cache
    found = interleave(runs, settings.repetitions)
    lines = [{"": name, "s": float(np.median(times))} for name, times in found.items()]
    lines[0]["ours / it"], lines[1]["ours / it"] = 1, ratio(*found.values()).median
    return Result("a fresh process, until it ends; seconds on the clock", lines, raw=found)


def _compare(
    settings: Settings,
    text: str,
    tables: dict[str, Table],
    peer: str,
    fit_peer: Callable[[Any, int, int], object],
) -> Result:
    lines, raw = [], {}

    def ours(X: Any, k: int, seed: int) -> tuple[float, float]:
        estimator = AutoencoderTransformer(k, random_state=seed)
        return _seconds(lambda: estimator.fit(X)), _seconds(lambda: estimator.transform(X))

    small = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    ours(small, 2, 0)  # what is loaded at first use is not the cost of a fit
    fit_peer(small, 2, 0)
    for name, (make, k) in tables.items():
        X = make()[: settings.max_rows]
        runs: dict[str, Callable[[int], Any]] = {
            "ours": partial(ours, X, k),
            peer: lambda seed, X=X, k=k: _seconds(lambda: fit_peer(X, k, seed)),
        }
        found = interleave(runs, settings.repetitions)
        fits, transforms = (list(each) for each in zip(*found["ours"], strict=True))
        raw[name] = {"fit": fits, "transform": transforms, peer: found[peer]}
        of_fits = ratio(fits, found[peer])
        lines.append(
            {
                "": name,
                "rows": X.shape[0],
                "cols": X.shape[1],
                "k": k,
                "fit s": float(np.median(fits)),
                "transform s": float(np.median(transforms)),
                f"{peer} s": float(np.median(found[peer])),
                "fit / it": of_fits.median,
                "from": of_fits.low,
                "to": of_fits.high,
            }
        )
    return Result(f"{text}; processor seconds on one thread, default parameters", lines, raw=raw)


def _standard(load: Callable[[], Any]) -> np.ndarray:
    return StandardScaler().fit_transform(load().data).astype(np.float32)


def _fit_pca(X: np.ndarray, k: int, seed: int) -> PCA:
    return PCA(k, random_state=seed).fit(X)


def _seconds(call: Callable[[], object]) -> float:
    start = process_time()
    call()
    return process_time() - start
