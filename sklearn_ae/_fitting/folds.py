"""Cross-validation on few rows: from where, and for how long, to train."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from sklearn_ae._fitting.training_length import TrainingLength, cross_validate
from sklearn_ae.training import (
    AutoencoderNet,
    Judging,
    Monitor,
    Rows,
    can_train_together,
    train_together,
)

# With fewer rows, the number of epochs can be told better by cross-validation than by a part of
# the rows, which costs some more trainings.
_MIN_SAMPLES_TO_HOLD_OUT = 500
# Up to so many components, training starts from random weights as well as from the principal
# components: with more, these are the better place to start from.
_FEW_COMPONENTS = 2


class Fold(NamedTuple):
    """A net that is trained on a part of the rows, and judged by another.

    Attributes
    ----------
    net : AutoencoderNet
        The net.
    monitor : Monitor
        What judges its epochs.
    parts : tuple of (Rows, Rows)
        What it is trained on, and judged by.
    """

    net: AutoencoderNet
    monitor: Monitor
    parts: tuple[Rows, Rows]


class InterruptedTraining(Exception):  # noqa: N818 - it is the user's wish
    """The user has interrupted a training that was to be followed by another.

    Parameters
    ----------
    net : AutoencoderNet
        What is trained so far.
    monitor : Monitor
        What judged it.
    """

    def __init__(self, net: AutoencoderNet, monitor: Monitor) -> None:
        super().__init__()
        self.net, self.monitor = net, monitor


class FoldsMixin:
    """Mixin of the estimators: trainings that are compared before the one that is kept."""

    linear_path: Any
    learning_rate: float
    learning_rate_schedule: str
    max_iter: Any
    tol: float
    early_stopping: Any
    n_iter_no_change: int | None
    _new_net: Any
    _train: Any
    _batch_size: Any

    def _cross_validates(self, n_rows: int) -> bool:
        return (
            self.max_iter == "auto"
            and self.early_stopping == "auto"
            and n_rows < _MIN_SAMPLES_TO_HOLD_OUT
        )

    def _cross_validate(
        self, net: AutoencoderNet, rows: Rows, max_iter: int, seed: int
    ) -> tuple[AutoencoderNet, TrainingLength | None]:
        """Find out from where, and for how many epochs, to train."""

        def length_from(start: AutoencoderNet) -> tuple[TrainingLength | None, list[Fold]]:
            kept: list[Fold] = []
            may_fit_decoder = self._may_fit_decoder(start, len(rows))

            def train(parts: list[tuple[Rows, Rows]]) -> Iterator[Fold]:
                for fold in self._train_folds(parts, start, max_iter, seed):
                    if may_fit_decoder:
                        kept.append(fold)
                    yield fold

            return cross_validate(rows, seed, train), kept

        length, folds = length_from(net)
        if length is not None and self._has_second_start(net):
            plain = self._plain_net(net, rows, seed)
            its_length, its_folds = length_from(plain)
            if its_length is not None and length.is_beaten_by(its_length):
                net, folds = plain, its_folds
                length = replace(its_length, initial_loss=length.initial_loss)
        if length is not None and length.n_epochs > 0 and folds:
            nets, _, parts = map(list, zip(*folds, strict=True))
            length = replace(length, fits_decoder=self._pays_to_fit_decoder(nets, parts))
            for fold in folds:
                if fold.net.interrupted_:
                    raise InterruptedTraining(fold.net, fold.monitor)
        return net, length

    def _train_folds(
        self, parts: list[tuple[Rows, Rows]], start: AutoencoderNet, max_iter: int, seed: int
    ) -> Iterator[Fold]:
        """Train a net on each part of the rows, with an eye on those that are held out."""
        with_path = start.module_.linear_path is not None

        def make_fold(training: Rows, held_out: Rows) -> Fold:
            # Nothing of what is held out may be in units and principal components.
            known = training.extract()
            net = self._new_net(known, seed, start.n_components, tries_linear_path=with_path)
            warm_up = net.module_.latent.warm_up
            monitor = Monitor(self.tol, self.n_iter_no_change, warm_up=warm_up)
            return Fold(net, monitor, (known, held_out))

        training = [rows for rows, _ in parts]
        batch_size = max(self._batch_size(len(rows)) for rows in training)
        schedule = self.learning_rate_schedule
        # As large as nets may be, there is one at a time.
        folds: Iterator[Fold] = (make_fold(*part) for part in parts)
        if schedule != "reduce_on_plateau" and can_train_together([start], training, batch_size):
            nets, monitors, both = map(list, zip(*(made := list(folds)), strict=True))
            if can_train_together(nets, training, batch_size):
                train_together(
                    nets,
                    both,
                    monitors,
                    learning_rate=self.learning_rate,
                    schedule=schedule,
                    batch_size=batch_size,
                    max_epochs=max_iter,
                    judging=self._judging(start, max_iter),
                )
                if nets[0].interrupted_:
                    raise InterruptedTraining(nets[0], monitors[0])
                yield from made
                return
            folds = iter(made)
        for fold in folds:
            self._train_to_compare(fold.net, fold.parts, fold.monitor, max_iter)
            yield fold

    def _may_fit_decoder(self, net: AutoencoderNet, n_rows: int) -> bool:
        """Tell whether the decoder alone may be trained on afterwards."""
        return False

    def _pays_to_fit_decoder(
        self,
        nets: list[AutoencoderNet],
        parts: list[tuple[Rows, Rows]],
    ) -> bool:
        """Tell whether training the decoder alone on helps rows that it has not seen."""
        return False

    def _judging(self, net: AutoencoderNet, max_epochs: int) -> Judging:
        """Give how rows that are held out are judged."""
        return Judging()

    def _has_second_start(self, net: AutoencoderNet) -> bool:
        """Tell whether to train a plain network as well, and keep the better one.

        What few components there are may have to bend so much that the principal ones are
        a bad place to start from.
        """
        return (
            self.linear_path == "auto"
            and self.max_iter == "auto"
            and net.module_.linear_path is not None
            and net.n_components <= _FEW_COMPONENTS
        )

    def _plain_net(self, net: AutoencoderNet, rows: Rows, seed: int) -> AutoencoderNet:
        """Give a net like another one, but for the linear path."""
        return self._new_net(rows, seed, net.n_components, tries_linear_path=False)

    def _train_to_compare(
        self,
        net: AutoencoderNet,
        parts: tuple[Rows, Rows | None],
        monitor: Monitor,
        max_iter: int,
    ) -> None:
        """Train one of several networks, which nobody watches."""
        self._train(net, parts, monitor, max_iter)
        if net.interrupted_:
            raise InterruptedTraining(net, monitor)
