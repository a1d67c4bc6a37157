"""Steps of pipelines that several candidates share: each is fitted once."""

import pickle
from collections.abc import Callable, Hashable
from typing import Any

from sklearn_ae._base import BaseAutoencoder
from sklearn_ae._fitting.fit import Fit


class SharedSteps:
    """The memory of one pipeline, as its parameter `memory`, over a store that others use, too.

    The steps before the autoencoder are looked up in the store, and fitted if they are not there.
    The autoencoder takes a fit that has been made, and the steps after it are fitted.

    Parameters
    ----------
    store : dict
        The fitted steps of all pipelines.
    fold : hashable
        Tells which rows the pipeline is fitted to.
    """

    def __init__(self, store: dict[Hashable, Any], fold: Hashable) -> None:
        self._store, self._fold = store, fold
        self.trained: Fit | None = None

    def cache(self, fit_transform: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        """Wrap the function by which a pipeline fits a step. The options are those of joblib."""
        key: Hashable = self._fold

        def shared(transformer: Any, X: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal key
            if isinstance(transformer, BaseAutoencoder):
                transformer._trained, self.trained = self.trained, None
                key = None
            if key is None:
                return fit_transform(transformer, X, y, *args, **kwargs)
            key = key, _content(transformer)
            if key not in self._store:
                self._store[key] = fit_transform(transformer, X, y, *args, **kwargs)
            return self._store[key]

        return shared


def _content(transformer: Any) -> Hashable:
    """Give what is the same for transformers that do the same."""
    try:
        return pickle.dumps(transformer)
    except Exception:  # an object of the user's own may raise anything
        return object()
