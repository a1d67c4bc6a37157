"""The classic figures of autoencoders on MNIST, beside those that are published.

Errors are of the 10,000 test images, pixels in [0, 1]; means over seeds. Labels are never
seen by an autoencoder: they judge its codes.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import v_measure_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import machine
from benchmarks.data import Data, load
from benchmarks.options import add_output, check_positive
from benchmarks.variants.study import Aim
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruption import MaskingNoise

# The network of Hinton and Salakhutdinov (2006), who report 3.00 with pre-training.
_DEEP = {
    "hidden_layer_sizes": (1000, 500, 250),
    "optimizer": "adamw",
    "weight_decay": 0.5,
    "batch_size": 256,
    "max_iter": 80,
    "early_stopping": False,
    "n_iter_no_change": None,
    "precision": "auto",
}


class Model(NamedTuple):
    """An autoencoder, and what it has to show.

    Attributes
    ----------
    n_components : int
        Code size.
    parameters : dict
        What is not as by default.
    measure : callable
        ``(fitted, data)`` to figures by name.
    aims : dict of str to (str, float)
        Relation and bound for each figure.
    """

    n_components: int
    parameters: dict[str, Any]
    measure: Callable[[Any, Data], dict[str, float]]
    aims: dict[str, tuple[str, float]]


def _error_of_images(fitted: Any, data: Data) -> dict[str, float]:
    return {"error of an image": _mean_squared_error(fitted, data) * data.X_test.shape[1]}


def _error_and_codes(fitted: Any, data: Data) -> dict[str, float]:
    train, test = (fitted.transform(X) for X in (data.X_train, data.X_test))
    neighbour = KNeighborsClassifier(1).fit(train, data.y_train)
    clusters = KMeans(10, n_init=10, random_state=0).fit_predict(test)
    return {
        "MSE": _mean_squared_error(fitted, data),
        "1-NN accuracy": float(neighbour.score(test, data.y_test)),
        "V-measure": float(v_measure_score(data.y_test, clusters)),
    }


def _linear_classifier(fitted: Any, data: Data) -> dict[str, float]:
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    classifier.fit(fitted.transform(data.X_train), data.y_train)
    return {"accuracy": float(classifier.score(fitted.transform(data.X_test), data.y_test))}


MODELS: dict[str, Model] = {
    "deep": Model(30, _DEEP, _error_of_images, {"error of an image": ("<=", 2.40)}),
    "default": Model(30, {}, _error_of_images, {"error of an image": ("<=", 3.5)}),
    "two": Model(
        2,
        _DEEP | {"weight_decay": 0.3},
        _error_and_codes,
        {"MSE": ("<=", 0.0345), "1-NN accuracy": (">=", 0.80), "V-measure": (">=", 0.55)},
    ),
    "sixty-four": Model(
        64,
        # Of so small an error, more than a third is that of the encoder's guess.
        _DEEP | {"transform_max_iter": 10},
        _error_and_codes,
        {"MSE": ("<=", 0.0013), "1-NN accuracy": (">=", 0.98), "V-measure": (">=", 0.56)},
    ),
    "denoising": Model(
        128,
        # With three quarters of the pixels gone, only the shape is left to be encoded.
        {
            "hidden_layer_sizes": (1000, 1000),
            "corruption": MaskingNoise(0.75),
            "linear_path": None,
            "learning_rate": 2e-3,
            "weight_decay": 0.1,
            "batch_size": 256,
            "max_iter": 40,
            "early_stopping": False,
            "n_iter_no_change": None,
            "precision": "auto",
        },
        _linear_classifier,
        {"accuracy": (">=", 0.975)},
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", nargs="+", default=list(MODELS), choices=list(MODELS), metavar="MODEL"
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of fits (default: 3)")
    parser.add_argument(
        "--dataset", default="mnist", choices=["mnist", "digits"], help="(default: mnist)"
    )
    parser.add_argument(
        "--max-iter", type=int, help="epochs of every fit, for a quick look (default: its own)"
    )
    add_output(parser, "the JSON file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Fit model after model; print a table of each, save a JSON file."""
    check_positive(options, "seeds", "max_iter")
    data = load(options.dataset)
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / f"mnist-{options.dataset}.json"
    console = Console()
    header = {
        "command": f"python -m benchmarks mnist --dataset {options.dataset}",
        "max_iter": options.max_iter,
    }
    found = models_of_other_runs(file, header)
    for name in options.only:
        model = MODELS[name]
        with warnings.catch_warnings():
            # So many epochs are what there is time for; the errors tell.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits = [_measure(model, data, seed, options.max_iter) for seed in range(options.seeds)]
        baseline = PCA(model.n_components, random_state=0).fit(data.X_train)
        pca = model.measure(_AsFitted(baseline), data)
        found[name] = report(model, fits, pca)
        console.print(table(name, model, found[name]))
        # After each model: what follows may take long, or be interrupted.
        file.write_text(json.dumps(header | {"models": found}, indent=1) + "\n")
    console.print(f"\nSaved: {file}", highlight=False)


