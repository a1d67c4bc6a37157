"""Compare the autoencoder with PCA and its relatives at equal code size.

On one split: the error of held-out reconstructions, what the codes are good for (accuracy
of logistic regression and of the nearest neighbour, V-measure of k-means), time and memory.
Each fit runs in a process of its own, so that its memory can be told from the others'.
"""

import argparse
import multiprocessing
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.progress import track
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, PCA, IncrementalPCA, KernelPCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import v_measure_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import machine, pictures, report
from benchmarks.data import BenchmarkError, Data, load
from benchmarks.options import add_choice, add_output
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import reconstruction_error, reconstruction_r2

# Memory and time of KernelPCA grow with the square and the cube of the rows.
_KERNEL_PCA_ROWS = 2000
_N_PICTURED = 10

METHODS: dict[str, Callable[[int, int], BaseEstimator]] = {
    "PCA": lambda k, seed: PCA(k, random_state=seed),
    "IncrementalPCA": lambda k, _: IncrementalPCA(k),
    "KernelPCA": lambda k, seed: KernelPCA(
        k, kernel="rbf", fit_inverse_transform=True, alpha=1e-3, random_state=seed
    ),
    "NMF": lambda k, seed: NMF(k, init="nndsvda", random_state=seed),
    "Autoencoder": lambda k, seed: AutoencoderTransformer(k, random_state=seed),
}

