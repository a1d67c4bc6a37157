"""What the examples of the user guide cost: seconds, and memory beyond that of the packages.

Whole calls with default parameters but those that are named, in processor seconds on one thread.
Each case runs in a fresh process, which has fitted once before the clock starts.
"""

import argparse
import multiprocessing
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_wine

from benchmarks import machine, report
from benchmarks.options import add_choice, add_output
from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.architectures import Convolutional, Recurrent
from sklearn_ae.corruption import MaskingNoise
from sklearn_ae.latents import TopK


def curved_rows(n_rows: int, n_columns: int) -> np.ndarray:
    """Give rows near a curved surface of three dimensions, in noise."""
    rng = np.random.default_rng(0)
    X = np.tanh(rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, n_columns)))
    return X + 0.05 * rng.normal(size=X.shape)


ROWS: dict[str, Callable[[], np.ndarray]] = {
    "digits": lambda: load_digits().data,
    "wine": lambda: load_wine().data,
    "20,000 x 20": lambda: curved_rows(20_000, 20),
}
_IMAGES = Convolutional(image_shape=(8, 8), channels=(8, 16), kernel_size=3)
_SERIES = {"architecture": Recurrent(sequence_shape=(8, 8)), "max_grad_norm": 1}
# The rows, the estimator, and the methods that are called after `fit`, with all rows.
CASES: dict[str, tuple[str, Any, tuple[str, ...]]] = {
    "transformer, 8 numbers": ("digits", AutoencoderTransformer(8), ("transform",)),
    "neighbors, 2 numbers": (
        "digits",
        AutoencoderTransformer(2, latent="neighbors"),
        ("transform",),
    ),
    "masking noise, 32 numbers": (
        "digits",
        AutoencoderTransformer(32, corruption=MaskingNoise(0.3)),
        ("reconstruct",),
    ),
    "variational, 8 numbers": (
        "digits",
        AutoencoderTransformer(8, latent="variational"),
        ("log_likelihood", "sample"),
    ),
    "wasserstein, 8 numbers": (
        "digits",
        AutoencoderTransformer(8, latent="wasserstein"),
        ("sample",),
    ),
    "adversarial, 8 numbers": (
        "digits",
        AutoencoderTransformer(8, latent="adversarial"),
        ("sample",),
    ),
    "top 5 of 100 numbers": ("digits", AutoencoderTransformer(100, latent=TopK(5)), ("transform",)),
    "sparse, 100 numbers": ("digits", AutoencoderTransformer(100, latent="sparse"), ("transform",)),
    "contractive, 8 numbers": (
        "digits",
        AutoencoderTransformer(8, latent="contractive"),
        ("transform",),
    ),
    "convolutional, 8 numbers": (
        "digits",
        AutoencoderTransformer(8, architecture=_IMAGES),
        ("transform",),
    ),
    "recurrent, 8 numbers": ("digits", AutoencoderTransformer(8, **_SERIES), ("transform",)),
    "detector, wine": ("wine", AutoencoderOutlierDetector(), ("score_samples", "explain")),
    "detector, digits": ("digits", AutoencoderOutlierDetector(), ("score_samples", "explain")),
    "detector, 20,000 x 20": (
        "20,000 x 20",
        AutoencoderOutlierDetector(),
        ("score_samples", "p_values"),
    ),
    "ONNX, no refinement": (
        "digits",
        AutoencoderTransformer(8, n_refinement_steps=0),
        ("save", "to_onnx", "run 1 row", "run all rows"),
    ),
    "ONNX, 20 refinement steps": (
        "digits",
        AutoencoderTransformer(8),
        ("to_onnx", "run 1 row", "run all rows"),
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_choice(parser, "--cases", CASES)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure case after case; print a table, save a JSON file."""
    console = report.make_console()
    lines = []
    for case in options.cases:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            lines += fresh.submit(measure, case).result()
    console.print(report.table(lines))
    file = options.output / "costs.json"
    header = {"command": "python -m benchmarks costs", "machine": machine.describe()}
    report.save(file, header | {"settings": __doc__, "measured": lines})
    console.print(f"\nSaved: {file}")


def measure(case: str) -> list[dict[str, Any]]:
    """Measure the calls of a case, in this process."""
    warnings.simplefilter("ignore")
    rows, estimator, methods = CASES[case]
    X = ROWS[rows]()
    with machine.use_threads(1):
        estimator.set_params(random_state=0)
        estimator.__class__(1, max_iter=1).fit(X[:150, :5])
        return [
            {"": case, "rows": len(X), "columns": X.shape[1], "call": name, **timed(call)}
            for name, call in calls(estimator, methods, X)
        ]


def calls(estimator: Any, methods: tuple[str, ...], X: np.ndarray) -> Any:
    """Give the calls one after the other, each with its name."""
    yield "fit", lambda: estimator.fit(X)
    for method in methods:
        if method == "sample":
            yield "sample 1,000", lambda: estimator.sample(1000, random_state=0)
        elif method == "save":
            yield "save", lambda: save(estimator)
        elif method == "to_onnx":
            from sklearn_ae import to_onnx

            part: dict[str, Any] = {}
            yield "to_onnx", lambda part=part: part.update(model=to_onnx(estimator, "transform"))
            model = part["model"].SerializeToString()
            session = start_session(model)
            session.run(None, {"X": X[:1]})
        elif method == "run 1 row":
            yield method, lambda run=session.run: run(None, {"X": X[:1]})
        elif method == "run all rows":
            yield method, lambda run=session.run: run(None, {"X": X})
        else:
            yield method, lambda method=method: getattr(estimator, method)(X)


def start_session(model: bytes) -> Any:
    """Start ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options)


def save(estimator: Any) -> None:
    """Save an estimator to a file."""
    with tempfile.TemporaryDirectory() as folder:
        estimator.save(Path(folder) / "model.safetensors")


def timed(call: Callable[[], Any]) -> dict[str, float]:
    """Measure a call: processor seconds, and by how many MiB the process grows at its peak."""
    with machine.peak_memory() as growth:
        start = time.process_time()
        call()
        seconds = time.process_time() - start
    return {"seconds": seconds, "memory, MiB": growth[0]}
