"""Fit many networks at once: those of one shape are trained in one batch."""

from collections.abc import Collection, Hashable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sklearn_ae._data.rows import Rows
from sklearn_ae._data.statistics import Statistics
from sklearn_ae._fitting.fit import Fit, make_course, needs_training, so_far, start
from sklearn_ae._fitting.members import record_epoch
from sklearn_ae._fitting.plan import FitPlan, has_callbacks
from sklearn_ae.nn import standard_bounds
from sklearn_ae.training import Members, Run, Together, count_operations, threads_by_size

# Numbers that a step of a batch keeps in buffers: they stay in the processor's cache.
_MAX_NUMBERS, _MAX_MEMBERS = 2**20, 64


class Order(NamedTuple):
    """A fit that is wanted: see `fit` for what it is made of."""

    parameters: Any
    rows: Rows
    plan: FitPlan
    seed: int


def why_not_together(order: Order) -> str | None:
    """Tell why a fit has to be made by itself, as far as its parameters tell; None: it has not."""
    parameters, plan = order.parameters, order.plan
    if plan.denoises:
        return "it is the default detector"
    if plan.n_projected is not None:
        return "it is trained on principal components"
    if has_callbacks(parameters):
        return "it has callbacks"
    if parameters.verbose:
        return "it is verbose"
    return None


class Batch:
    """Fits of one shape, which are trained together and may be looked at on the way.

    Parameters
    ----------
    orders : dict of int to Order
        The orders, by their places; none if the fits need no training.
    fits : dict of int to Fit
        What was started for them.
    """

    def __init__(self, orders: dict[int, Order], fits: dict[int, Fit]) -> None:
        self.fits = fits
        self._runs: dict[int, Run] = {}
        self._together: Together | None = None
        if not orders:
            return
        for place, order in orders.items():
            weights: list[Tensor] = []
            schedule, max_iter = order.parameters.learning_rate_schedule, order.plan.max_iter
            course = make_course(fits[place], order.parameters, max_iter, schedule, weights)
            self._runs[place] = Run(course, weights, partial(record_epoch, fits[place].net))
        first, modules = next(iter(orders.values())), [fit.net.module_ for fit in fits.values()]
        members = Members(
            modules[0],
            [list(module.parameters()) for module in modules],
            [order.plan.weight_decay for order in orders.values()],
            decoupled=first.parameters.optimizer == "adamw",
            max_grad_norm=first.parameters.max_grad_norm,
            bounds=_bounds(modules),
        )
        self._together, self._max_iter = Together(list(self._runs.values()), members), max_iter
        self._n_operations = len(modules) * count_operations(modules[0], first.plan.batch_size)

    def carry_on(self, share: float = 1.0) -> None:
        """Go on until each fit has made this share of its epochs, or has ended."""
        if self._together is not None:
            with threads_by_size(self._n_operations):
                self._together.carry_on(max(1, round(share * self._max_iter)))

    def drop(self, places: Collection[int]) -> None:
        """End some of the trainings."""
        if self._together is not None:
            self._together.drop([run for place, run in self._runs.items() if place in places])

    def n_epochs(self, place: int) -> int:
        """Give the number of epochs that a fit has made."""
        return self._runs[place].n_epochs if self._runs else 0

    def fit_so_far(self, place: int) -> Fit:
        """Give a fit as if its training ended now; a copy, if it goes on."""
        fit = self.fits[place]
        if self._together is None:
            return fit
        net = fit.net.snapshot() if self._together.goes_on(self._runs[place]) else fit.net
        net.joined = fit.judge.joined
        with torch.no_grad():
            kept = fit.judge.kept_weights()
            for parameter, value in zip(net.module_.parameters(), kept, strict=False):
                parameter.copy_(value)
        return so_far(fit, net, 0)


def make_batches(orders: Sequence[Order]) -> Iterator[Batch | int]:
    """Start fits, and give them in batches of one shape, one batch after the other.

    Orders of the same `rows` share what is computed from them alone. A fit whose trial finds that
    it needs no training is a batch by itself. The place of an order is given by itself if its
    network has to be trained by itself.
    """
    statistics: dict[int, Statistics] = {}
    waiting: dict[Hashable, dict[int, Fit]] = {}

    for place in _arrange(orders):
        order = orders[place]
        of_rows = statistics.setdefault(id(order.rows), Statistics(order.rows))
        started = start(order.parameters, order.rows, order.plan, order.seed, of_rows)
        if not started.by_engine:
            yield place
            continue
        if not needs_training(started, order.parameters, order.seed):
            yield Batch({}, {place: started})
            continue
        shape = _shape(order, started)
        fits = waiting.setdefault(shape, {})
        fits[place] = started
        if len(fits) == _n_members(started):
            yield Batch({i: orders[i] for i in fits}, waiting.pop(shape))
    for fits in waiting.values():
        yield Batch({i: orders[i] for i in fits}, fits)


def _arrange(orders: Sequence[Order]) -> list[int]:
    """Give the places of the orders, so that those follow each other which share most.

    Those of one shape come together, so that few networks wait for others. Those of one learning
    rate and decay are updated at once.
    """

    def key(place: int) -> tuple[str, str, float, float]:
        parameters, _, plan, _ = orders[place]
        shape = str(parameters.n_components), str(plan.hidden_layer_sizes)
        return *shape, plan.learning_rate, plan.weight_decay

    return sorted(range(len(orders)), key=key)


def _shape(order: Order, started: Fit) -> Hashable:
    """Give what has to be the same in all networks of a batch."""
    parameters, plan, module = order.parameters, order.plan, started.net.module_
    return (
        tuple(each.shape for each in module.parameters()),
        repr(module.encoder),
        repr(module.decoder),
        module.dtype,
        module.linear_path is None,
        str(started.net.device),
        parameters.optimizer,
        parameters.max_grad_norm,
        plan.batch_size,
        plan.max_iter,
        plan.n_judging_steps,
        started.rows.sample_weight is None,
    )


def _n_members(fit: Fit) -> int:
    widths = sum(each.shape[-1] for each in fit.net.module_.parameters())
    size = _MAX_NUMBERS // (fit.plan.batch_size * max(1, widths))
    return max(1, min(size, _MAX_MEMBERS))


def _bounds(modules: Sequence[Any]) -> list[Tensor] | None:
    bounds = [standard_bounds(module) for module in modules]
    if all(each is None for each in bounds):
        return None
    shift = modules[0].shift
    limits = torch.tensor([[-torch.inf], [torch.inf]]).to(shift).expand(-1, len(shift))
    return [limits if each is None else each for each in bounds]
