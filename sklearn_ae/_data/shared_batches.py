"""Batches that several trainings use at once."""

from collections.abc import Iterator
from itertools import chain, tee
from typing import Any

import torch

from sklearn_ae._data.rows import Batch, Batches, Prepare, Rows

# Entries of the rows of an epoch, which are kept.
_MAX_ENTRIES = 2**19
# Epochs that are kept: some trainings may still be in the former one.
_N_EPOCHS = 2


class SharedBatches:
    """Batches of which an epoch in the same order is made once for several trainings.

    Parameters
    ----------
    batches : Batches
        The batches of one training.
    epochs : dict
        What is shared with the batches of other trainings of the same rows, in the same units.
    """

    progress = None

    def __init__(self, batches: Batches, epochs: dict[bytes, Any]) -> None:
        self._batches, self._epochs = batches, epochs

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def rows(self) -> Rows:
        """The rows."""
        return self._batches.rows

    def sizes(self) -> list[int]:
        """Give the number of rows of each batch."""
        return self._batches.sizes()

    @property
    def generator(self) -> torch.Generator | None:
        """What shuffles the rows; None: they come in their order."""
        return self._batches.generator

    @generator.setter
    def generator(self, generator: torch.Generator | None) -> None:
        self._batches.generator = generator

    def iterate(self, prepare: Prepare, *, reuse: bool = False) -> Iterator[Batch]:
        """Iterate over the batches, see `Batches.iterate`."""
        batches, generator = self._batches, self._batches.generator
        if generator is None or len(self) == 1 or _n_entries(self.rows) > _MAX_ENTRIES:
            return batches.iterate(prepare, reuse=reuse)
        # The state of the generator decides the order.
        before = generator.get_state().numpy().tobytes()
        if before not in self._epochs:
            epoch = batches.iterate(prepare)
            first = next(epoch)
            if len(self._epochs) >= _N_EPOCHS:
                self._epochs.pop(next(iter(self._epochs)))
            self._epochs[before] = chain([first], epoch), generator.get_state()
        epoch, after = self._epochs[before]
        mine, kept = tee(epoch)
        self._epochs[before] = kept, after
        generator.set_state(after)
        return mine


def _n_entries(rows: Rows) -> int:
    return len(rows) * rows.X.shape[1]
