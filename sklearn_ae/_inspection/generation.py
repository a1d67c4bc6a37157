"""What an autoencoder says about the distribution of the data: samples, paths, likelihoods."""

import warnings
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_scalar
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._data.random import make_generators
from sklearn_ae._fitting.record import Record
from sklearn_ae.latents import LATENTS

# Sizes of the mixture that are tried, as far as there are so many rows for each component.
_MIXTURE_SIZES = (1, 2, 4, 8, 16, 32)
_MIN_ROWS_EACH = 20


def _has_likelihood(estimator: Any) -> bool:
    if hasattr(estimator, "net_"):
        has_likelihood = hasattr(estimator.net_.module_.latent, "log_likelihood")
    else:
        latent = estimator.latent
        latent = LATENTS.get(latent) if isinstance(latent, str) else latent
        has_likelihood = getattr(latent, "has_likelihood", False)
    if not has_likelihood:
        raise AttributeError(
            f"log_likelihood needs a variational latent, got latent={estimator.latent!r}."
        )
    return True


class GenerationMixin:
    """Mixin of the estimators: ``sample``, ``interpolate``, ``log_likelihood``."""

    n_components_: int
    n_features_in_: int
    net_: Any
    _check_X: Callable[..., Any]  # noqa: N815
    _encode: Any

    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> np.ndarray:
        """Make new rows: draw codes and decode them.

        Codes are drawn from the prior, where the latent has one (variational, Wasserstein,
        adversarial). Otherwise they are drawn from a Gaussian mixture that is fitted on the
        codes of up to 1,000 training rows, which the estimator remembers, its size being
        chosen by the Bayesian information criterion.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Determines the draw; an int gives the same rows each time. NumPy's global state
            is not used.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The decoded codes, in input units: means, without the noise that single values
            have around them.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If `n_samples` is less than 1.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        _, random_state = make_generators(random_state)
        module = self.net_.module_
        if module.latent.has_prior:
            codes = random_state.normal(size=(n_samples, self.n_components_))
            return self.net_.compute(module.decode, codes)
        if self._density_ is None:
            hidden = self.net_.compute(
                lambda x: module.hidden(module.standardize(x)), self._record_.rows
            )
            self._density_ = CodeDensity(hidden)
        return self.net_.compute(
            lambda hidden: module.to_input_units(
                module.decode_raw(module.latent(hidden.to(module.dtype)))
            ),
            self._density_.sample(n_samples, random_state),
        )

    def interpolate(self, a: Any, b: Any, n: int = 10) -> np.ndarray:
        """Go from one row to another on the straight line between their codes.

        Parameters
        ----------
        a, b : array-like of shape (n_features,)
            The rows.
        n : int, default=10
            Number of steps, at least 2.

        Returns
        -------
        X : ndarray of shape (n, n_features)
            The decoded codes, in input units, from the reconstruction of `a` to that of `b`.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If `a` or `b` is not like a row of the data it was fitted on, or `n` less than 2.
        """
        check_is_fitted(self)
        check_scalar(n, "n", Integral, min_val=2)
        ends = [
            check_array(end, ensure_2d=False, dtype=[np.float64, np.float32], input_name=name)
            for name, end in (("a", a), ("b", b))
        ]
        for name, end in zip("ab", ends, strict=True):
            if end.shape != (self.n_features_in_,):
                raise ValueError(
                    f"{name} must be one row of {self.n_features_in_} features, got an array of "
                    f"shape {end.shape}."
                )
        first, last = self.net_.compute(self._encode, np.stack(ends))
        share = np.linspace(0, 1, n, dtype=first.dtype)[:, None]
        return self.net_.compute(self.net_.module_.decode, (1 - share) * first + share * last)

    @available_if(_has_likelihood)
    def log_likelihood(self, X: Any, n_samples: int = 100) -> np.ndarray:
        """Estimate the log likelihood of rows by importance sampling.

        Only with ``latent=Variational(...)``. The estimate is a lower bound in expectation,
        which rises with `n_samples`; some thousands give the figures that are reported in
        the literature [1]_. It is deterministic.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        n_samples : int, default=100
            Number of codes that are drawn for each row.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats: of the density in input units, or of the probability where the loss is
            "binary_cross_entropy"; minus infinity where the network overflows.

        Raises
        ------
        AttributeError
            If the latent is not variational.
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on, or `n_samples` less than 1.

        References
        ----------
        .. [1] Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        net = self.net_
        module, criterion = net.module_, net.criterion_
        # The same numbers for every row, so that it does not matter which rows stand beside it.
        noise = torch.empty(n_samples, self.n_components_, dtype=module.dtype)
        noise = noise.normal_(generator=torch.Generator().manual_seed(0)).to(net.device)
        X = self._check_X(X)
        self._check_range(X)
        nats = net.compute(
            lambda x: module.latent.log_likelihood(module, criterion.per_sample, x, noise),
            X,
        )
        if criterion.units == "standard":
            scale = module.scale.double().cpu().numpy()
            nats = nats - np.log(np.broadcast_to(scale, self.n_features_in_)).sum()
        return nats

    # --- for the estimators -----------------------------------------------------------------

    _density_: "CodeDensity | None"
    _record_: Record
    _check_range: Callable[[Any], None]


class CodeDensity:
    """A Gaussian mixture of what the encoder gives.

    Parameters
    ----------
    hidden : ndarray of shape (n_rows, n_hidden)
        What it gives for some rows.
    """

    def __init__(self, hidden: np.ndarray) -> None:
        # Here, since it takes a tenth of the time of importing PyTorch with it.
        from sklearn.mixture import GaussianMixture

        self.scaler = StandardScaler().fit(hidden)
        standard = self.scaler.transform(hidden.astype(np.float64))
        n_rows, width = standard.shape
        if n_rows == 1:
            standard = np.repeat(standard, 2, axis=0)
        best = np.inf
        for size in _MIXTURE_SIZES:
            if size > 1 and size * max(_MIN_ROWS_EACH, width / 2) > n_rows:
                break
            # A fixed seed: what is drawn depends on the seed of the draw alone.
            mixture = GaussianMixture(size, reg_covar=1e-4, tol=1e-2, random_state=0)
            with warnings.catch_warnings():
                # Of k-means, where fewer rows differ than there are components: a worse start.
                warnings.simplefilter("ignore", ConvergenceWarning)
                mixture.fit(standard)
            criterion = mixture.bic(standard)
            if criterion >= best:
                break
            best, self.mixture = criterion, mixture

    def sample(self, n_samples: int, random_state: np.random.RandomState) -> np.ndarray:
        """Draw from it.

        Parameters
        ----------
        n_samples : int
            Number of draws.
        random_state : RandomState instance
            Source of randomness.

        Returns
        -------
        hidden : ndarray of shape (n_samples, n_hidden)
            The draws.
        """
        mixture = self.mixture
        counts = random_state.multinomial(n_samples, mixture.weights_)
        draws = [
            random_state.multivariate_normal(mean, covariance, count)
            for mean, covariance, count in zip(
                mixture.means_, mixture.covariances_, counts, strict=True
            )
        ]
        standard = random_state.permutation(np.concatenate(draws))
        return self.scaler.inverse_transform(standard)