_HEADINGS = {
    "method": "",
    "mse": "MSE",
    "squared_error": "per row",
    "r2": "R²",
    "logistic_regression": "LogReg",
    "nearest_neighbour": "1-NN",
    "v_measure": "k-means",
    "fit_rows": "fit rows",
    "fit_seconds": "fit s",
    "transform_seconds": "transf s",
    "peak_memory_mib": "MiB",
}
_LEGEND = (
    "\nHeld-out rows: mean squared error of the reconstruction, the same summed over the "
    "columns of a row, and the share of the variance that is reconstructed. Codes: accuracy "
    "of logistic regression and of the nearest neighbour, V-measure of k-means. Seconds to "
    "fit and to transform the test rows; memory that fitting takes beside the data.\n"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--dataset", default="digits", help="digits, mnist, PATH.npz or PATH.csv (default: digits)"
    )
    parser.add_argument("--n-components", type=int, nargs="+", default=[2, 8, 32], metavar="K")
    add_choice(parser, "--methods", METHODS)
    parser.add_argument("--seed", type=int, default=0)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure all methods at all code sizes; print the table, save JSON and pictures."""
    data = load(options.dataset, options.seed)  # before anything is started: it may not be there
    n_features = data.X_train.shape[1]
    if not all(1 <= k <= n_features for k in options.n_components):
        raise BenchmarkError(
            f"--n-components must be between 1 and the number of columns, {n_features}."
        )
    console = report.make_console()
    cases = [(k, method) for k in options.n_components for method in options.methods]
    results, samples = [], {}
    # A fresh process for each: neither memory nor threads of the others are in its way.
    with ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as processes:
        for k, method in track(cases, "", console=console, transient=True):
            job = processes.submit(measure, method, k, options.dataset, options.seed)
            result, samples[k, method] = job.result()
            results.append(result)
    name = Path(options.dataset).stem
    shape = f"{len(data.X_train):,} + {len(data.X_test):,} rows, {n_features} columns"
    for k in options.n_components:
        lines = [
            {heading: result[key] for key, heading in _HEADINGS.items() if key in result}
            for result in results
            if result["n_components"] == k
        ]
        console.print(report.table(lines, f"\n{name}, {k} components ({shape})"))
    content = {
        "command": f"python -m benchmarks pca --dataset {options.dataset} --n-components "
        + " ".join(map(str, options.n_components)),
        "machine": machine.describe(),
        "seed": options.seed,
        "n_train": len(data.X_train),
        "n_test": len(data.X_test),
        "n_features": n_features,
        "results": results,
    }
    report.save(options.output / f"pca-{name}.json", content)
    _draw(name, data, results, samples, options.output)
    console.print(f"{_LEGEND}\nSaved in {options.output}: pca-{name}*")


def measure(
    method: str, n_components: int, dataset: str, seed: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Measure one method at one code size."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # of NMF: its error tells
    data = load(dataset, seed)
    estimator = METHODS[method](n_components, seed)
    X_fit = data.X_train
    if method == "KernelPCA" and len(X_fit) > _KERNEL_PCA_ROWS:
        rows = np.random.RandomState(seed).choice(len(X_fit), _KERNEL_PCA_ROWS, replace=False)
        X_fit = X_fit[rows]
    if method == "KernelPCA":
        X_fit = X_fit.astype(np.float64)  # its matrices are ill-conditioned in float32
    # What is loaded and set up at first use is not the cost of a fit.
    clone(estimator).fit(X_fit[: max(100, 2 * n_components)])
    with machine.peak_memory() as growth:
        start = perf_counter()
        estimator.fit(X_fit)
        fit_seconds = perf_counter() - start
    # NMF takes nothing below zero, which test rows may have where columns are scaled.
    X_test = np.maximum(data.X_test, 0) if method == "NMF" else data.X_test
    start = perf_counter()
    codes = estimator.transform(X_test)
    transform_seconds = perf_counter() - start
    mse = reconstruction_error(estimator, X_test)
    result = {
        "method": method,
        "n_components": n_components,
        "fit_rows": len(X_fit),
        "mse": mse,
        "squared_error": mse * X_test.shape[1],
        "r2": reconstruction_r2(estimator, X_test),
        **_quality_of_codes(estimator, data, codes, seed),
        "fit_seconds": fit_seconds,
        "transform_seconds": transform_seconds,
        "peak_memory_mib": growth[0],
    }
    pictured = X_test[pictures.one_of_each(data.y_test, _N_PICTURED)]
    reconstructions = estimator.inverse_transform(estimator.transform(pictured))
    return result, {"codes": codes, "reconstructions": reconstructions}


def _quality_of_codes(
    estimator: BaseEstimator, data: Data, codes: np.ndarray, seed: int
) -> dict[str, float]:
    if data.y_train is None:
        return {}
    X_train = np.maximum(data.X_train, 0) if isinstance(estimator, NMF) else data.X_train
    train_codes = estimator.transform(X_train)
    classifiers = {
        "logistic_regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "nearest_neighbour": KNeighborsClassifier(n_neighbors=1),
    }
    quality = {
        name: float(clone(classifier).fit(train_codes, data.y_train).score(codes, data.y_test))
        for name, classifier in classifiers.items()
    }
    n_classes = len(np.unique(data.y_train))
    clusters = KMeans(n_classes, n_init=10, random_state=seed).fit_predict(codes)
    return quality | {"v_measure": float(v_measure_score(data.y_test, clusters))}


def _draw(
    name: str,
    data: Data,
    results: list[dict[str, Any]],
    samples: dict[tuple[int, str], dict[str, np.ndarray]],
    folder: Path,
) -> None:
    errors = {(result["n_components"], result["method"]): result["mse"] for result in results}
    sizes, methods = (list(dict.fromkeys(each)) for each in zip(*errors, strict=True))
    if data.image_shape is not None:
        originals = data.X_test[pictures.one_of_each(data.y_test, _N_PICTURED)]
        for k in sizes:
            rows = {"original": originals} | {
                f"{method}\nMSE {errors[k, method]:.4f}": samples[k, method]["reconstructions"]
                for method in methods
            }
            file = folder / f"pca-{name}-reconstructions-{k}.png"
            title = f"{name}: test images and their reconstructions from {k} numbers"
            pictures.draw_mosaics({"": rows}, data.image_shape, title, file)
    if 2 in sizes and data.y_test is not None:
        codes = {method: samples[2, method]["codes"] for method in methods}
        title = f"{name}: test rows in 2 numbers"
        pictures.draw_codes(codes, data.y_test, title, folder / f"pca-{name}-codes.png")
    if len(sizes) > 1:
        curves = {method: [errors[k, method] for k in sizes] for method in methods}
        title = f"{name}: error against code size"
        file = folder / f"pca-{name}-error.png"
        pictures.draw_errors(sizes, curves, "code size", title, file)
