"""How abnormal rows are to a trained net."""

from collections.abc import Callable
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
    typical, typical_by_column : Tensor of shape (n_views, n_members) and (..., n_features)
        Energies of a typical training row, in float64.
    unit : Tensor of shape (n_views,)
        Upper quartile of the logarithms of the energies, in float64.
    median, spread : float
        Median and interquartile range of the abnormality, before it is shifted and scaled.
    """

    weight: float
    usual_error: Tensor | None
    typical: Tensor = field(init=False)
    typical_by_column: Tensor = field(init=False)
    unit: Tensor = field(init=False)
    median: float = field(init=False)
    spread: float = field(init=False)

    def energies(self, net: AutoencoderNet, X: Any) -> np.ndarray:
        """Give the energies of rows: ``(n_rows, n_views, n_members)``."""
        return self.compute(net, X, lambda energies: energies)

    def scores(self, net: AutoencoderNet, X: Any) -> Any:
        """Give minus the abnormality of rows."""
        return self.compute(net, X, lambda energies: -self.of(energies))

    def compute(self, net: AutoencoderNet, X: Any, function: Callable[[Tensor], Tensor]) -> Any:
        """Apply a function to the energies of rows, a batch at a time."""
        with threads_by_size(count_operations(net.module_, net.inference_rows(X))):
            return net.compute(lambda x: function(self.energies_of(net.module_, x)), X)

    def energies_of(self, module: Any, x: Tensor) -> Tensor:
        """Give the energies ``(batch, n_views, n_members)`` of a batch."""
        if self.usual_error is None:
            return module.energies(x)
        return self._by_column(module, x).sum(dim=-1)

    def __call__(self, energies: np.ndarray, fold: int | None = None) -> np.ndarray:
        """Compute how abnormal rows are: float64, higher is more abnormal.

        With a fold, only to the members that left it out.
        """
        return self.of(torch.from_numpy(energies), fold).numpy()

    def of(self, energies: Tensor, fold: int | None = None) -> Tensor:
        """Compute the same of a tensor, on its device."""
        logarithms = self._logarithms(energies)
        surprise = logarithms.mean(dim=2) if fold is None else logarithms[:, :, fold]
        return (self._count(surprise).amax(dim=1) - self.median) / self.spread

    def by_column(self, net: AutoencoderNet, X: Any) -> np.ndarray:
        """Divide the energies among the columns: ``(n_rows, n_views, n_members, n_features)``."""
        with threads_by_size(count_operations(net.module_, net.inference_rows(X))):
            by_column = net.compute(lambda x: self._by_column(net.module_, x), X)
        return by_column.astype(np.float64)

    def shares(self, net: AutoencoderNet, X: Any) -> Shares:
        """Divide the abnormality of rows among their columns."""
        step = max(1, _MAX_ENTRIES // (self.typical.numel() * X.shape[1]))
        parts = [self._shares(net, X[i : i + step]) for i in range(0, X.shape[0], step)]
        return Shares(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def _shares(self, net: AutoencoderNet, X: Any) -> Shares:
        by_column = torch.from_numpy(self.by_column(net, X))
        logarithms = self._logarithms(by_column.sum(dim=3))
        surprise = logarithms.mean(dim=2)
        counted = self._count(surprise)
        # A logarithm is divided in proportion to what each column is beyond its typical energy.
        excess = (by_column - self.typical_by_column) / self.typical[:, :, None]
        divided = (excess * _ratio(logarithms, excess.sum(dim=3))[..., None]).mean(dim=2)
        view = counted.argmax(dim=1)
        shares = (divided * _ratio(counted, surprise)[..., None])[torch.arange(len(view)), view]
        # So is what a typical row has.
        typical = (self.typical_by_column / self.typical[:, :, None]).mean(dim=(0, 1))
        return Shares(((shares - self.median * typical) / self.spread).numpy(), view.numpy())

    def _count(self, surprise: Tensor) -> Tensor:
        """Give what the surprise of each view counts."""
        counted = surprise / self.unit.to(surprise.device)
        if len(self.unit) == 1:
            return counted
        gaussian, networks = counted.unbind(dim=1)
        beyond = (networks - _KNEE).clamp(min=0)
        networks = (networks + (beyond.log1p() - beyond)) * self.weight
        return torch.stack([gaussian, networks], dim=1)

    def _logarithms(self, energies: Tensor) -> Tensor:
        typical = self.typical.to(energies.device)
        return (energies.double() / typical).clamp(min=_ROUNDING).log()

    def _by_column(self, module: Any, x: Tensor) -> Tensor:
        """Give energies ``(batch, n_views, n_members, n_features)``."""
        if self.usual_error is None:
            return module.energies_by_column(x)
        squares = module.residual(x).square() / self.usual_error.to(x.device)
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
    energies = rows.gather(found.energies(net, rows.X))
    tensor = torch.from_numpy(energies)
    found.typical = _quantiles(tensor, weight, 0.5).clamp(min=torch.finfo(torch.float32).tiny)
    # The median of a mean is not that of its parts.
    surprise = found._logarithms(tensor).mean(dim=2)
    found.typical *= _quantiles(surprise, weight, 0.5).exp()[:, None]
    surprise = found._logarithms(tensor).mean(dim=2)
    found.unit = _quantiles(surprise, weight, 0.75).clamp(min=_LEAST_SPREAD)
    total = found._count(surprise).amax(dim=1).numpy()
    lower, found.median, upper = (weighted_quantile(total, weight, q) for q in (0.25, 0.5, 0.75))
    found.spread = max(upper - lower, _LEAST_SPREAD)
    found.typical_by_column = _typical_by_column(found, net, rows)
    return found, energies


def _typical_by_column(abnormality: Abnormality, net: AutoencoderNet, rows: Rows) -> Tensor:
    """Divide the typical energies in proportion to the columns' means, of typical rows."""
    some = rows.subsample(_MAX_ROWS_BY_COLUMN)
    X, weight = some[:][0], torch.from_numpy(some.weight().astype(np.float64))
    by_column = torch.from_numpy(abnormality.by_column(net, X))
    is_typical = by_column.sum(dim=3) <= abnormality.typical
    weights = (weight[:, None, None] * is_typical)[..., None]
    mean = (by_column.clamp(min=0) * weights).sum(dim=0) + torch.finfo(torch.float64).tiny
    return abnormality.typical[:, :, None] * mean / mean.sum(dim=2, keepdim=True)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Divide; 1 where both vanish, which is the limit of ``log(1 + x) / x``."""
    is_small = whole.abs() < 1e-9
    return torch.where(is_small, 1.0, part / torch.where(is_small, 1.0, whole))


def _quantiles(values: Tensor, weight: np.ndarray, q: float) -> Tensor:
    """Give a quantile over the first axis, in float64."""
    columns = values.reshape(len(values), -1).T.numpy()
    found = [float(weighted_quantile(each, weight, q)) for each in columns]
    return torch.tensor(found, dtype=torch.float64).reshape(values.shape[1:])


def _usual_error(net: AutoencoderNet, rows: Rows) -> Tensor:
    """Give the mean squared error of each column."""
    some = rows.subsample(_MAX_ROWS)
    squares = net.compute(lambda x: net.module_.residual(x).square(), some[:][0])
    usual = np.average(np.nan_to_num(squares.astype(np.float64)), axis=0, weights=some.weight())
    # The errors of a column that is reconstructed almost exactly are rounding.
    usual += 1e-3 * usual.mean() + _LEAST_ERROR**2
    return torch.from_numpy(usual).to(net.data_dtype)
