"""Distances of rows to reference rows, in X and in their codes, block by block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import check_array, check_consistent_length, gen_batches
from sklearn.utils._chunking import get_chunk_n_rows

from sklearn_ae._data.array_api import as_numpy

# A block has two matrices of distances; to find neighbours takes the memory of four more.
_MATRICES = 6

Metric = str | Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Distances:
    """Distances of rows to reference rows in two spaces: that of X and that of the codes."""

    X: "_Space"
    codes: "_Space"
    are_among_themselves: bool  # the rows are the reference rows: none is a neighbour of itself

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return self.X.rows.shape[0]

    @property
    def n_reference(self) -> int:
        """Number of reference rows."""
        return self.X.reference.shape[0]

    @property
    def n_candidates(self) -> int:
        """Number of rows that may be neighbours of a row."""
        return self.n_reference - self.are_among_themselves

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield distances in X and in the codes, of shape (n_rows, n_reference).

        The distance of a row to itself is infinite. The blocks are as large as scikit-learn's
        `working_memory` allows.
        """
        n_rows = get_chunk_n_rows(8 * _MATRICES * self.n_reference, max_n_rows=self.n_samples)
        for block in gen_batches(self.n_samples, n_rows):
            pair = self.X.distances(block), self.codes.distances(block)
            if self.are_among_themselves:
                own = np.arange(block.start, block.stop)
                for distances in pair:
                    distances[own - block.start, own] = np.inf
            yield pair


def check_distances(
    X: Any, codes: Any, reference: tuple[Any, Any] | None, metric: Metric
) -> Distances:
    """Validate rows, codes and reference rows."""
    if metric == "precomputed":
        raise ValueError("metric='precomputed' is not supported: X holds rows, not distances.")
    X, codes = _check_pair(X, codes)
    if reference is None:
        return Distances(_space(X, X, metric), _space(codes, codes, "euclidean"), True)
    if len(reference) != 2:
        raise ValueError("reference should be a pair of rows and their codes, or None.")
    X_reference, codes_reference = _check_pair(*reference)
    in_X = _space(X, X_reference, metric)
    return Distances(in_X, _space(codes, codes_reference, "euclidean"), False)


def _check_pair(X: Any, codes: Any) -> tuple[Any, Any]:
    checks: dict[str, Any] = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
    X = check_array(as_numpy(X), input_name="X", **checks)
    codes = check_array(as_numpy(codes), input_name="X_embedded", **checks)
    check_consistent_length(X, codes)
    return X, codes


@dataclass(frozen=True)
class _Space:
    rows: Any
    reference: Any
    metric: Metric

    def distances(self, block: slice) -> np.ndarray:
        if self.metric == "euclidean":
            # Squares have the same order.
            return euclidean_distances(self.rows[block], self.reference, squared=True)
        return pairwise_distances(self.rows[block], self.reference, metric=self.metric)


def _space(rows: Any, reference: Any, metric: Metric) -> _Space:
    if metric != "euclidean" or sparse.issparse(rows) or sparse.issparse(reference):
        return _Space(rows, reference, metric)
    # Far from the origin, matrix products would round the distances away. Medians of integers are
    # integers or halves: their distances are exact, so equal ones stay equal.
    origin = np.median(reference, axis=0)
    if rows.shape[1] != len(origin):
        return _Space(rows, reference, metric)  # scikit-learn says what is wrong
    moved = reference - origin
    return _Space(moved if rows is reference else rows - origin, moved, metric)
