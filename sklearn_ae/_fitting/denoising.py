"""Build the denoising autoencoders of the detector from its rows."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from sklearn_ae._data.principal_components import StandardizedMatrix, principal_components
from sklearn_ae._data.quantiles import weighted_quantile
from sklearn_ae._data.robust_gaussian import RobustGaussian, fit_robust_gaussian
from sklearn_ae._data.rows import Rows
from sklearn_ae._data.single_thread import one_thread
from sklearn_ae._data.units import dense
from sklearn_ae.nn import (
    NO_SHARE,
    Denoisers,
    DenoisingAutoencoder,
    Gaussians,
    MemberStack,
    Prototypes,
    row_keys,
)

MakeStack = Callable[[Sequence[int], int], MemberStack]

# More rows would hardly change what training starts at.
_MAX_ROWS = 2**13
# Each member leaves out one of the parts. With fewer distinct rows than this there is one member,
# and a later part of a stream changes only what is trained.
MIN_ROWS, _N_FOLDS = 20, 4
# Wider rows have a Gaussian along as many principal axes, and one variance for the rest. A member
# has at most so many axes for each of its rows.
_MAX_AXES, _AXES_PER_ROW = 256, 0.5
# Standard deviation of the noise under which the Gaussian sees the rows.
_LEAST_NOISE = 0.05
# Rows are suspicious if the Gaussians' distance is beyond the whisker of a box plot of logarithms.
# If more than this share are, none is: so many are a part of the data.
_WHISKER, _MAX_SUSPICIOUS = 1.5, 0.15
# A prototype for so many rows, but not for less than two, and at most so many prototypes.
_ROWS_PER_PROTOTYPE, _MIN_ROWS_OF_PROTOTYPE, _MAX_PROTOTYPES = 5, 2, 512
_N_ITERATIONS = 10  # of k-means
_LEAST_SPREAD = 0.03  # of a prototype, in standard units


class Clusters(NamedTuple):
    """Clusters of rows.

    Attributes
    ----------
    centers : ndarray of shape (n_clusters, n_features)
        Means of the clusters.
    spread : float
        Root mean squared distance of an entry from that of the center.
    share, normal : ndarray of shape (n_clusters,)
        Share of the rows that are in each cluster, and share of these that are not suspicious.
    """

    centers: np.ndarray
    spread: float
    share: np.ndarray
    normal: np.ndarray


class Sample(NamedTuple):
    """Distinct rows in standard units, by increasing key.

    Attributes
    ----------
    z : ndarray of shape (n_rows, n_features)
        The rows.
    weight, keys : ndarray of shape (n_rows,)
        Their weights and keys.
    """

    z: np.ndarray
    weight: np.ndarray
    keys: np.ndarray


def build_denoising(
    rows: Rows,
    shift: torch.Tensor,
    scale: torch.Tensor,
    make_stack: MakeStack,
    hidden: Sequence[int],
    n_components: int,
    *,
    is_clean: bool,
    random_state: np.random.RandomState,
    dtype: torch.dtype,
) -> DenoisingAutoencoder:
    """Build denoisers that start at the prototypes of the rows.

    Parameters
    ----------
    rows : Rows
        The rows. Many are represented by a subsample.
    shift, scale : Tensor of shape (n_features,)
        The units, in the type of the rows.
    make_stack : callable
        Makes the layers of members: ``(sizes, n_members) -> MemberStack``.
    hidden : sequence of int
        Widths of the encoder's hidden layers.
    n_components : int
        Size of the code.
    is_clean : bool
        Whether no row is an outlier.
    random_state : RandomState
        Source of randomness.
    dtype : torch.dtype
        Type of the network.
    """
    n_features = rows.X.shape[1]
    direction = torch.from_numpy(random_state.normal(size=n_features))
    sample = _draw(rows, shift, scale, direction, dtype)
    cuts = _find_cuts(sample)
    parts = _parts(sample, cuts)
    gaussians = _fit_gaussians(sample, parts, random_state).to(dtype)
    is_normal = _find_normal(sample, gaussians, is_clean=is_clean)
    encoder = make_stack((n_features, *hidden, n_components), len(parts))
    decoder = make_stack((n_components, *hidden[::-1], n_features), len(parts))
    for parameter in (decoder.weights[-1], decoder.biases[-1]):
        nn.init.zeros_(parameter)
    denoisers = Denoisers(
        _find_prototypes(sample, parts, is_normal, _MAX_PROTOTYPES, random_state),
        encoder,
        decoder,
        torch.from_numpy(_find_boxes(sample, parts)),
    )
    return DenoisingAutoencoder(
        denoisers.to(dtype),
        gaussians,
        direction=direction,
        cuts=torch.from_numpy(cuts),
        shift=shift,
        scale=scale,
        dtype=dtype,
    )


def follow(
    module: DenoisingAutoencoder,
    rows: Rows,
    *,
    is_clean: bool,
    random_state: np.random.RandomState,
) -> None:
    """Have all that is not trained follow other rows; too few rows change nothing.

    Parameters
    ----------
    module : DenoisingAutoencoder
        The module, which is changed.
    rows : Rows
        The rows.
    is_clean : bool
        Whether no row is an outlier.
    random_state : RandomState
        Source of randomness.
    """
    dtype, device = module.dtype, module.shift.device
    units = module.shift.cpu(), module.scale.cpu(), module.direction.cpu()
    sample = _draw(rows, *units, dtype)
    parts = _parts(sample, module.cuts.cpu().numpy())
    if len(sample.keys) < MIN_ROWS or min(part.sum() for part in parts) < MIN_ROWS // 2:
        return
    denoisers = module.denoisers
    gaussians = _fit_gaussians(sample, parts, random_state).to(dtype)
    is_normal = _find_normal(sample, gaussians, is_clean=is_clean)
    n_prototypes = denoisers.prototypes.log_share.shape[1]
    prototypes = _find_prototypes(sample, parts, is_normal, n_prototypes, random_state)
    module.gaussians.load(gaussians.to(device))
    denoisers.prototypes.load(prototypes.to(device))
    denoisers.box.copy_(torch.from_numpy(_find_boxes(sample, parts)))


def _draw(
    rows: Rows,
    shift: torch.Tensor,
    scale: torch.Tensor,
    direction: torch.Tensor,
    dtype: torch.dtype,
) -> Sample:
    some = rows.subsample(_MAX_ROWS)
    X, weight = some.distinct()
    # As the module does it, so that the keys are the same.
    z = ((torch.from_numpy(dense(X)) - shift) / scale).to(dtype)
    keys = row_keys(z, direction).numpy()
    # In one order, whatever the order of the rows.
    order = np.argsort(keys, kind="stable")
    return Sample(z.numpy()[order].astype(np.float64), weight[order], keys[order])


def _find_cuts(sample: Sample) -> np.ndarray:
    """Give the keys where folds end, if there are enough rows for them."""
    keys = sample.keys
    if len(keys) < MIN_ROWS:
        return np.zeros(0)
    share = np.cumsum(sample.weight) / sample.weight.sum()
    # Sums of weights are rounded.
    places = np.searchsorted(share, np.arange(1, _N_FOLDS) / _N_FOLDS - 1e-9) + 1
    places = np.unique(places[places < len(keys)])
    # Midway, so that rounding puts no row into another fold.
    return (keys[places - 1] + keys[places]) / 2


def _parts(sample: Sample, cuts: np.ndarray) -> list[np.ndarray]:
    """Tell which rows each member is trained on."""
    if len(cuts) == 0:
        return [np.ones(len(sample.keys), bool)]
    fold = np.searchsorted(cuts, sample.keys, side="right")
    return [fold != number for number in range(len(cuts) + 1)]


def _fit_gaussians(
    sample: Sample, parts: list[np.ndarray], random_state: np.random.RandomState
) -> Gaussians:
    z, weight = sample.z, sample.weight
    if z.shape[1] > _MAX_AXES:
        least = min(part.sum() for part in parts)
        n_axes = max(1, min(_MAX_AXES, int(_AXES_PER_ROW * least)))
        members = [_fit_wide(z, weight, part, n_axes, random_state) for part in parts]
    else:
        whole = fit_robust_gaussian(z, weight)
        members = []
        for part in parts:
            gaussian = whole
            if not part.all():  # close to the start, a few steps are enough
                gaussian = fit_robust_gaussian(z[part], weight[part], whole, n_steps=3)
            values, vectors = _eigen(gaussian)
            members.append((gaussian.mean, vectors.T, 1 / values, np.array(0.0)))
    stacked = (np.stack(each) for each in zip(*members, strict=True))
    return Gaussians(*(torch.from_numpy(each) for each in stacked))


def _fit_wide(
    z: np.ndarray,
    weight: np.ndarray,
    part: np.ndarray,
    n_axes: int,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Give mean, axes, gain and rest of a member, see Gaussians."""
    own, own_weight = z[part], weight[part]
    center = np.average(own, axis=0, weights=own_weight)
    matrix = StandardizedMatrix(own, center, np.array(1.0), own_weight / own_weight.mean())
    axes = principal_components(matrix, n_axes, random_state)
    gaussian = fit_robust_gaussian(own @ axes.T, own_weight)
    values, vectors = _eigen(gaussian)
    # Rows that gave the axes are closer to them than others are.
    others = part if part.all() else ~part
    off = z[others] - center
    off -= off @ axes.T @ axes
    n_rest = z.shape[1] - len(axes)
    variance = np.average(np.square(off).sum(axis=1), weights=weight[others]) / n_rest
    rest = 1 / (variance + _LEAST_NOISE**2)
    mean = center + (gaussian.mean - center @ axes.T) @ axes
    n_missing = n_axes - len(axes)
    padded = np.pad(vectors.T @ axes, ((0, n_missing), (0, 0)))
    return mean, padded, np.pad(1 / values - rest, (0, n_missing)), np.array(rest)


