"""Where outliers begin: threshold, p-values, and the false discoveries among those found."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from sklearn_ae._data.quantiles import weighted_quantile
from sklearn_ae._outliers.abnormality import Abnormality
from sklearn_ae.training import AutoencoderNet

# Of contamination="auto": all beyond so many interquartile ranges, but no fewer and no more than
# these shares.
_WHISKER, _FEWEST, _MOST = 1.5, 0.01, 0.1


class Calibration:
    """Scores of rows that were not trained on, to compare those of others with.

    Parameters
    ----------
    abnormality : Abnormality
        What gave the scores.
    scores : ndarray of shape (n_rows,)
        The scores.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.
    """

    def __init__(
        self, abnormality: Abnormality, scores: np.ndarray, weight: np.ndarray | None
    ) -> None:
        self.abnormality = abnormality
        order = np.argsort(scores)
        self.scores = scores[order]
        weight = np.ones(len(scores)) if weight is None else weight[order] / weight.mean()
        self._total = np.concatenate([[0.0], np.cumsum(weight, dtype=np.float64)])

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Compute the share of scores that are as low, each score itself included.

        Parameters
        ----------
        scores : ndarray of shape (n_samples,)
            Scores of other rows.

        Returns
        -------
        p_values : ndarray of shape (n_samples,)
            In (0, 1].
        """
        # Equal scores may differ by rounding.
        n_as_low = np.searchsorted(self.scores, scores + _rounding(scores), side="right")
        return np.minimum((1 + self._total[n_as_low]) / (1 + self._total[-1]), 1.0)


