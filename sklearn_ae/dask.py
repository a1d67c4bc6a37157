"""The estimators for dask arrays and dataframes; the extra ``sklearn-ae[dask]`` installs Dask.

``fit`` trains on the workers that keep the partitions; `transform`, `predict` and other methods
that take rows give dask collections. For all else, arrays of NumPy for example, they are the
estimators of the same names in :mod:`sklearn_ae`. See the guide on many machines.
"""

from typing import Any, Self

import numpy as np

from sklearn_ae import _outlier_detector, _transformer
from sklearn_ae._dask.fit import fit_on_workers
from sklearn_ae._persistence.model import is_fitted

__all__ = ["AutoencoderOutlierDetector", "AutoencoderTransformer"]


class AutoencoderTransformer(  # type: ignore[call-arg]
    _transformer.AutoencoderTransformer, auto_wrap_output_keys=None
):
    """The transformer for dask collections: see :class:`sklearn_ae.AutoencoderTransformer`.

    Examples
    --------
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> import dask.array  # doctest: +SKIP
    >>> from sklearn_ae.dask import AutoencoderTransformer
    >>> client = Client()  # doctest: +SKIP
    >>> X = dask.array.random.random((100_000, 20), chunks=(10_000, 20))  # doctest: +SKIP
    >>> codes = AutoencoderTransformer(n_components=4).fit_transform(X)  # doctest: +SKIP
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, checkpoint: Any = None) -> Self:
        """Train on the workers that keep the partitions of X.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The training data. They are computed and stay where they are.
        y : None
            Ignored.
        sample_weight : dask Array or Series of shape (n_samples,), default=None
            Weights of the rows, in the same partitions.
        checkpoint : None
            Only for data that are not dask collections: the workers that are left go on by
            themselves if one is lost.

        Returns
        -------
        self : AutoencoderTransformer
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or there is no ``dask.distributed.Client``.

        Warns
        -----
        UserWarning
            If a worker is lost.
        """
        if not _is_dask(X):
            return super().fit(X, y, sample_weight, checkpoint)
        return _fit(self, X, sample_weight, checkpoint)

    def transform(self, X: Any) -> Any:
        """Give the codes of rows, see :meth:`sklearn_ae.AutoencoderTransformer.transform`.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        codes : dask Array of shape (n_samples, n_components), or DataFrame after `set_output`
            The codes, not computed yet.
        """
        return _by_partition(self, super().transform, X)

    def inverse_transform(self, X: Any) -> Any:
        """Decode codes, see :meth:`sklearn_ae.AutoencoderTransformer.inverse_transform`.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_components)
            The codes.

        Returns
        -------
        X_reconstructed : dask Array of shape (n_samples, n_features)
            The rows, not computed yet.
        """
        return _by_partition(self, super().inverse_transform, X)

    def reconstruct(self, X: Any) -> Any:
        """Encode and decode rows, see :meth:`sklearn_ae.AutoencoderTransformer.reconstruct`.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        X_reconstructed : dask Array of shape (n_samples, n_features)
            Their reconstructions, not computed yet.
        """
        return _by_partition(self, super().reconstruct, X)

    def score_samples(self, X: Any) -> Any:
        """Score rows, see :meth:`sklearn_ae.AutoencoderTransformer.score_samples`.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        scores : dask Array of shape (n_samples,)
            Their scores, not computed yet.
        """
        return _by_partition(self, super().score_samples, X)


# The parent's method makes the dataframes that `set_output` asks for, of each partition. Wrapped
# once more, this class's own method would compute them all.
AutoencoderTransformer._sklearn_auto_wrap_output_keys = {"transform"}


class AutoencoderOutlierDetector(_outlier_detector.AutoencoderOutlierDetector):
    """The detector for dask collections: see :class:`sklearn_ae.AutoencoderOutlierDetector`.

    Examples
    --------
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> import dask.array  # doctest: +SKIP
    >>> from sklearn_ae.dask import AutoencoderOutlierDetector
    >>> client = Client()  # doctest: +SKIP
    >>> X = dask.array.random.random((100_000, 20), chunks=(10_000, 20))  # doctest: +SKIP
    >>> labels = AutoencoderOutlierDetector().fit(X).predict(X)  # doctest: +SKIP
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, checkpoint: Any = None) -> Self:
        """Train on the workers that keep the partitions of X.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The training data. They are computed and stay where they are.
        y : None
            Ignored.
        sample_weight : dask Array or Series of shape (n_samples,), default=None
            Weights of the rows, in the same partitions.
        checkpoint : None
            Only for data that are not dask collections: the workers that are left go on by
            themselves if one is lost.

        Returns
        -------
        self : AutoencoderOutlierDetector
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or there is no ``dask.distributed.Client``.

        Warns
        -----
        UserWarning
            If a worker is lost.
        """
        if not _is_dask(X):
            return super().fit(X, y, sample_weight, checkpoint)
        return _fit(self, X, sample_weight, checkpoint)

    def predict(self, X: Any, *, false_discovery_rate: float | None = None) -> Any:
        """Tell outliers, see :meth:`sklearn_ae.AutoencoderOutlierDetector.predict`.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The rows.
        false_discovery_rate : None
            Only for rows that are no dask collection: it depends on all of them at once.

        Returns
        -------
        labels : dask Array of shape (n_samples,)
            -1 for outliers, 1 for inliers, not computed yet.

        Raises
        ------
        ValueError
            If `false_discovery_rate` is given for a dask collection.
        """
        if _is_dask(X) and false_discovery_rate is not None:
            raise ValueError(
                "false_discovery_rate is not supported with dask collections, since it depends on "
                "all rows at once. Compute p_values(X), and use "
                "scipy.stats.false_discovery_control."
            )
        if false_discovery_rate is not None:
            return super().predict(X, false_discovery_rate=false_discovery_rate)
        return _by_partition(self, super().predict, X)

    def decision_function(self, X: Any) -> Any:
        """See :meth:`sklearn_ae.AutoencoderOutlierDetector.decision_function`.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        decision : dask Array of shape (n_samples,)
            Negative for outliers, not computed yet.
        """
        return _by_partition(self, super().decision_function, X)

    def p_values(self, X: Any) -> Any:
        """Compute p-values, see :meth:`sklearn_ae.AutoencoderOutlierDetector.p_values`.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            New rows.

        Returns
        -------
        p_values : dask Array of shape (n_samples,)
            Not computed yet.
        """
        return _by_partition(self, super().p_values, X)

    def reconstruct(self, X: Any) -> Any:
        """Encode and decode rows, see :meth:`sklearn_ae.AutoencoderOutlierDetector.reconstruct`.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        X_reconstructed : dask Array of shape (n_samples, n_features)
            Their reconstructions, not computed yet.
        """
        return _by_partition(self, super().reconstruct, X)

    def score_samples(self, X: Any) -> Any:
        """Score rows, see :meth:`sklearn_ae.AutoencoderOutlierDetector.score_samples`.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        scores : dask Array of shape (n_samples,)
            Their scores, not computed yet.
        """
        return _by_partition(self, super().score_samples, X)


