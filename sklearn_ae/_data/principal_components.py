"""Principal components of weighted, dense or sparse data, a block at a time."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eigh, qr
from sklearn.utils.extmath import svd_flip

from sklearn_ae._data.ranks import Ranks
from sklearn_ae._data.single_thread import one_blas_thread
from sklearn_ae._data.units import blocks, dense

# Above this size of the eigenvalue problem a few components are found by iteration.
_MAX_EXACT = 2000
_MAX_EXACT_SPARSE = 500  # products with a sparse matrix cost little
_N_OVERSAMPLES = 10
_N_ITERATIONS = 7


class StandardizedMatrix(NamedTuple):
    """The weighted, standardised data, of which only blocks are ever made."""

    X: Any  # ndarray or CSR matrix or array of shape (n_samples, n_features)
    shift: np.ndarray  # of shape (n_features,)
    scale: np.ndarray  # of shape () or (n_features,)
    sample_weight: np.ndarray | None  # rows are multiplied by its root
    # If the rows are spread over ranks, these ranks and the number of all rows.
    ranks: Ranks | None = None
    n_all: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows, on all ranks together, and of columns."""
        return self.n_all or self.X.shape[0], self.X.shape[1]

    def sum_over_ranks(self, products: np.ndarray) -> np.ndarray:
        """Sum what was summed over the rows of this rank."""
        return products if self.ranks is None else self.ranks.sum(products)

    def row_blocks(self) -> Iterator[np.ndarray]:
        """Give dense blocks of rows."""
        for rows in blocks(*self.X.shape):
            yield self._block(self.X[rows], rows, slice(None))

    def column_blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Give dense blocks of columns, and which columns they are."""
        X = self.X if isinstance(self.X, np.ndarray) else self.X.tocsc()
        for columns in blocks(X.shape[1], X.shape[0]):
            yield columns, self._block(X[:, columns], slice(None), columns)

    def _block(self, block: Any, rows: slice, columns: slice) -> np.ndarray:
        scale = self.scale if self.scale.ndim == 0 else self.scale[columns]
        # A difference of large numbers and a division by a large scale: in float64.
        block = (dense(block) - self.shift[columns]) / scale
        if self.sample_weight is not None:
            block *= np.sqrt(self.sample_weight[rows, None])
        # The products may then be as coarse as the data: they take half the time.
        return block.astype(self.X.dtype, copy=False)


@one_blas_thread()
def principal_components(
    matrix: StandardizedMatrix, n_components: int | float, random_state: np.random.RandomState
) -> np.ndarray:
    """Compute the leading principal axes: orthonormal rows, largest variance first.

    `n_components` is their number, an int, or the share of the variance that they have to explain,
    a float. If the rows vary in fewer directions than the number, random axes follow, up to
    `n_features`: directions in which the training rows do not vary tell new rows apart, and PCA
    has them up to the number of rows.

    The smaller of covariance and Gram matrix is summed up block by block and diagonalised. If both
    are large and the components few, randomised subspace iteration finds them: Halko, Martinsson
    and Tropp, "Finding structure with randomness: probabilistic algorithms for constructing
    approximate matrix decompositions", SIAM Review 53, 2011.
    """
    n_samples, n_features = matrix.shape
    size = min(n_samples, n_features)
    max_exact = _MAX_EXACT if isinstance(matrix.X, np.ndarray) else _MAX_EXACT_SPARSE
    few = size // 4 - _N_OVERSAMPLES
    if size > max_exact and isinstance(n_components, int) and n_components < few:
        components = _by_iteration(matrix, n_components, random_state)
    else:
        components = _exactly(matrix, n_components)
    # On other ranks, other processors round otherwise.
    share = None if matrix.ranks is None else matrix.ranks.broadcast
    return _complete(components, n_components, random_state, share)


@one_blas_thread()
def components_of_covariance(
    covariance: np.ndarray, n_components: int | float, random_state: np.random.RandomState
) -> np.ndarray:
    """Compute the same from a covariance."""
    components = _leading_eigenvectors(covariance, n_components)[0].T
    return _complete(components, n_components, random_state)


def _complete(
    components: np.ndarray,
    n_components: int | float,
    random_state: np.random.RandomState,
    share: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Settle the signs, and add random axes if there are too few."""
    n_features = components.shape[1]
    components = svd_flip(None, components, u_based_decision=False)[1]
    if share is not None:
        components = share(components)
    if isinstance(n_components, float) or len(components) >= min(n_components, n_features):
        return components
    n_missing = min(n_components, n_features) - len(components)
    random = random_state.normal(size=(n_missing, n_features))
    # Those that are orthonormal already stay what they are, but for signs.
    orthonormal = qr(np.concatenate([components, random]).T, mode="economic")[0].T
    return np.concatenate([components, orthonormal[-n_missing:]])


