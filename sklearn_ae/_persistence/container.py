"""The file: tensors in safetensors, a text in its metadata, and a checksum of both."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

# Raised whenever an older version could not read the file.
FORMAT = 1


def write(path: str | os.PathLike[str], text: str, tensors: Mapping[str, Tensor]) -> None:
    """Write a file, in one step: if that fails, a file that was there before stays.

    Parameters
    ----------
    path : str or os.PathLike
        Path of the file.
    text : str
        What is not in tensors.
    tensors : dict of str to Tensor
        Contiguous tensors, none of which share memory.
    """
    metadata = {
        "sklearn_ae_format": str(FORMAT),
        "sha256": _checksum(text, tensors),
        "sklearn_ae": text,
    }
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        save_file(dict(tensors), name, metadata)
        with open(name, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(name, _mode(path))
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def read(path: str | os.PathLike[str]) -> tuple[str, dict[str, Tensor]]:
    """Read a file.

    Parameters
    ----------
    path : str or os.PathLike
        Path of the file.

    Returns
    -------
    text : str
        What is not in tensors.
    tensors : dict of str to Tensor
        The tensors, on the CPU.

    Raises
    ------
    ValueError
        If `write` of this or an earlier version did not write the file, or it is damaged.
    """
    with open(path, "rb"):  # the errors of the operating system, in its own words
        pass
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            number = metadata.get("sklearn_ae_format", "")
            if number.isdecimal() and int(number) > FORMAT:
                raise ValueError(
                    f"{str(path)!r} has format {number}, of a newer version of sklearn_ae. This "
                    f"version reads formats up to {FORMAT}: update sklearn_ae."
                )
            # Copies: the file may change while the tensors are in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{str(path)!r} is not a file that `save` of sklearn_ae wrote, or it is damaged: "
            f"{error}."
        ) from error
    text = metadata.get("sklearn_ae")
    if text is None or number != str(FORMAT):
        raise ValueError(f"{str(path)!r} is not a file that `save` of sklearn_ae wrote.")
    if metadata.get("sha256") != _checksum(text, tensors):
        raise ValueError(f"{str(path)!r} is damaged: its checksum is wrong.")
    return text, tensors


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    checksum = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        checksum.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        checksum.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return checksum.hexdigest()


def _mode(path: Path) -> int:
    """Give the permissions of a file, or those that a new one would have."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
