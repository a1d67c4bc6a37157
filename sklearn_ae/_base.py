"""What both estimators share: parameters, validation and scoring."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from sklearn_ae._fitting.fit import FittingMixin
from sklearn_ae._inspection.diagnosis import DiagnosisMixin
from sklearn_ae._inspection.generation import GenerationMixin
from sklearn_ae.corruption import CORRUPTIONS
from sklearn_ae.latents import LATENTS
from sklearn_ae.losses import LOSSES, OUTPUT_ACTIVATIONS
from sklearn_ae.nn import ACTIVATIONS
from sklearn_ae.training import (
    OPTIMIZERS,
    SCHEDULES,
    Rows,
)

# Entries from which on threads pay for a sum.
_LARGE = 2**20


class BaseAutoencoder(
    FittingMixin, GenerationMixin, DiagnosisMixin, CallbackSupportMixin, BaseEstimator
):
    """Base class of the estimators; see them for the parameters."""

    _parameter_constraints: dict[str, list[Any]] = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
        ],
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "architecture": [HasMethods("build"), tuple, None],
        "latent": [StrOptions(set(LATENTS)), HasMethods("build"), None],
        "corruption": [StrOptions(set(CORRUPTIONS)), HasMethods("build"), None],
        "loss": [StrOptions(set(LOSSES)), callable],
        "output_activation": [StrOptions({"auto", "identity", "clip", *OUTPUT_ACTIVATIONS})],
        "linear_path": [StrOptions({"auto", "pca"}), None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "l1_penalty": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "float64", "bfloat16"}), None],
        "callbacks": ["array-like", None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # --- public to both ---------------------------------------------------------------------

    def reconstruct(self, X: Any) -> np.ndarray:
        """Encode and decode rows.

        The same as ``inverse_transform(transform(X))`` of the transformer, in one pass.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Their reconstructions, in input units.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on.
        """
        check_is_fitted(self)
        return self.net_.compute(self._reconstruct, self._check_X(X))

    def __sklearn_is_fitted__(self) -> bool:
        # scikit-learn would look through all attributes, at each call.
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # --- for the subclasses -----------------------------------------------------------------

    def _scale(self, std: np.ndarray) -> np.ndarray:
        """Give what the centred columns are divided by: one scale, or one a column."""
        raise NotImplementedError

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        """Give the codes of rows in input units."""
        return self.net_.module_.encode(x)

    def _reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        """Give the reconstructions of rows in input units."""
        return self.net_.module_.reconstruct(x)

    def _residual(self, x: torch.Tensor) -> torch.Tensor:
        """Give rows in input units minus their reconstructions, in standard units."""
        return self.net_.module_.residual(x)

    def _max_found_components(self, n_features: int) -> int:
        """Give how many components a share of the variance may amount to."""
        return n_features

    def _check_X(self, X: Any, *, reset: bool = False, n_samples: int = 1) -> Any:
        """Check X and give it as a float array or CSR matrix."""
        return validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            order="C",
            ensure_min_samples=n_samples,
            # scikit-learn would look at the sum as well, but on one thread, which takes a tenth of
            # the time of the network.
            ensure_all_finite=not _has_finite_sum(X),
        )

    def _squared_residuals(self, X: Any, *, per_row: bool) -> np.ndarray:
        """Give squared residuals in standard units: of each entry, or the mean of each row."""

        def compute(x: torch.Tensor) -> torch.Tensor:
            # Rows so far out that the network overflows are infinitely far out, not undefined.
            squares = self._residual(x).square().nan_to_num(torch.inf, torch.inf)
            return squares.mean(dim=-1) if per_row else squares

        return self.net_.compute(compute, X)

    def _check_rows(self, X: Any, sample_weight: Any, *, first: bool) -> Rows:
        """Check the training data."""
        if isinstance(self.n_components, (bool, np.bool_)):
            raise InvalidParameterError(
                f"The 'n_components' parameter of {type(self).__name__} must be an int in the "
                "range [1, inf), a float in the range (0.0, 1.0) or a str among {'auto'}. Got "
                f"{self.n_components!r} instead."
            )
        X = self._check_X(X, reset=first, n_samples=2 if first else 1)
        self._check_range(X)
        if sample_weight is None:
            return Rows(X)
        weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        positive = weight > 0
        if first and positive.sum() < 2:
            raise ValueError(
                "Found 1 sample with a positive sample_weight while a minimum of 2 is required by "
                f"{type(self).__name__}."
            )
        if not positive.all():
            X, weight = X[positive], weight[positive]
        mean = float(weight.mean())
        return Rows(X, weight / mean, mean_weight=mean)

    def _check_range(self, X: Any) -> None:
        """Check that X has values that the loss has a meaning for."""
        if self.loss == "binary_cross_entropy":
            low, high = X.min(), X.max()
            if low < 0 or high > 1:
                raise ValueError(
                    "X must be in [0, 1] for loss='binary_cross_entropy', got values from "
                    f"{low:g} to {high:g}; scale it with MinMaxScaler."
                )


def _has_finite_sum(X: Any) -> bool:
    """Tell whether X is a large array without infinities and NaNs; False if in doubt."""
    return (
        isinstance(X, np.ndarray)
        and X.dtype in (np.float32, np.float64)
        and X.size > _LARGE
        # PyTorch does not take others, or warns of them.
        and X.flags.c_contiguous
        and X.flags.writeable
        and bool(torch.from_numpy(X).sum().isfinite())
    )
