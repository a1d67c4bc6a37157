"""The threshold of the score, and p-values."""

import warnings
from numbers import Real
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control
from sklearn.utils._param_validation import Interval

from sklearn_ae._data.quantiles import weighted_quantile
from sklearn_ae._data.rows import Rows
from sklearn_ae._outliers.abnormality import Abnormality
from sklearn_ae.training import AutoencoderNet

# contamination="auto": rows beyond so many interquartile ranges, within these shares of all rows.
_WHISKER, _MIN_SHARE, _MAX_SHARE = 1.5, 0.01, 0.1


class Calibration:
    """Scores of rows that were not trained on; p-values compare the scores of others with them.

    `is_given` tells that the user gave the rows, which then set the threshold as well.
    """

    def __init__(
        self,
        abnormality: Abnormality,
        scores: np.ndarray,
        weight: np.ndarray | None = None,
        *,
        is_given: bool = False,
    ) -> None:
        self.is_given = is_given
        self.abnormality = abnormality
        order = np.argsort(scores)
        self.scores = scores[order]
        weight = np.ones(len(scores)) if weight is None else weight[order] / weight.mean()
        self._total = np.concatenate([[0.0], np.cumsum(weight, dtype=np.float64)])

    def p_values(self, net: AutoencoderNet, X: Any) -> np.ndarray:
        """Compute the share of scores, that of the row itself included, that are as low."""
        scores = -self.abnormality(net, X)
        # Equal scores may differ by rounding.
        n_as_low = np.searchsorted(self.scores, scores + _rounding(scores), side="right")
        return np.minimum((1 + self._total[n_as_low]) / (1 + self._total[-1]), 1.0)


def calibrate(net: AutoencoderNet, training: Rows, validation: Rows | None) -> Calibration | None:
    """Calibrate by validation rows, if any, compared with training rows alone, as new rows are."""
    if validation is None:
        return None
    abnormality = Abnormality(net, training)
    X, weight = validation[:]
    return Calibration(abnormality, -abnormality(net, X), weight)


def warn_if_replaced(before: Calibration | None) -> None:
    """Warn of a new threshold in place of the one that the user's inliers had set."""
    if before is not None and before.is_given:
        warnings.warn(
            "partial_fit replaced the threshold that set_threshold had set by "
            "false_positive_rate. Call set_threshold again."
        )


def by_contamination(
    scores: np.ndarray, sample_weight: np.ndarray | None, contamination: float | str
) -> float:
    """Give the score below which a row is an outlier, from scores of inliers and outliers."""
    if isinstance(contamination, str) and contamination == "auto":
        lower, upper = (weighted_quantile(scores, sample_weight, q) for q in (0.25, 0.75))
        least, most = (
            weighted_quantile(scores, sample_weight, q) for q in (_MIN_SHARE, _MAX_SHARE)
        )
        found = min(max(lower - _WHISKER * (upper - lower), least), most)
    else:
        share = _check_share(contamination, "contamination", 0.5)
        found = weighted_quantile(scores, sample_weight, share)
    return _just_below(found)


def by_false_positive_rate(scores: np.ndarray, false_positive_rate: float) -> float:
    """Give the score below which p-values are at most the rate, from scores of new inliers."""
    _check_share(false_positive_rate, "false_positive_rate", 1)
    place = int(false_positive_rate * (len(scores) + 1) * (1 + 1e-12))
    if place < 1:
        raise ValueError(
            f"For false_positive_rate={false_positive_rate:g}, at least "
            f"{int(np.ceil(1 / false_positive_rate - 1))} rows are needed; got {len(scores)}."
        )
    return _just_below(np.sort(scores)[place - 1])


def find_outliers(p_values: np.ndarray, false_discovery_rate: float) -> np.ndarray:
    """Tell which rows are outliers, by the procedure of Benjamini and Hochberg."""
    _check_share(false_discovery_rate, "false_discovery_rate", 1)
    return false_discovery_control(p_values) <= false_discovery_rate


def _check_share(value: Any, name: str, largest: float) -> float:
    """Give a parameter, checked to be in (0, 1), or in (0, `largest`] if that is below 1."""
    interval = Interval(Real, 0, largest, closed="neither" if largest == 1 else "right")
    if not interval.is_satisfied_by(value):
        raise ValueError(f"{name} must be {interval}, got {value!r}.")
    return value


def _just_below(score: float) -> float:
    # The threshold is often the score of a row, which rounding must not make an outlier.
    return float(score - _rounding(score))


def _rounding(scores: Any) -> Any:
    # Scores are about 1 in size: logarithms in units of their spread.
    return 1e-6 * (1 + np.abs(scores))
