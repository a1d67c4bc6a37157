"""Small objects that hold parameters of an estimator."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator


class ParameterObject(BaseEstimator):
    """Holds parameters and nothing else: cloned, compared and searched over by them.

    A subclass takes its parameters in ``__init__`` and stores them under their names, as
    scikit-learn's estimators do, so that ``get_params``, ``set_params`` and thereby names
    such as ``architecture__activation`` work in a grid search.
    """

    def __eq__(self, other: object) -> bool:
        return is_same(self, other) if type(other) is type(self) else NotImplemented


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values of a parameter are the same.

    Parameters
    ----------
    one, other : object
        Numbers, arrays, objects with parameters, ...

    Returns
    -------
    is_same : bool
        Arrays are compared by their entries, objects with ``get_params`` by these.
    """
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if hasattr(one, "get_params") and type(one) is type(other):
        others = other.get_params(deep=False)
        return all(
            is_same(value, others[name]) for name, value in one.get_params(deep=False).items()
        )
    return bool(one == other)
