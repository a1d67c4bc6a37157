"""Metrics of how well codes keep neighbourhoods, for any transformer."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_scalar

from sklearn_ae.metrics._distances import Distances, Metric, check_distances
from sklearn_ae.metrics._scorer import MetricScorer


def trustworthiness(
    X: Any,
    X_embedded: Any,
    *,
    reference: tuple[Any, Any] | None = None,
    n_neighbors: int = 15,
    metric: Metric = "euclidean",
) -> float:
    r"""Compute to what extent near codes belong to near rows.

    A code is near if it is among the `n_neighbors` nearest. The metric falls if the row of a near
    code is not near, the more the further away the row is [1]_.

    Without `reference`, it is that of :func:`sklearn.manifold.trustworthiness`. This function needs
    less memory, and compares new rows with the rows of the training.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows.
    X_embedded : {array-like, sparse matrix} of shape (n_samples, n_components)
        Their codes.
    reference : pair of {array-like, sparse matrix} or None, default=None
        Rows among which the neighbours are, and their codes, such as those of the training. None:
        the neighbours of a row are among the other rows of X.
    n_neighbors : int, default=15
        Number of neighbours, at most half of the rows among which they are.
    metric : str or callable, default="euclidean"
        Distance between rows of X, see :func:`sklearn.metrics.pairwise_distances`. The distance
        between codes is Euclidean.

    Returns
    -------
    trustworthiness : float
        In [0, 1]. 1 is best: the neighbours of each code are the neighbours of its row. Random
        codes have about 0.5.

    Raises
    ------
    ValueError
        If `n_neighbors` is too large, or the shapes do not match.

    See Also
    --------
    continuity : The same with rows and codes swapped.
    neighbors_overlap : The share of common neighbours.

    Notes
    -----
    For `n` rows, `m` reference rows and `k` neighbours, it is

    .. math::

        T(k) = 1 - \frac{2}{nk (2m - 3k + 1)} \sum^n_{i=1}
            \sum_{j \in \mathcal{N}_i} \max(0, r(i, j) - k)

    where :math:`\mathcal{N}_i` are the `k` nearest codes of row `i` and `r(i, j)` is one more than
    the number of rows that are nearer to row `i` than row `j` is. Without `reference`, `m` is
    `n - 1`. Of codes at the same distance, the first are the nearest.

    Distances are computed in blocks of rows within scikit-learn's `working_memory`. The time is
    proportional to `n` times `m`.

    References
    ----------
    .. [1] Venna and Kaski, "Local multidimensional scaling", Neural Networks 19, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae.metrics import trustworthiness
    >>> X_train, X_test = load_digits().data[:1500], load_digits().data[1500:]
    >>> pca = PCA(n_components=2).fit(X_train)
    >>> round(trustworthiness(X_test, pca.transform(X_test)), 2)
    0.82
    >>> reference = (X_train, pca.transform(X_train))
    >>> round(trustworthiness(X_test, pca.transform(X_test), reference=reference), 2)
    0.81
    """
    distances = check_distances(X, X_embedded, reference, metric)
    _check_half(n_neighbors, distances)
    excess = sum(
        _excess_ranks(in_X, _nearest(in_codes, n_neighbors))
        for in_X, in_codes in distances.blocks()
    )
    return 1 - excess / _worst_excess(n_neighbors, distances)


def continuity(
    X: Any,
    X_embedded: Any,
    *,
    reference: tuple[Any, Any] | None = None,
    n_neighbors: int = 15,
    metric: Metric = "euclidean",
) -> float:
    """Compute to what extent near rows have near codes.

    A row is near if it is among the `n_neighbors` nearest. The metric falls if the code of a near
    row is not near, the more the further away the code is [1]_. So it falls if the codes tear
    neighbours apart, and :func:`trustworthiness` falls if they bring strangers together.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows.
    X_embedded : {array-like, sparse matrix} of shape (n_samples, n_components)
        Their codes.
    reference : pair of {array-like, sparse matrix} or None, default=None
        Rows among which the neighbours are, and their codes, such as those of the training. None:
        the neighbours of a row are among the other rows of X.
    n_neighbors : int, default=15
        Number of neighbours, at most half of the rows among which they are.
    metric : str or callable, default="euclidean"
        Distance between rows of X, see :func:`sklearn.metrics.pairwise_distances`. The distance
        between codes is Euclidean.

    Returns
    -------
    continuity : float
        In [0, 1]. 1 is best: the neighbours of each row have the neighbours of its code. Random
        codes have about 0.5.

    Raises
    ------
    ValueError
        If `n_neighbors` is too large, or the shapes do not match.

    See Also
    --------
    trustworthiness : The same with rows and codes swapped.
    neighbors_overlap : The share of common neighbours.

    Notes
    -----
    It is ``trustworthiness(X_embedded, X)``, apart from `metric`. Memory, time and ties are as
    there.

    References
    ----------
    .. [1] Venna and Kaski, "Local multidimensional scaling", Neural Networks 19, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae.metrics import continuity
    >>> X = load_digits().data
    >>> round(continuity(X, PCA(n_components=2).fit_transform(X)), 2)
    0.95
    """
    distances = check_distances(X, X_embedded, reference, metric)
    _check_half(n_neighbors, distances)
    excess = sum(
        _excess_ranks(in_codes, _nearest(in_X, n_neighbors))
        for in_X, in_codes in distances.blocks()
    )
    return 1 - excess / _worst_excess(n_neighbors, distances)


def neighbors_overlap(
    X: Any,
    X_embedded: Any,
    *,
    reference: tuple[Any, Any] | None = None,
    n_neighbors: int = 15,
    metric: Metric = "euclidean",
) -> float:
    """Compute the share of the nearest neighbours in X that are also neighbours in the codes.

    It is also known as the preservation of nearest neighbours, or as Q_NX [1]_. It is stricter than
    :func:`trustworthiness` and :func:`continuity`: the neighbour after the last one counts as
    little as the furthest row.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows.
    X_embedded : {array-like, sparse matrix} of shape (n_samples, n_components)
        Their codes.
    reference : pair of {array-like, sparse matrix} or None, default=None
        Rows among which the neighbours are, and their codes, such as those of the training. None:
        the neighbours of a row are among the other rows of X.
    n_neighbors : int, default=15
        Number of neighbours.
    metric : str or callable, default="euclidean"
        Distance between rows of X, see :func:`sklearn.metrics.pairwise_distances`. The distance
        between codes is Euclidean.

    Returns
    -------
    overlap : float
        Mean over the rows, in [0, 1]. 1 is best. Random codes have `n_neighbors` divided by the
        number of rows among which the neighbours are.

    Raises
    ------
    ValueError
        If `n_neighbors` is too large, or the shapes do not match.

    See Also
    --------
    trustworthiness : Tells how far the rows of near codes are.
    continuity : Tells how far the codes of near rows are.

    Notes
    -----
    Of rows at the same distance, the first are the nearest. Memory and time are as in
    :func:`trustworthiness`.

    References
    ----------
    .. [1] Lee and Verleysen, "Quality assessment of dimensionality reduction: rank-based criteria",
       Neurocomputing 72, 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae.metrics import neighbors_overlap
    >>> X = load_digits().data
    >>> for n_components in (2, 8):
    ...     codes = PCA(n_components=n_components).fit_transform(X)
    ...     print(f"{n_components}: {neighbors_overlap(X, codes):.1f}")
    2: 0.2
    8: 0.6
    """
    distances = check_distances(X, X_embedded, reference, metric)
    _check_fewer(n_neighbors, distances)
    common = sum(
        _n_common(_nearest(in_X, n_neighbors), _nearest(in_codes, n_neighbors), in_X.shape)
        for in_X, in_codes in distances.blocks()
    )
    return common / (n_neighbors * distances.n_samples)


def _check_half(n_neighbors: int, distances: Distances) -> None:
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    if 2 * n_neighbors <= distances.n_candidates:
        return
    half = distances.n_reference / 2
    raise ValueError(
        f"n_neighbors ({n_neighbors}) should be less than n_samples / 2 ({half})"
        if distances.are_among_themselves
        else f"n_neighbors ({n_neighbors}) should be at most half of the reference rows ({half})"
    )


def _check_fewer(n_neighbors: int, distances: Distances) -> None:
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    if n_neighbors > distances.n_candidates:
        sign = "<" if distances.are_among_themselves else "<="
        raise ValueError(
            f"Expected n_neighbors {sign} n_samples_fit, but n_neighbors = {n_neighbors}, "
            f"n_samples_fit = {distances.n_reference}, n_samples = {distances.n_samples}"
        )


def _nearest(distances: np.ndarray, n_neighbors: int) -> np.ndarray:
    """Find the columns with the smallest distances; of equal ones the first."""
    nearest = np.argpartition(distances, n_neighbors - 1, axis=1)[:, :n_neighbors]
    furthest = np.take_along_axis(distances, nearest, axis=1).max(axis=1, keepdims=True)
    is_tied = (distances <= furthest).sum(axis=1) > n_neighbors
    order = np.argsort(distances[is_tied], axis=1, kind="stable")
    nearest[is_tied] = order[:, :n_neighbors]
    return nearest


def _excess_ranks(distances: np.ndarray, columns: np.ndarray) -> int:
    """Sum up by how much the ranks of some distances exceed the number of neighbours."""
    excess = 0
    for place in range(columns.shape[1]):
        distance = np.take_along_axis(distances, columns[:, place : place + 1], axis=1)
        rank = 1 + (distances < distance).sum(axis=1)
        excess += int(np.maximum(0, rank - columns.shape[1]).sum())
    return excess


def _worst_excess(n_neighbors: int, distances: Distances) -> float:
    """Give the excess of ranks where the nearest rows of each row are the furthest ones."""
    worst_of_row = n_neighbors * (2 * distances.n_candidates - 3 * n_neighbors + 1) / 2
    return distances.n_samples * worst_of_row


def _n_common(left: np.ndarray, right: np.ndarray, shape: tuple[int, ...]) -> int:
    """Count the columns that two sets of columns have in common, summed over rows."""
    is_left = np.zeros(shape, bool)
    np.put_along_axis(is_left, left, True, axis=1)
    return int(np.take_along_axis(is_left, right, axis=1).sum())


def _codes(estimator: Any, X: Any) -> Any:
    if not hasattr(estimator, "transform"):
        raise TypeError(f"The metric needs a transformer; {estimator!r} has no transform.")
    return estimator.transform(X)


def _trustworthiness_of(estimator: Any, X: Any) -> float:
    """Compute the trustworthiness of the codes of X, among the rows of X."""
    return trustworthiness(X, _codes(estimator, X))


def _continuity_of(estimator: Any, X: Any) -> float:
    """Compute the continuity of the codes of X, among the rows of X."""
    return continuity(X, _codes(estimator, X))


def _neighbors_overlap_of(estimator: Any, X: Any) -> float:
    """Compute the overlap of neighbours in X and in its codes, among the rows of X."""
    return neighbors_overlap(X, _codes(estimator, X))


trustworthiness_scorer = MetricScorer(_trustworthiness_of, "transform")
continuity_scorer = MetricScorer(_continuity_of, "transform")
neighbors_overlap_scorer = MetricScorer(_neighbors_overlap_of, "transform")
