"""Parameter objects, and checks of parameters."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator


class ParameterObject(BaseEstimator):
    """Base class of the small objects that hold parameters of an estimator.

    A subclass takes its parameters in ``__init__`` and stores them under their names, as
    scikit-learn's estimators do. Then ``clone`` and ``set_params`` work, and a grid search
    takes names such as ``architecture__activation``. Objects with equal parameters are equal.
    """

    def __eq__(self, other: object) -> bool:
        return is_same(self, other) if type(other) is type(self) else NotImplemented


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values of a parameter are the same.

    Parameters
    ----------
    one, other : object
        Numbers, arrays, parameter objects or other values.

    Returns
    -------
    is_same : bool
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


def check_is_instance(name: str, value: Any) -> None:
    """Check that the value of a parameter is not a class.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Its value.

    Raises
    ------
    TypeError
        If the value is a class.

    Examples
    --------
    >>> from sklearn_ae.latents import TopK
    >>> from sklearn_ae.parameters import check_is_instance
    >>> check_is_instance("latent", TopK)
    Traceback (most recent call last):
    ...
    TypeError: latent=TopK is a class; pass an instance: latent=TopK().
    """
    if isinstance(value, type):
        call = f"{name}={value.__name__}"
        raise TypeError(f"{call} is a class; pass an instance: {call}().")


def unknown_option(name: str, value: Any, options: Collection[str]) -> str:
    """Write the error message for an unknown option.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Its value.
    options : collection of str
        The valid options.

    Returns
    -------
    message : str
        The message. It lists the options in alphabetical order and names the nearest one.

    Examples
    --------
    >>> from sklearn_ae.parameters import unknown_option
    >>> unknown_option("activation", "rellu", ["tanh", "relu"])
    "activation must be one of ['relu', 'tanh'], got 'rellu'. Did you mean 'relu'?"
    """
    message = f"{name} must be one of {sorted(options)}, got {value!r}."
    nearest = nearest_option(str(value), options)
    return f"{message} Did you mean {nearest!r}?" if nearest else message


def nearest_option(value: str, options: Collection[str]) -> str | None:
    """Give the option that a string was probably meant to be.

    Parameters
    ----------
    value : str
        The string.
    options : collection of str
        The valid options.

    Returns
    -------
    nearest : str or None
        None if no option is like it.

    Examples
    --------
    >>> from sklearn_ae.parameters import nearest_option
    >>> nearest_option("Vae", ["sparse", "variational"])
    'variational'
    """
    value = value.lower()
    alike = [option for option in options if option[:1] == value[:1]]
    nearest = get_close_matches(value, alike or options, n=1, cutoff=0.2 if alike else 0.4)
    return nearest[0] if nearest else None


def check_option(name: str, value: Any, options: Collection[str]) -> None:
    """Check that the value of a parameter is a valid option.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Its value.
    options : collection of str
        The valid options.

    Raises
    ------
    ValueError
        If the value is not among the options.
    """
    if value not in list(options):
        raise ValueError(unknown_option(name, value, options))