def _exactly(matrix: StandardizedMatrix, n_components: int | float) -> np.ndarray:
    n_samples, n_features = matrix.shape
    if n_features <= n_samples:
        covariance = np.zeros((n_features, n_features))
        for block in matrix.row_blocks():
            covariance += block.T @ block
        covariance = matrix.sum_over_ranks(covariance)
        return _leading_eigenvectors(covariance, n_components)[0].T
    gram = np.zeros((n_samples, n_samples))
    for _, block in matrix.column_blocks():
        gram += block @ block.T
    left, variances = _leading_eigenvectors(gram, n_components)
    # Directions without any variance have no axis in the span of the rows.
    left = left[:, variances > variances.max(initial=0) * n_samples * np.finfo(float).eps]
    components = np.empty((n_features, left.shape[1]))
    for columns, block in matrix.column_blocks():
        components[columns] = block.T @ left
    return qr(components, mode="economic")[0].T


def _by_iteration(
    matrix: StandardizedMatrix, n_components: int, random_state: np.random.RandomState
) -> np.ndarray:
    basis = random_state.normal(size=(matrix.X.shape[1], n_components + _N_OVERSAMPLES))
    for _ in range(_N_ITERATIONS):
        basis = qr(_times_covariance(matrix, basis), mode="economic")[0]
    small = basis.T @ _times_covariance(matrix, basis)
    return (basis @ _leading_eigenvectors(small, n_components)[0]).T


def _times_covariance(matrix: StandardizedMatrix, basis: np.ndarray) -> np.ndarray:
    X, shift, scale, weight = matrix[:4]
    if isinstance(X, np.ndarray):
        product = np.zeros_like(basis)
        basis = basis.astype(X.dtype, copy=False)
        for block in matrix.row_blocks():
            product += block.T @ (block @ basis)
        return matrix.sum_over_ranks(product)
    # The shift is taken off the products, so that the zeros of X stay zeros. For dense data that
    # would be a difference of large numbers, wherever the columns are far from zero.
    per_column = np.broadcast_to(scale, shift.shape)[:, None]
    # In the type of X: scipy would make a copy of X in the wider type at every product.
    scaled = (basis / per_column).astype(X.dtype, copy=False)
    projections = X @ scaled - shift.astype(X.dtype) @ scaled
    if weight is not None:
        projections *= weight[:, None].astype(X.dtype)
    product = (X.T @ projections - np.outer(shift, projections.sum(axis=0))) / per_column
    return matrix.sum_over_ranks(product)


def _leading_eigenvectors(
    symmetric: np.ndarray, n_components: int | float
) -> tuple[np.ndarray, np.ndarray]:
    """Give eigenvectors as columns, and the eigenvalues, which descend and are not negative."""
    size = len(symmetric)
    n_leading = size if isinstance(n_components, float) else min(n_components, size)
    values, vectors = eigh(symmetric, subset_by_index=[size - n_leading, size - 1])
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    if isinstance(n_components, float):
        n_leading = n_components_for_share(values, n_components)
    return vectors[:, :n_leading], values[:n_leading]


def n_components_for_share(variances: np.ndarray, share: float) -> int:
    """Count the components that explain a share of the descending variances, as in PCA."""
    cumulative = np.cumsum(variances)
    if cumulative[-1] == 0:
        return 1
    n_below = int(np.searchsorted(cumulative / cumulative[-1], share, side="right"))
    return min(n_below + 1, len(variances))
