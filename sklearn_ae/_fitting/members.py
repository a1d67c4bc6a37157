"""What the engine needs to train a fit's network: members, learning rate, batches."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from sklearn_ae._data.ranks import Ranks
from sklearn_ae._data.rows import Rows
from sklearn_ae._fitting.plan import FitPlan, has_callbacks
from sklearn_ae.nn import LinearPath, is_plain
from sklearn_ae.training import SCHEDULES, AutoencoderNet, Epoch, Members


def is_for_engine(net: AutoencoderNet, parameters: Any) -> bool:
    """Tell whether the engine trains a network; otherwise skorch's loop does."""
    return (
        is_plain(net.module_)
        and net.criterion_.is_squared_error
        and parameters.optimizer in ("adam", "adamw")
        and parameters.learning_rate_schedule != "reduce_on_plateau"
        and not net.autocast
        and not has_callbacks(parameters)
    )


def make_members(
    net: AutoencoderNet,
    parameters: Any,
    plan: FitPlan,
    linear_paths: list[LinearPath] | None = None,
    *,
    ranks: Ranks | None = None,
) -> Members:
    """Make the members: one, or one for each linear path that they start from."""
    start = list(net.module_.parameters())
    starts = [start]
    if linear_paths is not None:  # it comes last
        starts = [start[:-2] + list(path.parameters()) for path in linear_paths]
    return Members(
        net.module_,
        starts,
        plan.weight_decay,
        decoupled=parameters.optimizer == "adamw",
        max_grad_norm=parameters.max_grad_norm,
        ranks=ranks,
    )


def rows_in_batch(parameters: Any, plan: FitPlan, rows: Rows) -> int:
    """Give the number of rows in a batch. By default, batches have equal weight."""
    if parameters.batch_size != "auto":
        return plan.batch_size
    return max(1, round(plan.batch_size * len(rows) / rows.total_weight))


def standardize_in_place(net: AutoencoderNet) -> Callable[[Tensor], Tensor]:
    """Give a function that takes rows to standard units in place."""
    module = net.module_
    if module.axes is not None:
        return module.standardize
    return lambda x: x.sub_(module.shift).div_(module.scale).to(module.dtype)


def learning_rate(plan: FitPlan, schedule: str) -> Callable[[float], float]:
    """Give the learning rate as a function of the progress of the training."""
    return lambda progress: plan.learning_rate * SCHEDULES[schedule](progress)


def n_refinement_steps(net: AutoencoderNet, n_steps: int) -> int:
    """Give the number of refinement steps: none where the nearest code is not the right one."""
    refines = (
        net.module_.latent.is_identity
        and net.module_.corruption is None
        and net.criterion_.is_squared_error
    )
    return n_steps if refines else 0


def record_epoch(net: AutoencoderNet, epoch: Epoch, seconds: float | None = None) -> None:
    """Add an epoch to the history of the net."""
    entry: dict[str, Any] = {"batches": [], "epoch": len(net.history) + 1}
    entry["train_loss"] = epoch.train_loss
    if epoch.validation_loss is not None:
        entry["valid_loss"] = epoch.validation_loss
    if seconds is not None:
        entry["dur"] = seconds
    net.history.append(entry)
