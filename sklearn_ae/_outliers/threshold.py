"""The threshold of the score, and p-values."""

import warnings
from numbers import Real
from typing import Any

import numpy as np
import torch
from scipy.stats import false_discovery_control, norm
from sklearn.utils._param_validation import Interval
from torch import Tensor

from sklearn_ae._data.quantiles import weighted_quantile
from sklearn_ae._fitting.fit import Fit
from sklearn_ae._outliers.abnormality import Abnormality, fit_abnormality
from sklearn_ae.nn import DenoisingAutoencoder
from sklearn_ae.training import AutoencoderNet

# contamination="auto": of normally distributed scores, so many rows would be expected beyond the
# threshold; within these shares of all rows. Ratio of interquartile range and standard deviation.
_EXPECTED, _MIN_SHARE, _MAX_SHARE = 0.1, 0.005, 0.1
_IQR_PER_STD = 1.349
# Of more scores, the lowest are kept, and of the others so many quantiles.
_N_LOWEST, _N_QUANTILES = 2**9, 2**8


class Calibration:
    """Scores of rows that were not trained on; p-values compare the scores of others with them.

    Parameters
    ----------
    abnormality : Abnormality
        What scores rows.
    parts : list of tuple
        The members that did not see the rows, a fold or None for all, the scores of the rows, and
        their weights.
    is_given : bool, default=False
        Whether the user gave the rows, which then set the threshold as well.
    """

    def __init__(
        self,
        abnormality: Abnormality,
        parts: list[tuple[int | None, np.ndarray, np.ndarray | None]],
        *,
        is_given: bool = False,
    ) -> None:
        self.is_given = is_given
        self.abnormality = abnormality
        self._folds = [fold for fold, _, _ in parts]
        self._known = [
            tuple(map(torch.from_numpy, _lowest_and_quantiles(scores, weight)))
            for _, scores, weight in parts
        ]

    def p_values(self, net: AutoencoderNet, X: Any) -> Any:
        """Compute the share of scores, that of the row itself included, that are as low.

        Each score is compared with that of the row to the same members.
        """
        return self.abnormality.compute(net, X, self._p_values)

    def _p_values(self, energies: Tensor) -> Tensor:
        n_as_low = energies.new_ones(len(energies), dtype=torch.float64)
        n_all = 1.0
        for fold, (known, totals) in zip(self._folds, self._known, strict=True):
            scores = -self.abnormality.of(energies, fold)
            # Equal scores may differ by rounding.
            highest = scores + _rounding(scores)
            place = torch.searchsorted(known.to(scores.device), highest, right=True)
            n_as_low += totals.to(scores.device)[place]
            n_all += float(totals[-1])
        return (n_as_low / n_all).clamp(max=1.0)


def calibrate(done: Fit, abnormality: Abnormality, energies: np.ndarray) -> Calibration | None:
    """Calibrate by rows that were not trained on, if there are some.

    These are validation rows, or all rows, each scored by the members that left it out.

    Parameters
    ----------
    done : Fit
        The fit.
    abnormality : Abnormality
        What scores rows.
    energies : ndarray of shape (n_rows, n_views, n_members)
        The energies of all rows.
    """
    net, rows, module = done.net, done.rows, done.net.module_
    if done.validation is not None:
        validation = done.validation.extract()
        own, _ = fit_abnormality(net, done.training, done.plan)
        scores = -own(validation.gather(own.energies(net, validation.X)))
        weight = None if validation.sample_weight is None else validation.weight()
        return Calibration(own, [(None, scores, weight)])
    if not isinstance(module, DenoisingAutoencoder) or not module.leaves_out:
        return None
    fold = rows.gather(net.compute(module.folds, rows.X))
    parts: list[tuple[int | None, np.ndarray, np.ndarray | None]] = []
    for number in np.unique(fold):
        is_own = fold == number
        weight = None if rows.sample_weight is None else rows.sample_weight[is_own]
        parts.append((int(number), -abnormality(energies[is_own], int(number)), weight))
    return Calibration(abnormality, parts)


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
        least, lower, median, upper, most = (
            weighted_quantile(scores, sample_weight, q)
            for q in (_MIN_SHARE, 0.25, 0.5, 0.75, _MAX_SHARE)
        )
        n_rows = len(scores) if sample_weight is None else float(sample_weight.sum())
        n_std = norm.isf(min(_EXPECTED / n_rows, 0.5))
        found = median - n_std * (upper - lower) / _IQR_PER_STD
        found = min(max(found, least), most)
    else:
        if contamination != 0:
            _check_share(contamination, "contamination", 0.5)
        found = weighted_quantile(scores, sample_weight, float(contamination))
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


def _lowest_and_quantiles(
    scores: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Give sorted scores, and the summed weights below each; of many scores, some."""
    order = np.argsort(scores)
    scores = scores[order]
    weight = np.ones(len(scores)) if weight is None else weight[order]
    total = np.concatenate([[0.0], np.cumsum(weight, dtype=np.float64)])
    if len(scores) <= _N_LOWEST + _N_QUANTILES:
        return scores, total
    rest = np.linspace(_N_LOWEST, len(scores) - 1, _N_QUANTILES).astype(int)
    kept = np.concatenate([np.arange(_N_LOWEST), rest])
    # Between two that are kept, a score counts as the next higher one: p-values stay valid.
    return scores[kept], np.concatenate([total[kept], total[-1:]])


def _check_share(value: Any, name: str, largest: float) -> None:
    """Check a parameter to be in (0, 1), or in (0, `largest`] if that is below 1."""
    interval = Interval(Real, 0, largest, closed="neither" if largest == 1 else "right")
    if not interval.is_satisfied_by(value):
        raise ValueError(f"{name} must be {interval}, got {value!r}.")


def _just_below(score: float) -> float:
    # The threshold is often the score of a row, which rounding must not make an outlier.
    return float(score - _rounding(score))


def _rounding(scores: Any) -> Any:
    # Scores are about 1 in size: logarithms in units of their spread.
    return 1e-6 * (1 + abs(scores))
