"""Progress of a pass over a source: a line now and then."""

import time

import torch

# From one line to the next, and from the first rows to the first line.
SECONDS, _FIRST = 10.0, 3.0


class Progress:
    """Prints how far a pass is, how fast, and how long it still takes.

    Parameters
    ----------
    name : str
        Name of the pass.
    n_rows : int or None
        Rows of the pass; None: not known.
    """

    def __init__(self, name: str, n_rows: int | None) -> None:
        self.name, self.n_rows = name, n_rows
        self._n_done = 0
        self._start, self._next = time.monotonic(), 0.0

    def step(self, n_rows: int, total_loss: torch.Tensor | None = None) -> None:
        """Note that so many more rows are done, and the sum of the losses of all so far."""
        self._n_done += n_rows
        now = time.monotonic()
        # Until the first rows come, a buffer is filled: that tells no speed yet.
        self._next = self._next or now + min(_FIRST, SECONDS)
        if now < self._next:
            return
        self._next = now + SECONDS
        speed = self._n_done / max(now - self._start, 1e-9)
        parts = [f"{self._n_done:,} rows"]
        if self.n_rows is not None:
            parts = [f"{self._n_done / self.n_rows:.0%} of {self.n_rows:,} rows"]
        parts.append(f"{speed:,.0f} rows/s")
        if total_loss is not None:
            parts.append(f"loss {float(total_loss.flatten()[0]) / self._n_done:.4g}")
        if self.n_rows is not None:
            parts.append(f"{_duration((self.n_rows - self._n_done) / speed)} left")
        print(f"{self.name}: {', '.join(parts)}", flush=True)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
