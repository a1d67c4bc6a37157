"""Principal components of weighted, dense or sparse data, a block at a time."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eigh, qr
from sklearn.utils.extmath import svd_flip

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

    `n_components` is their number, or the share of the variance that they have to explain. Where
    more are asked for than there are directions in which the rows vary, the others are random, but
    at most `n_features`: directions in which the training rows do not vary tell new ones apart, and
    PCA has them up to the number of rows.

    The smaller of covariance and Gram matrix is summed up block by block and diagonalised; where
    both are large and few components are asked for, they come from randomised subspace iteration:
    Halko, Martinsson and Tropp, "Finding structure with randomness: probabilistic algorithms for
    constructing approximate matrix decompositions", SIAM Review 53, 2011.
    """
    n_samples, n_features = matrix.X.shape
    size = min(n_samples, n_features)
    share = n_components if isinstance(n_components, float) else None
    n_leading = size if share is not None else min(int(n_components), size)
    max_exact = _MAX_EXACT if isinstance(matrix.X, np.ndarray) else _MAX_EXACT_SPARSE
    if size > max_exact and n_leading + _N_OVERSAMPLES < size // 4:
        components = _by_iteration(matrix, n_leading, random_state)
    elif n_features <= n_samples:
        components = _by_covariance(matrix, n_leading, share)
    else:
        components = _by_gram_matrix(matrix, n_leading, share)
    components = svd_flip(None, components, u_based_decision=False)[1]
    if share is None and len(components) < min(n_components, n_features):
        return _complete(components, min(int(n_components), n_features), random_state)
    return components


def _complete(
    components: np.ndarray, n_components: int, random_state: np.random.RandomState
) -> np.ndarray:
    n_found, n_features = components.shape
    others = random_state.normal(size=(n_components - n_found, n_features))
    # Those that are orthonormal already stay what they are, but for signs.
    rows = qr(np.concatenate([components, others]).T, mode="economic")[0].T
    return np.concatenate([components, rows[n_found:]])


def _by_covariance(matrix: StandardizedMatrix, n_leading: int, share: float | None) -> np.ndarray:
    n_features = matrix.X.shape[1]
    covariance = np.zeros((n_features, n_features))
    for block in matrix.row_blocks():
        covariance += block.T @ block
    return _leading_eigenvectors(covariance, n_leading, share)[0].T


def _by_gram_matrix(matrix: StandardizedMatrix, n_leading: int, share: float | None) -> np.ndarray:
    n_samples, n_features = matrix.X.shape
    gram = np.zeros((n_samples, n_samples))
    for _, block in matrix.column_blocks():
        gram += block @ block.T
    left, variances = _leading_eigenvectors(gram, n_leading, share)
    # Directions without any variance have no axis in the span of the rows.
    left = left[:, variances > variances.max(initial=0) * n_samples * np.finfo(float).eps]
    components = np.empty((n_features, left.shape[1]))
    for columns, block in matrix.column_blocks():
        components[columns] = block.T @ left
    return qr(components, mode="economic")[0].T


def _by_iteration(
    matrix: StandardizedMatrix, n_leading: int, random_state: np.random.RandomState
) -> np.ndarray:
    basis = random_state.normal(size=(matrix.X.shape[1], n_leading + _N_OVERSAMPLES))
    for _ in range(_N_ITERATIONS):
        basis = qr(_times_covariance(matrix, basis), mode="economic")[0]
    small = basis.T @ _times_covariance(matrix, basis)
    return (basis @ _leading_eigenvectors(small, n_leading, None)[0]).T


def _times_covariance(matrix: StandardizedMatrix, basis: np.ndarray) -> np.ndarray:
    if not isinstance(matrix.X, np.ndarray):
        return _sparse_times_covariance(matrix, basis)
    product = np.zeros_like(basis)
    basis = basis.astype(matrix.X.dtype, copy=False)
    for block in matrix.row_blocks():
        product += block.T @ (block @ basis)
    return product


def _sparse_times_covariance(matrix: StandardizedMatrix, basis: np.ndarray) -> np.ndarray:
    # The shift is taken off the products, so that the zeros of X stay zeros. For dense data that
    # would be a difference of large numbers, wherever the columns are far from zero.
    X, shift, scale, weight = matrix
    per_column = np.broadcast_to(scale, shift.shape)[:, None]
    # In the type of X: scipy would make a copy of X in the wider type at every product.
    scaled = (basis / per_column).astype(X.dtype, copy=False)
    projections = X @ scaled - shift.astype(X.dtype) @ scaled
    if weight is not None:
        projections *= weight[:, None].astype(X.dtype)
    return (X.T @ projections - np.outer(shift, projections.sum(axis=0))) / per_column


def _leading_eigenvectors(
    symmetric: np.ndarray, n_leading: int, share: float | None
) -> tuple[np.ndarray, np.ndarray]:
    size = len(symmetric)
    values, vectors = eigh(symmetric, subset_by_index=[size - n_leading, size - 1])
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    if share is not None:
        n_leading = n_components_for_share(values, share)
    return vectors[:, :n_leading], values[:n_leading]


def n_components_for_share(variances: np.ndarray, share: float) -> int:
    """Count the components that explain a share of the descending variances, as in PCA."""
    cumulative = np.cumsum(variances)
    if cumulative[-1] == 0:
        return 1
    n_below = int(np.searchsorted(cumulative / cumulative[-1], share, side="right"))
    return min(n_below + 1, len(variances))
