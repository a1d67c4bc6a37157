"""What makes a row abnormal: its columns, as they are and as they would be expected."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _num_samples, check_is_fitted

from sklearn_ae._data.single_thread import one_blas_thread
from sklearn_ae._data.units import dense
from sklearn_ae._outliers.robust_distance import RobustDistance
from sklearn_ae.training import AutoencoderNet


class ExplanationMixin:
    """Mixin of the outlier detector: the columns behind a score."""

    net_: AutoencoderNet
    n_features_in_: int
    _record_: Any
    _check_X: Any  # noqa: N815
    _squared_residuals: Any

    def feature_errors(self, X: Any) -> np.ndarray:
        """Compute the squared error of every column of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        errors : ndarray of shape (n_samples, n_features)
            In squared standard deviations of each column.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on.
        """
        check_is_fitted(self)
        return self._squared_residuals(self._check_X(X), per_row=False)

    def explain(self, X: Any, *, top: int = 5) -> Any:
        """Tell for each row which columns make it abnormal, most of all first.

        Columns are compared with what they would be, were the row an inlier: with its
        reconstruction, but where its code is outside the bulk of those of the training rows,
        with that of the code on the edge of the bulk in the same direction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        top : int, default=5
            Number of columns to name for a row; all where there are fewer.

        Returns
        -------
        explanation : pandas.DataFrame
            `top` lines for each row. Its index has the levels ``row``, the row's label in the
            index of X or its number, and ``rank``, from 1. Its columns are ``feature``, the
            name of the column, or ``x0``, ``x1``, ... where X has none, ``observed`` and
            ``expected``, both in input units, and ``deviation``, the difference, divided by what
            is usual for this column in the training rows (its root mean square).

        Raises
        ------
        ImportError
            If pandas is not installed.
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on.

        See Also
        --------
        sklearn_ae.plotting.OutlierExplanationDisplay : The same as a picture.
        """
        pandas = check_pandas_support("explain")
        check_is_fitted(self)
        if isinstance(top, bool) or not Interval(Integral, 1, None, closed="left").is_satisfied_by(
            top
        ):
            raise ValueError(f"top must be an int in the range [1, inf), got {top!r}.")
        labels = X.index if hasattr(X, "iloc") else np.arange(_num_samples(X))
        checked = self._check_X(X)
        names = getattr(X, "columns", [f"x{i}" for i in range(self.n_features_in_)])
        names = np.array(list(names), dtype=object)
        expected = self._expected(checked)
        observed = dense(checked)
        deviation = (observed.astype(np.float64) - expected) / self._usual_deviations()
        top = min(top, self.n_features_in_)
        order = np.argsort(-np.abs(deviation), axis=1, kind="stable")[:, :top]
        index = pandas.MultiIndex.from_arrays(
            [labels.repeat(top), np.tile(np.arange(1, top + 1), len(observed))],
            names=["row", "rank"],
        )
        columns = {
            "observed": observed,
            "expected": expected,
            "deviation": deviation,
        }
        picked = {
            name: np.take_along_axis(values, order, axis=1).ravel()
            for name, values in columns.items()
        }
        return pandas.DataFrame({"feature": names[order].ravel(), **picked}, index=index)

    def _expected(self, X: Any) -> np.ndarray:
        module = self.net_.module_
        usual, code = (self.net_.compute(module.encode, rows) for rows in (self._record_.rows, X))
        with one_blas_thread():
            code = RobustDistance(usual, np.ones(len(usual))).pull(code).astype(code.dtype)
        return self.net_.compute(module.decode, code)

    def _usual_deviations(self) -> np.ndarray:
        """Give the root mean square of observed minus expected values in training rows."""
        rows = self._record_.rows
        difference = dense(rows) - self._expected(rows).astype(np.float64)
        usual = np.sqrt(np.square(difference).mean(axis=0))
        # What is reconstructed almost exactly deviates by rounding alone.
        scale = self.net_.module_.scale.cpu().numpy().astype(np.float64)
        return np.maximum(usual, 1e-3 * scale)
