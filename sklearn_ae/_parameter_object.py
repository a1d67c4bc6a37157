"""Small objects that hold parameters of an estimator."""

from sklearn.base import BaseEstimator


class ParameterObject(BaseEstimator):
    """Holds parameters and nothing else: cloned, compared and searched over by them.

    A subclass takes its parameters in ``__init__`` and stores them under their names, as
    scikit-learn's estimators do, so that ``get_params``, ``set_params`` and thereby names
    such as ``architecture__activation`` work in a grid search.
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return repr(self.get_params()) == repr(other.get_params())

    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted((k, repr(v)) for k, v in self.get_params().items()))))
