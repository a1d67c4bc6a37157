"""Fit a network to data that are larger than memory."""

from dataclasses import replace
from typing import Any

from sklearn_ae._data.streams.source import working_memory
from sklearn_ae._data.streams.stream import Stream
from sklearn_ae._fitting.build import build_net
from sklearn_ae._fitting.fit import Fit, Hooks, begin, follow_rows, run_training
from sklearn_ae._fitting.plan import FitPlan
from sklearn_ae.training import AutoencoderNet, Checkpoint


def fit_stream(
    parameters: Any,
    net: AutoencoderNet | None,
    stream: Stream,
    plan: FitPlan,
    seed: int,
    *,
    hooks: Hooks | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Fit a new network to a stream, or train a net further on it.

    Parameters
    ----------
    parameters : BaseAutoencoder
        The estimator, of which only the parameters are read.
    net : AutoencoderNet or None
        The net that is trained further; None: a new one.
    stream : Stream
        The training data.
    plan : FitPlan
        The plan.
    seed : int
        Source of all randomness of a new network.
    hooks : Hooks or None, default=None
        What to call around each epoch.
    checkpoint : Checkpoint or None, default=None
        What the training resumes from, and where it is saved.
    """
    rows, validation = stream.sample, None
    if plan.batch_size * rows.X[0].nbytes > working_memory():
        raise ValueError(
            f"A batch of {plan.batch_size} rows does not fit into scikit-learn's working memory. "
            f"Set a lower batch_size, or an optimizer other than {parameters.optimizer!r} if that "
            "needs all rows in a batch."
        )
    if net is not None:
        follow_rows(net, rows, plan, stream.statistics.extremes)
        if net.joined and parameters.early_stopping == "auto":
            plan = replace(plan, validation="none")
        plan = replace(plan, min_certainty=0.0)
    if plan.validation == "split":
        seed_of_split = seed if net is None else net.split_seed
        stream, validation = stream.split(parameters.validation_fraction, seed_of_split)
    is_first = net is None
    if net is None:
        net = build_net(parameters, plan, stream.statistics, seed)
    started = begin(net, parameters, rows, plan, stream.sample, validation)
    started.stream, started.progress = stream, stream.progress
    if not is_first:
        started.judge.min_gain = 0.0
    run_training(started, parameters, plan.max_iter, hooks, checkpoint)
    return started