class ThresholdMixin:
    """Mixin of the outlier detector: what follows from its scores."""

    score_samples: Callable[[Any], np.ndarray]
    contamination: Any
    offset_: float
    net_: AutoencoderNet
    _abnormality_: Abnormality
    _calibration_: Calibration | None
    _check_X: Any  # noqa: N815

    def decision_function(self, X: Any) -> np.ndarray:
        """Compute the scores relative to the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``; negative for outliers.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any, *, false_discovery_rate: float | None = None) -> np.ndarray:
        """Tell outliers from inliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        false_discovery_rate : float or None, default=None
            Share of inliers that is tolerated among the rows that are called outliers, on
            average over data sets, in (0, 1): decided by the `p_values` of all rows of X
            together [1]_, and not by the threshold. X must be new rows.

        Returns
        -------
        is_inlier : ndarray of shape (n_samples,)
            -1 for outliers, +1 for inliers.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on, or there are no p-values.

        References
        ----------
        .. [1] Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the
           Royal Statistical Society B 57, 1995; for conformal p-values: Bates, Candès, Lei,
           Romano and Sesia, "Testing for outliers with conformal p-values", Annals of
           Statistics 51, 2023.
        """
        if false_discovery_rate is None:
            is_outlier = self.decision_function(X) < 0
        else:
            _check_share(false_discovery_rate, "false_discovery_rate", 1)
            is_outlier = false_discovery_control(self.p_values(X)) <= false_discovery_rate
        return np.where(is_outlier, -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """Compute how probable it is for an inlier to be as abnormal as each row.

        Conformal p-values: the place of the row's score among those of inliers that the
        detector was not trained on. These are the rows that early stopping held out, one in
        ten of at least 100, or those given to :meth:`set_threshold`. For a new row
        from the same distribution the p-value is at most p with a probability of at most p,
        whatever the distribution and however good the network [1]_; but for the fact that the
        former were looked at to choose among the epochs. Scores of the held-out rows are
        relative to the rows that were trained on alone, and so are those of X here.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New rows. Those that the detector was trained on look more normal.

        Returns
        -------
        p_values : ndarray of shape (n_samples,)
            In (0, 1]; not below 1 / (n + 1), where n is the number of held-out rows.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on, or no rows were held out.

        References
        ----------
        .. [1] Laxhammar and Falkman, "Conformal prediction for distribution-independent
           anomaly detection in streaming vessel data", StreamKDD 2010.
        """
        check_is_fitted(self)
        calibration = self._calibration_
        if calibration is None:
            raise ValueError(
                "There are no p-values, as no rows were held out. Fit with early_stopping=True, or "
                "give inliers to set_threshold with false_positive_rate."
            )
        return calibration.p_values(-calibration.abnormality(self.net_, self._check_X(X)))

    def set_threshold(
        self,
        X: Any,
        *,
        contamination: float | str | None = None,
        false_positive_rate: float | None = None,
        sample_weight: Any = None,
    ) -> Any:
        """Set the threshold by other rows, without fitting anew.

        Exactly one of `contamination` and `false_positive_rate` is to be given.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        contamination : "auto", float or None, default=None
            Share of the rows that are outliers, in (0, 0.5], as in the constructor; the
            rows may well be those of the training.
        false_positive_rate : float or None, default=None
            Share of inliers that `predict` may call outliers, in (0, 1). The rows are
            inliers that the detector was not trained on, at least
            ``1 / false_positive_rate - 1`` of them; `p_values` are relative to these from
            then on.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, only with `contamination`.

        Returns
        -------
        self : AutoencoderOutlierDetector
            With another ``offset_``.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on, has too few rows, or not exactly one
            way to set the threshold is given.
        """
        check_is_fitted(self)
        if (contamination is None) == (false_positive_rate is None):
            raise ValueError(
                "Exactly one of contamination and false_positive_rate is expected, got "
                f"contamination={contamination!r} and false_positive_rate="
                f"{false_positive_rate!r}."
            )
        if contamination is not None:
            if not (isinstance(contamination, str) and contamination == "auto"):
                _check_share(contamination, "contamination", 0.5)
            scores = self.score_samples(X)
            weight = None
            if sample_weight is not None:
                weight = _check_sample_weight(sample_weight, scores, ensure_non_negative=True)
            self.offset_ = threshold(scores, weight, contamination)
        elif false_positive_rate is not None:
            self._set_false_positive_rate(X, false_positive_rate, sample_weight)
        return self

    def _set_false_positive_rate(self, X: Any, false_positive_rate: float, weight: Any) -> None:
        if weight is not None:
            raise ValueError("sample_weight has no meaning with false_positive_rate.")
        _check_share(false_positive_rate, "false_positive_rate", 1)
        scores = np.sort(self.score_samples(X))
        place = int(false_positive_rate * (len(scores) + 1) * (1 + 1e-12))
        if place < 1:
            raise ValueError(
                f"For false_positive_rate={false_positive_rate:g}, at least "
                f"{int(np.ceil(1 / false_positive_rate - 1))} rows are needed; got {len(scores)}."
            )
        # Below it, the p-value is at most the rate; not where scores are equal.
        self.offset_ = _just_below(scores[place - 1])
        self._calibration_ = Calibration(self._abnormality_, scores, None)


def threshold(
    scores: np.ndarray, sample_weight: np.ndarray | None, contamination: float | str
) -> float:
    """Give the score under which a row is an outlier.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores of rows, among them outliers; the lower, the more abnormal.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    contamination : float or "auto"
        Share of outliers. "auto": all below the lower whisker of a box plot, but at least
        one in a hundred and at most one in ten.

    Returns
    -------
    threshold : float
    """
    if isinstance(contamination, str):
        lower, upper = (weighted_quantile(scores, sample_weight, q) for q in (0.25, 0.75))
        few, most = (weighted_quantile(scores, sample_weight, q) for q in (_FEWEST, _MOST))
        found = min(max(lower - _WHISKER * (upper - lower), few), most)
    else:
        found = weighted_quantile(scores, sample_weight, contamination)
    # Often the threshold is the score of a row, which rounding must not make an outlier.
    return _just_below(found)


def _just_below(score: float) -> float:
    return float(score - _rounding(score))


def _rounding(scores: Any) -> Any:
    # Scores are logarithms in units of their spread: 1 is neither small nor large.
    return 1e-6 * (1 + np.abs(scores))


def _check_share(value: Any, name: str, largest: float) -> None:
    interval = Interval(Real, 0, largest, closed="neither" if largest == 1 else "right")
    if not interval.is_satisfied_by(value):
        raise ValueError(f"{name} must be {interval}, got {value!r}.")
