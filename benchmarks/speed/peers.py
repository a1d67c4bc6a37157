"""Packages that one could train the same network with, where they are installed."""

import importlib.metadata
import importlib.util
import os
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.speed.cases import Problem
from benchmarks.speed.contenders import LEARNING_RATE, Trained, on_tensors
from benchmarks.speed.rounds import now

_PACKAGES = {"PyOD": "pyod", "Keras": "keras"}


def missing() -> dict[str, str]:
    """Give the packages of the contenders that can not take part."""
    return {
        name: package
        for name, package in _PACKAGES.items()
        if importlib.util.find_spec(package) is None
    }


def versions() -> dict[str, str]:
    """Give the versions of those that can."""
    found = {name: package for name, package in _PACKAGES.items() if name not in missing()}
    texts = {name: importlib.metadata.version(package) for name, package in found.items()}
    if "Keras" in texts:
        texts["Keras"] += f" on {_choose_backend()}"
    return texts


def _choose_backend() -> str:
    # Keras asks at import, and would take TensorFlow otherwise.
    return os.environ.setdefault("KERAS_BACKEND", "torch")


def pyod(problem: Problem, device: torch.device, n_epochs: int, seed: int) -> Trained:
    """Train by PyOD's AutoEncoder, but the network of the others."""
    from pyod.models.auto_encoder import AutoEncoder

    times: list[float] = []

    class Timed(AutoEncoder):
        def build_model(self) -> None:
            # Its own has an activation after the code, and other initial weights.
            self.model = problem.network()

        def training_prepare(self) -> None:
            super().training_prepare()
            times.append(now(device))

        def epoch_update(self) -> None:
            times.append(now(device))

    detector = Timed(
        preprocessing=False,
        lr=LEARNING_RATE,
        epoch_num=n_epochs,
        batch_size=problem.case.batch_size,
        device=device,
        random_state=seed,
        optimizer_params={},
        verbose=0,
    ).fit(problem.standard)
    return Trained(np.diff(times).tolist(), on_tensors(detector.model, device))


def keras(problem: Problem, device: torch.device, n_epochs: int, seed: int) -> Trained:
    """Train by Keras, the initial weights drawn as PyTorch draws them."""
    _choose_backend()
    import keras as package

    class Stopwatch(package.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if not times:
                times.append(now(device))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            times.append(now(device))

    times: list[float] = []
    package.utils.set_random_seed(seed)
    with package.device("gpu" if device.type == "cuda" else "cpu"):
        layers = [package.Input((problem.X.shape[1],))]
        for part in problem.network():
            linears = [layer for layer in part if isinstance(layer, nn.Linear)]
            for linear in linears:
                bound = linear.in_features**-0.5
                uniform = package.initializers.RandomUniform
                activation = "relu" if linear is not linears[-1] else None
                layers.append(
                    package.layers.Dense(
                        linear.out_features,
                        activation,
                        kernel_initializer=uniform(-bound, bound),
                        bias_initializer=uniform(-bound, bound),
                    )
                )
        model = package.Sequential(layers)
        model.compile(package.optimizers.Adam(LEARNING_RATE, epsilon=1e-8), "mse")
        model.fit(
            problem.standard,
            problem.standard,
            batch_size=problem.case.batch_size,
            epochs=n_epochs,
            callbacks=[Stopwatch()],
            verbose=0,
        )
    return Trained(np.diff(times).tolist(), lambda rows: model.predict(rows, verbose=0))
