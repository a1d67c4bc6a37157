"""Ways to train the same network: each the same steps on the same rows.

A contender takes a problem, a device, a number of epochs and a seed. It gives the time of
each epoch, without what comes before the first, and the network as a function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.neural_network import MLPRegressor
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.speed.cases import Problem
from benchmarks.speed.rounds import now, time_epochs
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import Convolutional

LEARNING_RATE = 1e-3


Contender = Callable[[Problem, torch.device, int, int], "Trained"]


def ours(
    problem: Problem, device: torch.device, n_epochs: int, seed: int, **parameters: Any
) -> "Trained":
    """Train an AutoencoderTransformer that does what the other contenders do."""
    case = problem.case
    settings = {
        "linear_path": None,
        "hidden_layer_sizes": case.hidden_layer_sizes,
        "activation": "relu",
        "architecture": Convolutional() if case.is_convolutional else None,
        "batch_size": case.batch_size,
        "optimizer": "adam",
        # The others do not clip, nor do they look for nearest codes.
        "output_activation": "identity",
        "n_refinement_steps": 0,
        "learning_rate": LEARNING_RATE,
        "learning_rate_schedule": "constant",
        "early_stopping": False,
        "n_iter_no_change": None,
        "max_iter": n_epochs,
        "precision": "float32",
        "device": device,
        "random_state": seed,
    }
    estimator = AutoencoderTransformer(case.n_components, **settings | parameters).fit(problem.X)

    def reconstruct(rows: np.ndarray) -> np.ndarray:
        found = estimator.reconstruct(rows * problem.scale + problem.shift)
        return problem.standardize(found)

    # Reading the loss at the end of an epoch waits for the device.
    return Trained(list(estimator.net_.history[:, "dur"]), reconstruct)


def hand_written(problem: Problem, device: torch.device, n_epochs: int, seed: int) -> "Trained":
    """Train by a loop of one's own over tensors that are ready: the limit of what one can do."""
    torch.manual_seed(seed)
    network = problem.network().to(device)
    X = torch.from_numpy(problem.standard).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    criterion = nn.MSELoss()

    def epoch() -> float:
        total = torch.zeros((), device=device)
        for index in torch.randperm(len(X), device=device).split(problem.case.batch_size):
            x = X[index]
            optimizer.zero_grad()
            loss = criterion(network(x), x)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return total.item()

    return Trained(time_epochs(epoch, n_epochs, device), on_tensors(network, device))


def tutorial(problem: Problem, device: torch.device, n_epochs: int, seed: int) -> "Trained":
    """Train by the loop of the tutorials: a DataLoader over single images, every loss read."""
    torch.manual_seed(seed)
    network = problem.network().to(device)
    images = _Images(np.round(problem.X * 255).astype(np.uint8))
    loader = DataLoader(images, batch_size=problem.case.batch_size, shuffle=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    criterion = nn.MSELoss()
    shift, scale = torch.from_numpy(problem.shift).to(device), float(problem.scale)

    def epoch() -> float:
        total = 0.0
        for pixels in loader:
            # A batch at a time, which costs little: the losses have to be in the same units.
            x = (pixels.to(device) - shift) / scale
            optimizer.zero_grad()
            loss = criterion(network(x), x)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total

    return Trained(time_epochs(epoch, n_epochs, device), on_tensors(network, device))


def skorch(problem: Problem, device: torch.device, n_epochs: int, seed: int) -> "Trained":
    """Train by skorch as it comes, but without a split."""
    torch.manual_seed(seed)
    stopwatch = Stopwatch(device)
    net = NeuralNet(
        problem.network(),
        nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        batch_size=problem.case.batch_size,
        max_epochs=n_epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[("stopwatch", stopwatch)],
        device=device,
        verbose=0,
    ).fit(problem.standard, problem.standard)
    return Trained(stopwatch.seconds, net.predict)


def mlp_regressor(problem: Problem, device: torch.device, n_epochs: int, seed: int) -> "Trained":
    """Train scikit-learn's network, which has an activation after the code, and other weights."""
    hidden = problem.case.hidden_layer_sizes
    regressor = MLPRegressor(
        hidden_layer_sizes=(*hidden, problem.case.n_components, *reversed(hidden)),
        alpha=0,
        batch_size=problem.case.batch_size,
        learning_rate_init=LEARNING_RATE,
        # A state of its own: a number would shuffle every epoch in the same way.
        random_state=np.random.RandomState(seed),
    )
    X = problem.standard
    seconds = time_epochs(lambda: regressor.partial_fit(X, X), n_epochs, device)
    return Trained(seconds, regressor.predict)


def on_tensors(network: nn.Module, device: torch.device) -> Callable[[np.ndarray], np.ndarray]:
    """Make a network a function of arrays."""

    @torch.inference_mode()
    def reconstruct(rows: np.ndarray) -> np.ndarray:
        network.eval()
        parts = [network(x.to(device)).cpu() for x in torch.from_numpy(rows).split(1000)]
        return torch.cat(parts).numpy()

    return reconstruct


@dataclass
class Trained:
    """A network that was trained."""

    seconds: list[float]
    reconstruct: Callable[[np.ndarray], np.ndarray]

    def loss(self, rows: np.ndarray) -> float:
        """Compute the mean squared error of some rows in standard units."""
        return float(np.square(self.reconstruct(rows) - rows, dtype=np.float64).mean())


class Stopwatch(Callback):
    """Callback of skorch that notes when epochs begin and end."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.begin: float | None = None
        self.ends: list[float] = []

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        if self.begin is None:
            self.begin = now(self.device)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        self.ends.append(now(self.device))

    @property
    def seconds(self) -> list[float]:
        """Give the time of each epoch, from one end to the next."""
        return np.diff([self.begin, *self.ends]).tolist()


class _Images(Dataset):
    """Images as they are stored, made into numbers one at a time."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, i: int) -> Tensor:
        return torch.tensor(self.pixels[i], dtype=torch.float32) / 255
