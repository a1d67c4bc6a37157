"""The plan of a fit: everything that "auto" decides, from parameters and the size of the data."""

import math
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any

from sklearn_ae.latents import LATENTS
from sklearn_ae.training import FULL_BATCH_OPTIMIZERS

# Widths of the hidden layers, and the rows and columns from which on they are used.
_HIDDEN_LAYER_SIZES = (
    ((512, 256), 10_000, 100),
    ((256, 128), 2000, 50),
    ((256, 128), 5000, 1),
    ((128, 64), 500, 1),
    ((64, 32), 0, 1),
)
# Weight decay is this many times the columns for each row, and at most the second number. Noise in
# training does most of its work.
_DECAY, _MAX_DECAY, _DECAY_WITH_NOISE = 30, 0.4, 0.01
# With few rows, a trial tells whether training helps: the networks of three folds are trained for
# this share of the epochs. With more rows, or a given number of epochs, validation rows tell. If
# there are not many rows, they become training rows as soon as they have shown that training helps.
_FEW_ROWS, _N_FOLDS, _TRIAL_SHARE = 500, 3, 0.15
_MIN_ROWS_FOR_SPLIT, _MANY_ROWS = 100, 5000
# Steps of the default training with few rows, and for each row. With more rows, the arithmetic of
# all steps is bounded: some seconds for 20,000 rows, a minute of two cores at most.
_N_STEPS, _N_STEPS_PER_ROW = 70, 0.3
_OPERATIONS, _OPERATIONS_PER_ENTRY, _MAX_OPERATIONS = 4e11, 1.5e5, 4e12
_MIN_EPOCHS, _MAX_EPOCHS = 3, 200
# Steps of the denoising autoencoders: so many, and so many for each row, up to a maximum.
_N_DENOISING_STEPS, _DENOISING_STEPS_PER_ROW, _MAX_DENOISING_STEPS = 60, 0.02, 1000
_DENOISING_BATCH_SIZE = 64
# Evaluations of the validation rows in a training, and refinement steps of their codes in each.
_N_JUDGEMENTS, _N_JUDGING_STEPS = 10, 5
# Refinement steps of `transform`, at most: most rows are done after four.
_N_REFINEMENT_STEPS = 20
# From so many columns on, the network is trained on principal components: on all of them if there
# are no more rows than this, otherwise on 1.5 times the code size, but at least this many.
_WIDE, _MAX_PROJECTED, _MIN_PROJECTED = 2000, 1000, 64
# Standard errors by which the validation loss has to fall below that of PCA for training to be
# kept, and for validation rows to become training rows.
_MIN_CERTAINTY, _JOIN_CERTAINTY = 0.5, 2.0


@dataclass(frozen=True)
class FitPlan:
    """What "auto" stands for in a fit.

    The number of rows enters through the sum of their weights only, so a row of weight 2 is the
    row twice.

    Attributes
    ----------
    hidden_layer_sizes : tuple of int or None
        Widths of the encoder's hidden layers; None: the architecture decides.
    weight_decay : float
        Weight decay of the optimizer.
    learning_rate : float
        The highest learning rate.
    batch_size : int
        Rows in a batch.
    max_iter : int
        Number of epochs, at most.
    validation : {"none", "split", "trial"}
        Which rows judge the training: the training rows; validation rows that are split off; or
        all rows in a trial, a short training of a network for each fold, judged by the rows of the
        fold. After a trial, the network is trained on all rows.
    join_certainty : float or None
        Standard errors by which the validation loss has to fall for the validation rows to become
        training rows; None: they do not.
    n_folds, n_trial_epochs : int
        Number of folds and of epochs of the trial; 0 without a trial.
    judge_every : int
        Number of epochs from one evaluation of the validation rows to the next.
    n_judging_steps, n_refinement_steps : int
        Refinement steps of the codes of validation rows, and of `transform`, where the codes
        can be refined.
    min_certainty : float
        Standard errors by which the validation loss has to fall for any training to be kept.
    is_detector : bool
        Whether each column is divided by its own standard deviation, and validation rows take no
        part in it, as p-values need; otherwise all columns are divided by one scale.
    max_components : int
        Upper limit of the code size if a share of the variance decides it.
    denoises : bool
        Whether the network is the detector's: denoising autoencoders that each leave out a part of
        the rows.
    is_clean : bool
        Whether the user says that no training row is an outlier.
    n_projected : int or None
        Number of principal components that the network is trained on, for wide data; None: it
        is trained on the columns.
    """

    hidden_layer_sizes: tuple[int, ...] | None
    weight_decay: float
    learning_rate: float
    batch_size: int
    max_iter: int
    validation: str
    join_certainty: float | None
    n_folds: int
    n_trial_epochs: int
    judge_every: int
    n_judging_steps: int
    n_refinement_steps: int
    min_certainty: float
    is_detector: bool
    max_components: int
    denoises: bool = False
    is_clean: bool = False
    n_projected: int | None = None