def _is_dask(X: Any) -> bool:
    return type(X).__module__.partition(".")[0] == "dask"


def _fit(model: Any, X: Any, sample_weight: Any, checkpoint: Any) -> Any:
    if checkpoint is not None:
        raise ValueError(
            "checkpoint is not supported with dask collections: if a worker is lost, training goes "
            "on by itself."
        )
    fitted = fit_on_workers(model, X, sample_weight)
    for name in [name for name in vars(model) if is_fitted(name)]:
        delattr(model, name)
    vars(model).update({name: value for name, value in vars(fitted).items() if is_fitted(name)})
    return model


def _by_partition(model: Any, method: Any, X: Any) -> Any:
    """Apply a method to rows, if they are a dask collection to each partition, lazily."""
    if not _is_dask(X):
        return method(X)
    from dask.delayed import delayed

    # The ordinary method, on a few rows, tells what it gives.
    name, model = method.__name__, delayed(model)
    example = method(X._meta_nonempty if hasattr(X, "_meta_nonempty") else np.ones((2, X.shape[1])))
    if hasattr(X, "map_partitions"):
        return X.map_partitions(_apply, model, name, meta=example[:0])
    X = X.rechunk({1: -1})
    if example.ndim == 1:
        return X.map_blocks(_apply, model, name, drop_axis=1, meta=example[:0])
    chunks = (X.chunks[0], (example.shape[1],))
    return X.map_blocks(_apply, model, name, chunks=chunks, meta=example[:0])


def _apply(X: Any, model: Any, name: str) -> Any:
    return getattr(model, name)(X)
