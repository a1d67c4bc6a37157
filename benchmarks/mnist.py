"""The classic figures of autoencoders on MNIST, beside those that are published.

Errors are of the 10,000 test images, pixels in [0, 1]; means over seeds. Labels are never
seen by an autoencoder: they judge its codes.
"""

import argparse
import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
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
from benchmarks.options import add_choice, add_images, add_number, add_output, check_positive
from benchmarks.report import Aim, Result, make_console, merge, show
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruption import MaskingNoise
from sklearn_ae.metrics import reconstruction_error

# The network of Hinton and Salakhutdinov (2006), who report 3.00 with pre-training.
_DEEP = {
    "hidden_layer_sizes": (1000, 500, 250),
    "optimizer": "adamw",
    "weight_decay": 0.5,
    "batch_size": 256,
    "max_iter": 80,
    "early_stopping": False,
    "n_iter_no_change": None,
}


class Model(NamedTuple):
    """An autoencoder, what is measured of it, and relation and bound of each aim."""

    n_components: int
    parameters: dict[str, Any]
    measure: Callable[[Any, Data], dict[str, float]]
    aims: dict[str, tuple[str, float]]


def _error_of_images(fitted: Any, data: Data) -> dict[str, float]:
    return {"error of an image": reconstruction_error(fitted, data.X_test) * data.X_test.shape[1]}


def _error_and_codes(fitted: Any, data: Data) -> dict[str, float]:
    train, test = (fitted.transform(X) for X in (data.X_train, data.X_test))
    neighbour = KNeighborsClassifier(1).fit(train, data.y_train)
    clusters = KMeans(10, n_init=10, random_state=0).fit_predict(test)
    return {
        "MSE": reconstruction_error(fitted, data.X_test),
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
        _DEEP | {"n_refinement_steps": 10},
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
        },
        _linear_classifier,
        {"accuracy": (">=", 0.975)},
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_choice(parser, "--only", MODELS)
    add_number(parser, "--seeds", "number of fits", 3)
    add_images(parser)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Fit model after model; print a table of each, save a JSON file."""
    check_positive(options, "seeds", "max_iter")
    data = load(options.dataset)
    file = options.output / f"mnist-{options.dataset}.json"
    console = make_console()
    header = {
        "command": f"python -m benchmarks mnist --dataset {options.dataset}",
        "max_iter": options.max_iter,
    }
    for name in options.only:
        model = MODELS[name]
        with warnings.catch_warnings():
            # So many epochs are what there is time for; the errors tell.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits = [_measure(model, data, seed, options.max_iter) for seed in range(options.seeds)]
        pca = model.measure(PCA(model.n_components, random_state=0).fit(data.X_train), data)
        means = {figure: float(np.mean([fit[figure] for fit in fits])) for figure in fits[0]}
        aims = [Aim(figure, means[figure], *bound) for figure, bound in model.aims.items()]
        lines = [
            {
                "figure": figure,
                "mean": mean,
                "of all seeds": " ".join(f"{fit[figure]:.4g}" for fit in fits),
                "PCA": pca.get(figure),
            }
            for figure, mean in means.items()
        ]
        console.print(show(f"{name}: {model.n_components} components", Result("", lines, aims)))
        found = {
            "machine": machine.describe(),
            "n_components": model.n_components,
            "parameters": {key: str(value) for key, value in model.parameters.items()},
            "fits": fits,
            "mean": means,
            "pca": pca,
            "aims": [aim.to_json() for aim in aims],
        }
        # After each model: what follows may take long, or be interrupted.
        merge(file, header, "models", {name: found})
    console.print(f"\nSaved: {file}")


def _measure(model: Model, data: Data, seed: int, max_iter: int | None) -> dict[str, float]:
    parameters = model.parameters | ({} if max_iter is None else {"max_iter": max_iter})
    start = perf_counter()
    fitted = AutoencoderTransformer(model.n_components, random_state=seed, **parameters)
    fitted.fit(data.X_train)
    seconds = perf_counter() - start
    return model.measure(fitted, data) | {"seconds of the fit": seconds}