def make_plan(
    parameters: Any,
    n_rows: float,
    n_features: int,
    *,
    is_detector: bool,
    is_plain: bool,
    n_refinement_steps: int | str = "auto",
    is_stream: bool = False,
) -> FitPlan:
    """Make the plan of a fit.

    Parameters
    ----------
    parameters : BaseAutoencoder
        The estimator, of which only the parameters are read.
    n_rows : float
        The sum of the weights of the rows.
    n_features : int
        Number of columns.
    is_detector : bool
        Whether the estimator is the detector, or the transformer.
    is_plain : bool
        Whether the parameters ask for a plain network that starts at PCA, which the engine trains.
    n_refinement_steps : int or "auto", default="auto"
        Refinement steps that the parameters ask for.
    is_stream : bool, default=False
        Whether the rows are a stream, larger than memory: its validation rows stay what they are,
        and the network is trained on all columns.
    """
    is_transformer = not is_detector
    # A code as wide as the data can copy any outlier.
    max_components = max(1, n_features - 1) if is_detector else n_features
    n_projected, n_entries = None, n_rows * n_features
    if is_transformer and not is_stream:
        n_projected = _n_projected(parameters, n_rows, n_features, is_plain)
        n_features = n_projected or n_features
        if is_plain:  # more steps would hardly help
            n_entries = n_rows * n_features
    hidden = _hidden_layer_sizes(parameters, n_rows, n_features)
    denoises = is_detector and _asks_for_denoising(parameters)
    batch_size = _batch_size(parameters, n_rows, is_plain)
    is_full = parameters.optimizer in FULL_BATCH_OPTIMIZERS
    if denoises and parameters.batch_size == "auto" and not is_full:
        batch_size = min(batch_size, _DENOISING_BATCH_SIZE)
    steps_of_epoch = math.ceil(n_rows / batch_size)
    is_all_auto = (
        is_transformer
        and is_plain
        and parameters.max_iter == parameters.early_stopping == "auto"
        and not is_stream
        and not has_callbacks(parameters)  # skorch's loop has no trial
    )
    validation = _validation(parameters, n_rows, is_all_auto)
    if denoises and parameters.early_stopping == "auto":
        validation = "none"  # rows that are left out take their place
    joins = validation == "split" and is_all_auto and n_rows < _MANY_ROWS
    # Patience, and learning rates that may be too high, need validation rows to the end.
    joins = joins and parameters.n_iter_no_change is None and parameters.learning_rate == "auto"
    if isinstance(n_refinement_steps, str):
        n_refinement_steps = _N_REFINEMENT_STEPS
    if parameters.max_iter != "auto":
        max_iter = int(parameters.max_iter)
    elif is_transformer:
        n_operations = 6.0 * batch_size * _count_weights(hidden, n_features)
        budget = min(_OPERATIONS + _OPERATIONS_PER_ENTRY * n_entries, _MAX_OPERATIONS)
        n_steps = min(_n_steps(n_rows, is_plain), budget / n_operations)
        max_iter = int(min(max(n_steps // steps_of_epoch, _MIN_EPOCHS), _MAX_EPOCHS))
    elif denoises:
        n_steps = min(_N_DENOISING_STEPS + _DENOISING_STEPS_PER_ROW * n_rows, _MAX_DENOISING_STEPS)
        max_iter = math.ceil(n_steps / steps_of_epoch)
    else:
        max_iter = min(max(1000 // steps_of_epoch, 5), 300)
    judge_every = max_iter // _N_JUDGEMENTS if n_refinement_steps > 0 else 1
    if parameters.n_iter_no_change is not None:
        judge_every = min(judge_every, parameters.n_iter_no_change // 2)
    return FitPlan(
        hidden_layer_sizes=hidden if parameters.architecture is None else None,
        weight_decay=_weight_decay(parameters, n_rows, n_features, denoises),
        learning_rate=_learning_rate(parameters, is_transformer and is_plain),
        batch_size=batch_size,
        max_iter=max_iter,
        validation=validation,
        join_certainty=_JOIN_CERTAINTY if joins else None,
        n_folds=_N_FOLDS if validation == "trial" else 0,
        n_trial_epochs=max(1, int(max_iter * _TRIAL_SHARE)) if validation == "trial" else 0,
        judge_every=max(1, judge_every),
        n_judging_steps=min(int(n_refinement_steps), _N_JUDGING_STEPS),
        n_refinement_steps=int(n_refinement_steps),
        min_certainty=_MIN_CERTAINTY if parameters.early_stopping == "auto" else 0.0,
        is_detector=is_detector,
        max_components=max_components,
        denoises=denoises,
        is_clean=is_detector and parameters.contamination == 0,
        n_projected=n_projected,
    )


def corruption_of(parameters: Any) -> Any:
    """Give the corruption of the estimator, or else what the latent says, as a parameter."""
    given = parameters.corruption
    return _latent_default(parameters, "corruption") if given is None else given


def _latent_default(parameters: Any, name: str) -> Any:
    """Give what the latent says of a parameter that is left to it; None: nothing."""
    latent = parameters.latent
    return getattr(LATENTS[latent] if isinstance(latent, str) else latent, name, None)


def _asks_for_denoising(parameters: Any) -> bool:
    """Tell whether parameters leave it to the detector what is trained."""
    return (
        parameters.architecture is None
        and parameters.latent is None
        and parameters.corruption is None
        and parameters.loss == "squared_error"
        and parameters.output_activation == "auto"
        and parameters.linear_path is not None
    )


def has_callbacks(parameters: Any) -> bool:
    """Tell whether the user gave callbacks of skorch."""
    return parameters.callbacks is not None and len(parameters.callbacks) > 0


def _n_projected(parameters: Any, n_rows: float, n_features: int, is_plain: bool) -> int | None:
    """Give the number of principal components to train on; all there are if rows are few."""
    most = _latent_default(parameters, "max_columns")
    if most is not None:
        size = parameters.n_components
        can = _may_rotate(parameters) and isinstance(size, Integral) and n_features > most
        return min(max(3 * int(size) // 2, most), n_features) if can else None
    if not is_plain or n_features <= _WIDE:
        return None
    if n_rows <= _MAX_PROJECTED:  # as many as the rows span
        return min(_MAX_PROJECTED, n_features)
    if not isinstance(parameters.n_components, Integral):
        return None
    return min(max(3 * int(parameters.n_components) // 2, _MIN_PROJECTED), n_features)


def _may_rotate(parameters: Any) -> bool:
    """Tell whether a rotation of the columns changes nothing."""
    return (
        parameters.loss == "squared_error"
        and parameters.output_activation in ("auto", "clip", "identity")
        and parameters.architecture is None
        and parameters.corruption is None
    )


def _n_steps(n_rows: float, is_plain: bool) -> float:
    """Give the number of steps of the default training."""
    if not is_plain:
        return 6000
    if n_rows < _FEW_ROWS:
        return _N_STEPS + _N_STEPS_PER_ROW * n_rows
    return min(0.8 * n_rows - 100, 3000) + n_rows / 100


def _hidden_layer_sizes(parameters: Any, n_rows: float, n_features: int) -> tuple[int, ...]:
    sizes = parameters.hidden_layer_sizes
    if isinstance(sizes, str):
        sizes = _latent_default(parameters, "hidden_layer_sizes")
    if sizes is None:
        return next(
            sizes
            for sizes, enough_rows, enough_features in _HIDDEN_LAYER_SIZES
            if n_rows >= enough_rows and n_features >= enough_features
        )
    return tuple(sizes) if hasattr(sizes, "__len__") else (sizes,)


def _batch_size(parameters: Any, n_rows: float, is_plain: bool) -> int:
    if parameters.batch_size != "auto":
        return int(parameters.batch_size)
    if parameters.optimizer in FULL_BATCH_OPTIMIZERS:
        return math.ceil(n_rows)
    if not is_plain:
        return int(min(max(n_rows // 32, 64), 256))
    if n_rows <= 200:
        return 200
    return int(min(max(n_rows // 16, 128), 512))


def _validation(parameters: Any, n_rows: float, is_all_auto: bool) -> str:
    if parameters.early_stopping != "auto":
        return "split" if parameters.early_stopping else "none"
    if is_all_auto and n_rows < _FEW_ROWS:
        return "trial"
    return "split" if n_rows >= _MIN_ROWS_FOR_SPLIT else "none"


def _weight_decay(parameters: Any, n_rows: float, n_features: int, denoises: bool) -> float:
    if parameters.weight_decay != "auto":
        return float(parameters.weight_decay)
    if parameters.optimizer != "adamw":  # an L2 penalty, which has to be chosen for the data
        return 0.0
    if denoises or corruption_of(parameters) is not None:
        return _DECAY_WITH_NOISE
    return min(_DECAY * n_features / n_rows, _MAX_DECAY)


def _learning_rate(parameters: Any, is_plain: bool) -> float:
    if parameters.learning_rate != "auto":
        return float(parameters.learning_rate)
    return 0.01 if is_plain else 0.003


def _count_weights(hidden: tuple[int, ...], n_features: int) -> int:
    """Count the weights of encoder and decoder, but for the few around the code."""
    widths = [n_features, *hidden]
    return max(1, 2 * sum(a * b for a, b in pairwise(widths)))
