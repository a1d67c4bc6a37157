"""Checkpoints: the state of a training in a file, from which the same fit goes on after a kill."""

import io
import os
import pickle
import re
import time
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor

from sklearn_ae._data.random import draw_seed
from sklearn_ae._data.ranks import Ranks
from sklearn_ae._data.rows import Rows
from sklearn_ae.training.judge import Judge

# From one save to the next, so that saving takes a small share of the time.
SECONDS = 10.0
# A file is this, the hash of the rest, and the rest as `torch.save` writes it.
_MAGIC, _HASH_SIZE = b"sklearn_ae checkpoint 1\n", 16
_PACKAGES = ("sklearn-ae", "torch", "numpy", "skorch")
# Parameters that do not matter, or whose outcome is compared: the seed and the device.
_FREE = {"callbacks", "device", "random_state", "verbose"}


class Stateful(Protocol):
    """A part of a training: gives all that training changes, and goes back to it."""

    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...


class Checkpoint:
    """The file in which a training is saved, and what a former run saved there.

    Parameters
    ----------
    path : str or path
        The file.
    fingerprint : dict of str to str
        What has to be the same for the training to go on, by the name that an error gives it.
    ranks : Ranks or None, default=None
        The ranks that fit together: the first one reads and writes the file.

    Raises
    ------
    ValueError
        If the path is not one of a file in a folder, or the file is damaged or of another fit.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fingerprint: dict[str, str],
        ranks: Ranks | None = None,
    ) -> None:
        self.path = Path(path)
        self._writes = ranks is None or ranks.rank == 0
        self._fingerprint: dict[str, str] = {}
        self._parts: dict[str, Stateful] = {}

        def look() -> dict[str, Any] | None:
            if self.path.is_dir() or not self.path.parent.is_dir():
                raise ValueError(
                    f"checkpoint must be the path of a file in an existing folder, got '{path}'."
                )
            return read(self.path) if self.path.exists() else None

        self._saved = look() if ranks is None else ranks.of_first(look)
        self._last, self._is_first = time.monotonic(), True
        self._expect(fingerprint)

    def draw_seed(self, random_state: Any) -> int:
        """Draw the seed of the fit: that of the former run if `random_state` is None."""
        seed = draw_seed(random_state)
        if random_state is None and self._saved is not None:
            seed = int(self._saved["fingerprint"]["random_state"])
        self._expect({"random_state": str(seed)})
        return seed

    def begin(self, net: Any) -> None:
        """Take the net before its first epoch, which has to be that of the former run."""
        self._parts["net"] = net
        self._expect({"device": str(net.device), "initial weights": digest(*net.weights())})

    def watch(self, **parts: Stateful) -> None:
        """Take parts whose state is saved with that of the net."""
        self._parts |= parts

    def resume(self, **parts: Stateful) -> int:
        """Give these and all other parts the state of the former run, and tell its epochs."""
        self.watch(**parts)
        if self._saved is None:
            return 0
        for name, part in self._parts.items():
            part.restore(self._saved["parts"][name])
        n_epochs, self._saved = self._saved["n_epochs"], None
        return n_epochs

    def save(self, n_epochs: int) -> None:
        """Save the state after so many epochs, if it is time."""
        if not self._writes or time.monotonic() - self._last < SECONDS:
            return
        parts = {name: part.state() for name, part in self._parts.items()}
        content = {"fingerprint": self._fingerprint, "n_epochs": n_epochs, "parts": parts}
        buffer = io.BytesIO()
        torch.save(_without_numpy(content), buffer)
        payload = buffer.getvalue()
        if self._is_first:
            # What can not be loaded would be noticed too late.
            _load(payload, "The state of the optimizer or a callback can not be saved safely")
            self._is_first = False
        # A kill in the meantime leaves the former file.
        new = self._new_path
        try:
            with open(new, "wb") as file:
                file.write(_MAGIC + _hash(payload) + payload)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self.path)
        finally:
            new.unlink(missing_ok=True)
        self._last = time.monotonic()

    def remove(self) -> None:
        """Remove the file, and what a kill may have left beside it."""
        if not self._writes:
            return
        self.path.unlink(missing_ok=True)
        self._new_path.unlink(missing_ok=True)

    @property
    def _new_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.new")

    def _expect(self, fingerprint: dict[str, str]) -> None:
        self._fingerprint |= fingerprint
        if self._saved is not None:
            saved = self._saved["fingerprint"]
            other = [name for name, value in fingerprint.items() if saved.get(name) != value]
            if other:
                raise ValueError(
                    f"The checkpoint '{self.path}' is of another fit, which differs in "
                    f"{', '.join(other)}: repeat that fit, or remove the file."
                )


class Saving(Callback):
    """Resumes skorch's loop from a checkpoint and saves its epochs, after all other callbacks."""

    def __init__(self, judge: Judge, checkpoint: Checkpoint) -> None:
        self.judge = judge
        self.checkpoint = checkpoint

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.checkpoint.resume(judge=self.judge)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        self.checkpoint.save(net.n_epochs)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:  # numpydoc ignore=PR01,RT01
    """Read the file of a checkpoint, without executing code."""
    content = Path(path).read_bytes()
    start = len(_MAGIC) + _HASH_SIZE
    if content[:start] != _MAGIC + _hash(content[start:]):
        raise ValueError(
            f"'{path}' is not a checkpoint of a fit, or it is damaged. Choose another path, or "
            "remove the file if it is an old checkpoint."
        )
    return _load(content[start:], f"'{path}' is not a checkpoint that can be loaded safely")


def fingerprint(parameters: Any, rows: Rows, plan: Any) -> dict[str, str]:
    # numpydoc ignore=PR01,RT01
    """Describe a fit by all that decides its course: versions, parameters, plan and data."""
    X, weight = rows.X, rows.sample_weight
    result = {f"the version of {name}": version(name) for name in _PACKAGES}
    result |= describe_parameters(parameters)
    result["plan"] = repr(plan)
    own = digest(X) if isinstance(X, np.ndarray) else digest(X.data, X.indices, X.indptr)
    result["X"] = own if rows.ranks is None else " ".join(rows.ranks.gather(own))
    result["sample_weight"] = "" if weight is None else digest(weight)
    return result


def describe_parameters(parameters: Any) -> dict[str, str]:  # numpydoc ignore=PR01,RT01
    """Describe the class of an estimator and the parameters that decide the course of a fit."""
    result = {"class": type(parameters).__name__}
    for name, value in parameters.get_params().items():
        if hasattr(value, "get_params"):  # its own parameters follow
            result[name] = type(value).__qualname__
        elif name not in _FREE:
            result[name] = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))  # in each process another
    return result


def digest(*arrays: np.ndarray | Tensor) -> str:  # numpydoc ignore=PR01,RT01
    """Hash arrays: their types, shapes and bits."""
    total = blake2b(digest_size=_HASH_SIZE)
    for array in arrays:
        total.update(f"{array.dtype}{tuple(array.shape)}".encode())
        if isinstance(array, Tensor):
            array = array.detach().cpu().reshape(-1).view(torch.uint8).numpy()
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def _hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=_HASH_SIZE).digest()


def _load(payload: bytes, complaint: str) -> dict[str, Any]:
    try:
        return torch.load(io.BytesIO(payload), weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{complaint}: {str(error).partition('.')[0]}.") from error


def _without_numpy(value: Any) -> Any:
    """Give a copy of a value with Python's own numbers: NumPy's can not be loaded safely."""
    if isinstance(value, dict):
        return {key: _without_numpy(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return (tuple if isinstance(value, tuple) else list)(map(_without_numpy, value))
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
