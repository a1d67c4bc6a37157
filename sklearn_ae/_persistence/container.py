"""The file: tensors in safetensors, a text in its metadata, and a checksum of both."""

import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

# Raised whenever an older version could not read the file.
FORMAT = 1


class ContentError(ValueError):
    """What is in a file can not be loaded, for a reason that the user can do something about."""


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
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder; give the path of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {str(path.parent)!r} does not exist.")
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    # Beforehand, with the permissions of any new file.
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
    try:
        mode = (path if path.exists() else new).stat().st_mode
        save_file(dict(tensors), new, metadata)
        new.chmod(mode & 0o777)
        with open(new, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink()
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
            if number.isdecimal() and len(number) < 10 and int(number) > FORMAT:
                raise ValueError(
                    f"{str(path)!r} has format {number}, of a newer version of sklearn_ae. This "
                    f"version reads formats up to {FORMAT}: update sklearn_ae."
                )
            # Copies: the file may change while the tensors are in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{str(path)!r} is not a file that `save` of sklearn_ae wrote, or it is damaged."
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