def _eigen(gaussian: RobustGaussian) -> tuple[np.ndarray, np.ndarray]:
    """Give variances under noise, the largest first, and the axes as columns."""
    values, vectors = np.linalg.eigh(gaussian.covariance)
    return np.maximum(values[::-1], 0) + _LEAST_NOISE**2, vectors[:, ::-1]


def _find_normal(sample: Sample, gaussians: Gaussians, *, is_clean: bool) -> np.ndarray:
    """Tell which rows are not suspicious."""
    weight = sample.weight
    if is_clean:
        return np.ones(len(weight), bool)
    z = torch.from_numpy(sample.z).to(gaussians.mean.dtype)
    energies = gaussians.energies(z).sum(dim=-1).mean(dim=0).numpy()
    lower, upper = (weighted_quantile(energies, weight, q) for q in (0.25, 0.75))
    edge = upper * (upper / lower) ** _WHISKER if lower > 0 else upper
    is_normal = energies <= edge
    if weight[~is_normal].sum() > _MAX_SUSPICIOUS * weight.sum():
        is_normal[:] = True
    return is_normal


def _find_boxes(sample: Sample, parts: list[np.ndarray]) -> np.ndarray:
    """Give the smallest and the largest values: ``(2, n_members, n_features)``."""
    rows = [sample.z[part] for part in parts]
    return np.stack([[each.min(axis=0) for each in rows], [each.max(axis=0) for each in rows]])


