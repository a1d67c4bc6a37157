"""Load what `save` has written."""

import json
import os
from typing import Any

import numpy as np
import torch
from sklearn import config_context

from sklearn_ae._base import BaseAutoencoder
from sklearn_ae._outlier_detector import AutoencoderOutlierDetector
from sklearn_ae._persistence.container import ContentError, read
from sklearn_ae._persistence.model import device_for, rebuild_fitted, rebuild_parameters
from sklearn_ae._transformer import AutoencoderTransformer
from sklearn_ae.parameters import check_option
from sklearn_ae.training import check_device

_ESTIMATORS: dict[str, type[BaseAutoencoder]] = {
    each.__name__: each for each in (AutoencoderTransformer, AutoencoderOutlierDetector)
}


def load(
    path: str | os.PathLike[str],
    *,
    custom: dict[str, Any] | None = None,
    device: str | torch.device | None = None,
) -> Any:
    """Load a fitted estimator that its method ``save`` has written.

    Unlike a pickle, the file can not execute code: it holds numbers and names, and only classes of
    this package are made from it.

    Parameters
    ----------
    path : str or os.PathLike
        Path of the file.
    custom : dict of str to object or None, default=None
        Objects of your own that the estimator was fitted with, by the name of the parameter, such
        as ``{"architecture": Residual(64)}`` or ``{"loss": my_loss}``. If the object has
        ``get_params``, you can pass its class, ``{"architecture": Residual}``: `load` creates the
        object with the parameters in the file. For a subclass of an estimator, pass the class
        under its name, ``{"MyDetector": MyDetector}``.
    device : str, torch.device or None, default=None
        Where to compute. None: where the parameter `device` of the estimator says, or on the CPU if
        that device is not available.

    Returns
    -------
    estimator : AutoencoderTransformer or AutoencoderOutlierDetector
        The estimator. It computes the same bits as the saved one on the same machine, and
        `partial_fit` and ``warm_start=True`` train it further as they would have trained that one.

    Raises
    ------
    ValueError
        If the file was not written by ``save``, is damaged, was written by a newer version, or
        does not fit `custom`.
    OSError
        If the file can not be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer, load
    >>> X = load_iris().data
    >>> autoencoder = AutoencoderTransformer(2, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     autoencoder.save(Path(folder) / "iris.safetensors")
    ...     loaded = load(Path(folder) / "iris.safetensors")
    >>> bool((loaded.transform(X) == autoencoder.transform(X)).all())
    True
    """
    text, tensors = read(path)
    where = None if device is None else check_device(device)
    try:
        return _rebuild(json.loads(text), tensors, where, custom)
    except ContentError as error:
        raise ValueError(f"{str(path)!r} can not be loaded: {error}") from error
    except Exception as error:
        # A file with a right checksum may have been made to do harm, by whatever it holds.
        with_custom = " with these objects as custom" if custom else ""
        raise ValueError(
            f"{str(path)!r} can not be loaded: its content is not that of a fitted estimator"
            f"{with_custom} ({type(error).__name__}: {error})."
        ) from error


def _rebuild(
    tree: dict[str, Any],
    tensors: dict[str, torch.Tensor],
    where: torch.device | None,
    custom: dict[str, Any] | None,
) -> BaseAutoencoder:
    for name in sorted((custom or {}).keys() - tree["parameters"].keys() - {tree["class"]}):
        raise ContentError(f"custom has {name!r}, which is no parameter of a {tree['class']}.")
    parameters = rebuild_parameters(tree["parameters"], tensors, custom)
    estimator = _find_class(tree["class"], custom)(**parameters)
    if where is None:
        where = device_for(estimator.device)
    if estimator.device != "auto" and torch.device(estimator.device).type != where.type:
        estimator.device = str(where)  # where it is trained further
    estimator.__dict__.update(rebuild_fitted(tree["fitted"], tensors, where, custom))
    if tree["output"] is not None:
        check_option("output", tree["output"], ("default", "pandas", "polars"))
        estimator.set_output(transform=tree["output"])
    with config_context(enable_metadata_routing=True):
        allowed = vars(estimator._get_metadata_request())
        for method, requests in tree["requests"].items():
            if not getattr(allowed.get(method), "requests", None):
                raise ValueError(f"{method!r} takes no metadata.")
            getattr(estimator, f"set_{method}_request")(**requests)
    _try_out(estimator)
    return estimator


def _find_class(name: str, custom: dict[str, Any] | None) -> type[BaseAutoencoder]:
    found = {**(custom or {}), **_ESTIMATORS}.get(name)
    if not isinstance(found, type) or not issubclass(found, BaseAutoencoder):
        raise ContentError(
            f"It holds a {name}, which is not a class of sklearn_ae. Pass it to `load`: "
            f"custom={{{name!r}: {name}}}."
        )
    return found


def _try_out(estimator: BaseAutoencoder) -> None:
    """Compute something: parts that do not fit together fail here, not in production."""
    row = np.zeros((1, estimator.n_features_in_))
    net = estimator.net_
    if isinstance(estimator, AutoencoderTransformer):
        estimator.sample(random_state=0)
        net.compute(estimator._reconstruct, row)
        return
    estimator._abnormality_.scores(net, row)
    if estimator._calibration_ is not None:
        estimator._calibration_.p_values(net, row)