def models_of_other_runs(file: Path, header: dict[str, Any]) -> dict[str, Any]:
    """Read the models that a file has already, to be kept beside those that are measured now.

    Each says on which machine it was.

    Parameters
    ----------
    file : Path
        The file; there need not be one.
    header : dict
        The settings.

    Returns
    -------
    models : dict of str to dict
        Their reports; none where the settings were others.
    """
    if not file.exists():
        return {}
    content = json.loads(file.read_text())
    models = content.pop("models", {})
    return models if content == json.loads(json.dumps(header)) else {}


def report(model: Model, fits: list[dict[str, float]], pca: dict[str, float]) -> dict[str, Any]:
    """Sum up the fits of a model.

    Parameters
    ----------
    model : Model
        The model.
    fits : list of dict
        The figures of each.
    pca : dict
        Those of PCA at the same code size.

    Returns
    -------
    report : dict
        Figures of all seeds, and aims by their means.
    """
    means = {name: float(np.mean([fit[name] for fit in fits])) for name in fits[0]}
    aims = [Aim(name, means[name], *bound) for name, bound in model.aims.items()]
    return {
        "machine": machine.describe(),
        "n_components": model.n_components,
        "parameters": {name: str(value) for name, value in model.parameters.items()},
        "fits": fits,
        "mean": means,
        "pca": pca,
        "aims": [aim.to_json() for aim in aims],
    }


def table(name: str, model: Model, found: dict[str, Any]) -> Table:
    """Make the table of a model."""
    made = Table(
        title=f"\n{name}: {model.n_components} components", title_justify="left", title_style="bold"
    )
    for column in ("figure", "mean", "of all seeds", "PCA", "aim"):
        made.add_column(column, justify="left" if column == "figure" else "right")
    aims = {aim["aim"]: aim for aim in found["aims"]}
    for figure, mean in found["mean"].items():
        aim = aims.get(figure)
        made.add_row(
            figure,
            f"{mean:.4g}",
            " ".join(f"{fit[figure]:.4g}" for fit in found["fits"]),
            f"{found['pca'][figure]:.4g}" if figure in found["pca"] else "",
            ""
            if aim is None
            else f"{aim['relation']} {aim['bound']:g}: {'met' if aim['met'] else 'missed'}",
        )
    return made


class _AsFitted:
    """PCA, with the error as its score, as ours has."""

    def __init__(self, pca: PCA) -> None:
        self.transform = pca.transform
        self._inverse_transform = pca.inverse_transform

    def score(self, X: np.ndarray) -> float:
        return -float(np.square(self._inverse_transform(self.transform(X)) - X).mean())


def _measure(model: Model, data: Data, seed: int, max_iter: int | None) -> dict[str, float]:
    parameters = dict(model.parameters)
    if max_iter is not None:
        parameters["max_iter"] = max_iter
    start = perf_counter()
    fitted = AutoencoderTransformer(model.n_components, random_state=seed, **parameters)
    fitted.fit(data.X_train)
    seconds = perf_counter() - start
    return model.measure(fitted, data) | {"seconds of the fit": seconds}


def _mean_squared_error(fitted: Any, data: Data) -> float:
    return -float(fitted.score(data.X_test))