def _find_prototypes(
    sample: Sample,
    parts: list[np.ndarray],
    is_normal: np.ndarray,
    most: int,
    random_state: np.random.RandomState,
) -> Prototypes:
    """Find the prototypes of the rows of each member, at most so many."""
    z, weight = sample.z, sample.weight
    members = [
        _cluster(z[part], weight[part], is_normal[part], most, random_state) for part in parts
    ]
    n_prototypes = max(len(each.centers) for each in members)
    log_share = np.full((len(members), n_prototypes), NO_SHARE)
    log_normal = np.zeros_like(log_share)
    centers = np.zeros((*log_share.shape, z.shape[1]))
    for member, found in enumerate(members):
        place = member, slice(len(found.centers))
        centers[place] = found.centers
        log_share[place] = np.log(found.share)
        with np.errstate(divide="ignore"):
            log_normal[place] = np.maximum(np.log(found.normal), NO_SHARE)
    arrays = centers, np.log([found.spread for found in members]), log_share, log_normal
    return Prototypes(*(torch.from_numpy(each) for each in arrays))


def _cluster(
    z: np.ndarray,
    weight: np.ndarray,
    is_normal: np.ndarray,
    most: int,
    random_state: np.random.RandomState,
) -> Clusters:
    """Divide rows into clusters by k-means."""
    # At the top, this import would make `import sklearn_ae` slower.
    from sklearn.cluster import KMeans, kmeans_plusplus

    n_clusters = max(1, min(len(z) // _ROWS_PER_PROTOTYPE, most))
    # The rows are arrays of NumPy, whatever arrays the user works with.
    with config_context(array_api_dispatch=False):
        start, _ = kmeans_plusplus(
            z, n_clusters, sample_weight=weight, random_state=random_state, n_local_trials=1
        )
        means = KMeans(n_clusters, init=start, n_init=1, max_iter=_N_ITERATIONS)
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # hardly distinct rows
            # Unwrapped: MLflow's autolog would take the clusters for the user's model.
            inspect.unwrap(KMeans.fit)(means, z, sample_weight=weight)
    deviation = np.square(z - means.cluster_centers_[means.labels_]).mean(axis=1)
    spread = np.sqrt(np.average(deviation, weights=weight) + _LEAST_SPREAD**2)
    n_rows, share, normal = (
        np.bincount(means.labels_, each, minlength=n_clusters)
        for each in (np.ones(len(z)), weight, weight * is_normal)
    )
    # A center of a single row would be that row.
    is_kept = n_rows >= min(_MIN_ROWS_OF_PROTOTYPE, n_rows.max())
    share, normal = share[is_kept], normal[is_kept]
    return Clusters(means.cluster_centers_[is_kept], spread, share / share.sum(), normal / share)
