"""Progress of a fit: one line for each phase, which is rewritten on a terminal."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

# From one line to the next: on a terminal, where it is rewritten, and elsewhere.
_SECONDS_ON_TERMINAL, SECONDS = 0.1, 5.0
_COLUMNS = "{:<14} {:>9} {:>5} {:>10} {:>10} {:>9}  {}"
_HEADER = _COLUMNS.format("phase", "epoch", "done", "train_loss", "valid_loss", "rows/s", "time")


class Progress:
    """Prints the phase of a fit, its epoch and losses, the speed and the time left.

    On a terminal, the line of a phase is rewritten. Elsewhere, as in notebooks and files, there is
    a plain line every few seconds. Both end with the last state of the phase.

    Parameters
    ----------
    is_shown : bool
        Whether anything is printed.
    has_header : bool, default=True
        Whether the first line comes with a header.
    clock : callable, default=time.monotonic
        Gives the time in seconds.
    """

    def __init__(
        self,
        is_shown: bool,
        *,
        has_header: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_shown = is_shown
        self._needs_header, self._clock = has_header, clock
        self._phase: str | None = None

    def begin(
        self,
        phase: str,
        n_rows: int | None = None,
        n_epochs: int | None = None,
        n_before: int | None = None,
    ) -> "Progress":
        """Begin a phase, and end the former one. As a context manager, the phase ends with it.

        Parameters
        ----------
        phase : str
            Its name.
        n_rows : int or None, default=None
            Rows of an epoch, or of the whole phase if it has no epochs; None: not known.
        n_epochs : int or None, default=None
            Number of epochs; None: the phase has none.
        n_before : int or None, default=None
            Epochs before this one, in a stream of calls whose end is not known.
        """
        self.end()
        if self.is_shown:
            self._phase, self._n_rows = phase, n_rows
            self._n_epochs, self._n_before = n_epochs, n_before
            self._first: int | None = None  # epochs of a training that was resumed
            self._epoch = self._n_of_epoch = self._width = 0
            self._losses: list[float | None] = [None, None]
            self._start = self._clock()
            is_terminal = sys.stdout.isatty()
            self._pause = _SECONDS_ON_TERMINAL if is_terminal else SECONDS
            self._next = self._start + self._pause
            if is_terminal:
                self._show()
        return self

    def begin_epoch(self, number: int) -> None:
        """Note that an epoch begins, counted from 1."""
        if self.is_shown:
            self._epoch, self._n_of_epoch = number - 1, 0
            self._first = self._epoch if self._first is None else self._first

    def step(self, n_rows: int, total_loss: torch.Tensor | None = None) -> None:
        """Note that so many more rows are done, and the sum of the losses of the epoch so far."""
        if self.is_shown:
            self._n_of_epoch += n_rows
            if self._is_due():
                if total_loss is not None:  # reading it waits for the device
                    self._losses[0] = float(total_loss.flatten()[0]) / self._n_of_epoch
                self._show()

    def end_epoch(self, train_loss: float, valid_loss: float | None) -> None:
        """Note the losses of an epoch that is done."""
        if self.is_shown:
            self._epoch, self._n_of_epoch = self._epoch + 1, 0
            self._losses = [train_loss, valid_loss]
            if self._is_due():
                self._show()

    def end(self) -> None:
        """End the phase with its last state."""
        if self.is_shown and self._phase is not None:
            self._show(is_last=True)
            self._phase = None

    def note(self, text: str) -> None:
        """End the phase, and say something."""
        if self.is_shown:
            self.end()
            print(text, flush=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()

    def _is_due(self) -> bool:
        return self._clock() >= self._next

    def _show(self, *, is_last: bool = False) -> None:
        is_terminal = sys.stdout.isatty()
        line, end = self._line(is_last), "\n"
        if self._needs_header:
            print(_HEADER)
            self._needs_header = False
        if is_terminal:
            line = line[: shutil.get_terminal_size().columns - 1]  # a longer one would wrap
            line, self._width = line.ljust(self._width), len(line)
            line, end = f"\r{line}", "\n" if is_last else ""
        print(line, end=end, flush=True)
        self._next = self._clock() + self._pause

    def _line(self, is_last: bool) -> str:
        seconds = self._clock() - self._start
        n_rows, epoch = self._n_rows or 0, self._epoch + (self._n_of_epoch > 0)
        label, n_all = "", n_rows
        if self._n_epochs is not None:
            n_all *= self._n_epochs
            label = f"{epoch}/{self._n_epochs}"
        if self._n_before is not None:
            label = f"{self._n_before + epoch}"
        n_done = self._epoch * n_rows + self._n_of_epoch
        speed = (n_done - (self._first or 0) * n_rows) / max(seconds, 1e-9)
        spent = duration(seconds)
        if not is_last and n_all and speed:
            spent = f"{duration((n_all - n_done) / speed)} left"
        return _COLUMNS.format(
            self._phase,
            label,
            f"{n_done / n_all:.0%}" if n_all else "",
            *("" if loss is None else f"{loss:.4g}" for loss in self._losses),
            f"{speed:,.0f}" if speed else "",
            spent,
        ).rstrip()


QUIET = Progress(is_shown=False)


def duration(seconds: float) -> str:
    """Say how long something takes."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
