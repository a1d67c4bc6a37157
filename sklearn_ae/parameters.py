"""Parameter objects, and checks of parameters."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["ParameterObject"]


class ParameterObject(BaseEstimator):
    """Base class of the small objects that hold parameters of an estimator.

    A subclass takes its parameters in ``__init__`` and stores them under their names, as
    scikit-learn's estimators do. Then ``clone`` and ``set_params`` work, and a grid search
    takes names such as ``architecture__activation``. Objects with equal parameters are equal.
    """

    def __eq__(self, other: object) -> bool:
        return is_same(self, other) if type(other) is type(self) else NotImplemented


def is_same(one: Any, other: Any) -> bool:  # numpydoc ignore=PR01,RT01
    """Tell whether two values of a parameter are the same.

    Sequences are compared by their entries, objects with ``get_params`` by their parameters.
    """
    sequences = (np.ndarray, list, tuple)
    if isinstance(one, sequences) and isinstance(other, sequences):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return False
    if hasattr(one, "get_params") and type(one) is type(other):
        others = other.get_params(deep=False)
        return all(
            is_same(value, others[name]) for name, value in one.get_params(deep=False).items()
        )
    return bool(one == other)


def check_is_instance(name: str, value: Any) -> None:  # numpydoc ignore=PR01
    """Raise a TypeError if the value of a parameter is a class."""
    if isinstance(value, type):
        call = f"{name}={value.__name__}"
        raise TypeError(f"{call} is a class; pass an instance: {call}().")


def check_option(name: str, value: Any, options: Collection[str]) -> None:
    # numpydoc ignore=PR01
    """Raise a ValueError if the value of a parameter is not among the options.

    Examples
    --------
    >>> from sklearn_ae.parameters import check_option
    >>> check_option("activation", "rellu", ["tanh", "relu"])
    Traceback (most recent call last):
    ...
    ValueError: activation must be one of ['relu', 'tanh'], got 'rellu'. Did you mean 'relu'?
    """
    if value not in list(options):
        hint = did_you_mean(str(value), options)
        raise ValueError(f"{name} must be one of {sorted(options)}, got {value!r}.{hint}")


def did_you_mean(value: str, options: Collection[str]) -> str:  # numpydoc ignore=PR01,RT01
    """Write the end of an error message: the option that a string was probably meant to be.

    Examples
    --------
    >>> from sklearn_ae.parameters import did_you_mean
    >>> did_you_mean("Vae", ["sparse", "variational"])
    " Did you mean 'variational'?"
    >>> did_you_mean("xyz", ["sparse", "variational"])
    ''
    """
    value = value.lower()
    alike = [option for option in options if option[:1] == value[:1]]
    nearest = get_close_matches(value, alike or options, n=1, cutoff=0.2 if alike else 0.4)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
