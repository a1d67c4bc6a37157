"""How abnormal rows are to a trained net."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ae._data.quantiles import weighted_quantile
from sklearn_ae._data.rows import Rows
from sklearn_ae._fitting.plan import FitPlan
from sklearn_ae.nn import DenoisingAutoencoder
from sklearn_ae.training import AutoencoderNet, count_operations, threads_by_size

# Training rows that tell what is usual of columns: more would hardly change it.
_MAX_ROWS, _MAX_ROWS_BY_COLUMN = 2**14, 2**8
# Weight of the networks beside the Gaussian, and if the user says that no training row is an
# outlier. Beyond the knee, where the networks extrapolate, their numbers count as logarithms.
_WEIGHT, _WEIGHT_IF_CLEAN, _KNEE = 1.25, 1.5, 4.0
# Energies below this share of the typical one differ by rounding.
_ROUNDING = 1e-3
# Errors below this share of a standard deviation are rounding.
_LEAST_ERROR = 1e-3
_LEAST_SPREAD = 0.01  # of logarithms
_LARGEST = 1e30
_MAX_ENTRIES = 2**23  # that are divided at once


class Shares(NamedTuple):
    """What each column adds to the abnormality of rows.

    Attributes
    ----------
    shares : ndarray of shape (n_rows, n_features)
        Their sums are the abnormality.
    view : ndarray of shape (n_rows,)
        Number of the view that counts most.
    """

    shares: np.ndarray
    view: np.ndarray


@dataclass
class Abnormality:
    """What scores rows: figures of the training rows, no rows.

    Each view gives a row an energy: the Gaussian minus twice its log density, the networks their
    squared error. A *surprise* is the logarithm of the energy, a mean over members, minus that of
    a typical training row, in units of the distance from there to the upper quartile. The
    abnormality is the larger surprise of Gaussian and networks, shifted and scaled to a median of
    0 and an interquartile range of 1 over the training rows.

    Attributes
    ----------
    weight : float
        Weight of the networks beside the Gaussian.
    usual_error : Tensor of shape (n_features,) or None
        Usual squared error of each column, of a network that has only one view.
    typical, typical_by_column : ndarray of shape (n_views, n_members) and (..., n_features)
        Energies of a typical training row.
    unit : ndarray of shape (n_views,)
        Upper quartile of the logarithms of the energies.
    median, spread : float
        Median and interquartile range of the abnormality, before it is shifted and scaled.
    """

    weight: float
    usual_error: Tensor | None
    typical: np.ndarray = field(init=False)
    typical_by_column: np.ndarray = field(init=False)
    unit: np.ndarray = field(init=False)
    median: float = field(init=False)
    spread: float = field(init=False)

    def energies(self, net: AutoencoderNet, X: Any) -> np.ndarray:
        """Give the energies of rows: ``(n_rows, n_views, n_members)``."""
        with threads_by_size(count_operations(net.module_, net.inference_rows(X))):
            if self.usual_error is None:
                return net.compute(net.module_.energies, X)
            return net.compute(lambda x: self._by_column(net, x).sum(dim=-1), X)

    def __call__(self, energies: np.ndarray, fold: int | None = None) -> np.ndarray:
        """Compute how abnormal rows are: float64, higher is more abnormal.

        With a fold, only to the members that left it out.
        """
        logarithms = self._logarithms(energies)
        surprise = logarithms.mean(axis=2) if fold is None else logarithms[:, :, fold]
        return (self._count(surprise).max(axis=1) - self.median) / self.spread

    def by_column(self, net: AutoencoderNet, X: Any) -> np.ndarray:
        """Divide the energies among the columns: ``(n_rows, n_views, n_members, n_features)``."""
        with threads_by_size(count_operations(net.module_, net.inference_rows(X))):
            return net.compute(lambda x: self._by_column(net, x), X).astype(np.float64)

    def shares(self, net: AutoencoderNet, X: Any) -> Shares:
        """Divide the abnormality of rows among their columns."""
        step = max(1, _MAX_ENTRIES // (self.typical.size * X.shape[1]))
        parts = [self._shares(net, X[i : i + step]) for i in range(0, X.shape[0], step)]
        return Shares(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def _shares(self, net: AutoencoderNet, X: Any) -> Shares:
        by_column = self.by_column(net, X)
        logarithms = self._logarithms(by_column.sum(axis=3))
        surprise = logarithms.mean(axis=2)
        counted = self._count(surprise)
        # A logarithm is divided in proportion to what each column is beyond its typical energy.
        excess = (by_column - self.typical_by_column) / self.typical[:, :, None]
        divided = (excess * _ratio(logarithms, excess.sum(axis=3))[..., None]).mean(axis=2)
        view = counted.argmax(axis=1)
        shares = (divided * _ratio(counted, surprise)[..., None])[np.arange(len(view)), view]
        # So is what a typical row has.
        typical = (self.typical_by_column / self.typical[:, :, None]).mean(axis=(0, 1))
        return Shares((shares - self.median * typical) / self.spread, view)

    def _count(self, surprise: np.ndarray) -> np.ndarray:
        """Give what the surprise of each view counts."""
        counted = surprise / self.unit
        if counted.shape[1] > 1:
            beyond = np.maximum(counted[:, 1] - _KNEE, 0)
            counted[:, 1] += np.log1p(beyond) - beyond
            counted[:, 1] *= self.weight
        return counted

    def _logarithms(self, energies: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(energies.astype(np.float64) / self.typical, _ROUNDING))

    def _by_column(self, net: AutoencoderNet, x: Tensor) -> Tensor:
        """Give energies ``(batch, n_views, n_members, n_features)``."""
        if self.usual_error is None:
            return net.module_.energies_by_column(x)
        squares = net.module_.residual(x).square() / self.usual_error.to(x.device)
        return squares.nan_to_num(_LARGEST, _LARGEST).clamp(max=_LARGEST)[:, None, None, :]


def fit_abnormality(
    net: AutoencoderNet, rows: Rows, plan: FitPlan
) -> tuple[Abnormality, np.ndarray]:
    """Find out what is typical of the training rows.

    Parameters
    ----------
    net : AutoencoderNet
        The net.
    rows : Rows
        The training rows.
    plan : FitPlan
        The plan of the fit.

    Returns
    -------
    abnormality : Abnormality
        What scores rows.
    energies : ndarray of shape (n_rows, n_views, n_members)
        The energies of the training rows.
    """
    rows = rows.extract()
    weight = rows.weight().astype(np.float64)
    denoises = isinstance(net.module_, DenoisingAutoencoder)
    found = Abnormality(
        _WEIGHT_IF_CLEAN if plan.is_clean else _WEIGHT,
        None if denoises else _usual_error(net, rows),
    )
    energies = found.energies(net, rows.X)
    found.typical = np.maximum(_quantiles(energies, weight, 0.5), np.finfo(np.float32).tiny)
    # The median of a mean is not that of its parts.
    surprise = found._logarithms(energies).mean(axis=2)
    found.typical *= np.exp(_quantiles(surprise, weight, 0.5))[:, None]
    surprise = found._logarithms(energies).mean(axis=2)
    found.unit = np.maximum(_quantiles(surprise, weight, 0.75), _LEAST_SPREAD)
    total = found._count(surprise).max(axis=1)
    lower, found.median, upper = (weighted_quantile(total, weight, q) for q in (0.25, 0.5, 0.75))
    found.spread = max(upper - lower, _LEAST_SPREAD)
    found.typical_by_column = _typical_by_column(found, net, rows)
    return found, energies


def _typical_by_column(abnormality: Abnormality, net: AutoencoderNet, rows: Rows) -> np.ndarray:
    """Divide the typical energies in proportion to the columns' means, of typical rows."""
    some = rows.subsample(_MAX_ROWS_BY_COLUMN)
    X, weight = some[:][0], some.weight().astype(np.float64)
    by_column = abnormality.by_column(net, X)
    is_typical = by_column.sum(axis=3) <= abnormality.typical
    weights = (weight[:, None, None] * is_typical)[..., None]
    mean = (np.maximum(by_column, 0) * weights).sum(axis=0) + np.finfo(np.float64).tiny
    return abnormality.typical[:, :, None] * mean / mean.sum(axis=2, keepdims=True)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; 1 where both vanish, which is the limit of ``log(1 + x) / x``."""
    is_small = np.abs(whole) < 1e-9
    return np.where(is_small, 1.0, part / np.where(is_small, 1.0, whole))


def _quantiles(values: np.ndarray, weight: np.ndarray, q: float) -> np.ndarray:
    """Give a quantile over the first axis."""
    columns = values.reshape(len(values), -1).T
    return np.array([weighted_quantile(each, weight, q) for each in columns]).reshape(
        values.shape[1:]
    )


def _usual_error(net: AutoencoderNet, rows: Rows) -> Tensor:
    """Give the mean squared error of each column."""
    some = rows.subsample(_MAX_ROWS)
    squares = net.compute(lambda x: net.module_.residual(x).square(), some[:][0])
    usual = np.average(np.nan_to_num(squares.astype(np.float64)), axis=0, weights=some.weight())
    # The errors of a column that is reconstructed almost exactly are rounding.
    usual += 1e-3 * usual.mean() + _LEAST_ERROR**2
    return torch.from_numpy(usual).to(net.data_dtype)
