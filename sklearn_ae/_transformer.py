"""Dimensionality reduction by an autoencoder."""

import warnings
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from sklearn_ae._base import BaseAutoencoder
from sklearn_ae._compat import check_sample_weight, with_callbacks
from sklearn_ae._data.array_api import as_numpy, follows_input, is_dispatched, like
from sklearn_ae._data.array_likes import as_array_like, float_types
from sklearn_ae._data.random import make_generators
from sklearn_ae._data.rows import Rows
from sklearn_ae._fitting.fit import Fit
from sklearn_ae._fitting.members import n_refinement_steps
from sklearn_ae._inspection.components import divide_explained_variance
from sklearn_ae._inspection.density import CodeDensity, hidden_values
from sklearn_ae._inspection.generation import interpolate, log_likelihood, sample
from sklearn_ae.latents import LATENTS
from sklearn_ae.nn import encode_refined


def _has_likelihood(estimator: Any) -> bool:
    if hasattr(estimator, "net_"):
        has_likelihood = estimator.net_.module_.latent.has_likelihood
    else:
        latent = estimator.latent
        latent = LATENTS.get(latent) if isinstance(latent, str) else latent
        has_likelihood = getattr(latent, "has_likelihood", False)
    if not has_likelihood:
        raise AttributeError(
            f"log_likelihood needs a variational latent, got latent={estimator.latent!r}."
        )
    return True


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseAutoencoder):
    """Dimensionality reduction by an autoencoder that starts at PCA.

    A neural network encodes each row into a few numbers and decodes them again; it learns to
    reconstruct its input [1]_. By default, a linear path beside the network starts at the principal
    components, and `fit` keeps the best weights. So the reconstruction is as good as that of PCA
    with the same number of components, and better if the data have structure that is not linear.

    Parameters
    ----------
    n_components : int, float or "auto", default="auto"
        Size of the code. A float in (0, 1): the number of principal components that explain this
        share of the variance. "auto": 0.95. An int may exceed the number of columns.
    hidden_layer_sizes : int, array-like of int or "auto", default="auto"
        Widths of the encoder's hidden layers; the decoder has them in reverse. "auto": (64, 32);
        from 500 rows on (128, 64); from 5,000 rows, or 2,000 rows of 50 columns, on (256, 128);
        from 10,000 rows of 100 columns on (512, 256).
    activation : {"gelu", "relu", "leaky_relu", "elu", "silu", "tanh", "logistic", \
            "identity"}, default="gelu"
        Activation of the hidden layers.
    dropout : float, default=0.0
        Probability of dropping a hidden unit in training, in [0, 1).
    architecture : object with a method ``build``, pair of nn.Module or None, default=None
        An object of :mod:`sklearn_ae.architectures` or your own; it replaces the three parameters
        above. None: the fully connected network that they describe.
    latent : {"sparse", "top_k", "contractive", "neighbors", "noisy", "variational", \
            "wasserstein", "adversarial"}, object with a method ``build`` or None, default=None
        Constraint on the code, see :mod:`sklearn_ae.latents`. A name means defaults.
    corruption : {"gaussian", "masking", "salt_and_pepper"}, object with a method \
            ``build`` or None, default=None
        Noise on the encoder's input in training, which the autoencoder learns to remove, see
        :mod:`sklearn_ae.corruption`. A name means defaults.
    loss : {"squared_error", "absolute_error", "huber", "binary_cross_entropy"} or \
            callable, default="squared_error"
        Loss of the training, a mean over columns and rows. The first three are in standard units,
        see Notes; "huber" turns from squared to absolute at one unit. "binary_cross_entropy" needs
        inputs in [0, 1], and the reconstruction is a logistic function. A callable takes input and
        reconstruction in input units, tensors of shape (batch, n_features), and returns one of
        shape (batch,).
    output_activation : {"auto", "clip", "identity", "logistic", "tanh"}, default="auto"
        Function of the decoder's output. "clip": if at least 1 % of the training rows, and five,
        have the smallest or largest value of a column, such as the 0 of counts, reconstructions
        do not exceed it. "logistic", "tanh": to (0, 1), (-1, 1) in input units, without linear
        path. "auto": "logistic" for "binary_cross_entropy", else "clip".
    linear_path : {"auto", "pca"} or None, default="auto"
        "pca": a linear path beside the network starts at the principal components, so training
        starts at the error of PCA. "auto": "pca" if loss, architecture and latent allow it;
        "logistic" and "tanh" outputs, tied weights, sparse codes and priors do not.
    optimizer : {"adam", "adamw", "sgd", "momentum", "nesterov", "rmsprop", "adagrad", \
            "gradient_descent", "lbfgs"} or callable, default="adamw"
        "gradient_descent" and "lbfgs" use all rows in each step; 1 is a good learning rate for
        "lbfgs". A callable is a subclass of :class:`torch.optim.Optimizer` or a function
        ``(parameters, lr=...)`` that returns an optimizer; it gets a `weight_decay` above 0 too.
    learning_rate : float or "auto", default="auto"
        Highest learning rate of the schedule. "auto": 0.01 for plain networks that start at PCA,
        trained by "adam" or "adamw"; otherwise 0.003.
    learning_rate_schedule : {"one_cycle", "cosine", "step", "reduce_on_plateau", \
            "constant"}, default="one_cycle"
        "one_cycle" rises in the first quarter of `max_iter` epochs, then falls to zero along a
        cosine; "cosine" only falls; "step" falls to a tenth after half and to a hundredth after
        three quarters; "reduce_on_plateau" falls to a fifth after 5 epochs without improvement.
    weight_decay : float or "auto", default="auto"
        Strength of the L2 penalty, or of the decoupled decay of "adamw". "auto": for "adamw" 30
        times the columns divided by the rows, at most 0.4, but 0.01 with noise in training; for
        other optimizers 0. The linear path does not decay: it reconstructs rows that are far from
        all others.
    max_grad_norm : float or None, default=None
        Norm to which longer gradients are clipped, such as 1 if training diverges; None: never.
    batch_size : int or "auto", default="auto"
        Rows in a batch, at most. "auto": for plain networks that start at PCA, up to 200 rows are
        one batch, and from there on a 16th of the rows, 128 to 512; for other networks a 32nd, 64
        to 256; all rows for "gradient_descent" and "lbfgs".
    max_iter : int or "auto", default="auto"
        Maximum number of epochs. "auto": enough for 70 to 220 steps with fewer than 500 rows;
        otherwise for up to 3,000 steps and one more for each 100 rows, and fewer if steps are
        large. A fit of 20,000 rows takes some seconds, one of MNIST half a minute. See ``plan_``.
    tol : float, default=1e-4
        Share of the best loss by which an epoch has to improve it to count as an improvement.
    early_stopping : bool or "auto", default="auto"
        Whether to split off validation rows and keep the weights that are best for them. Otherwise
        the lowest training loss decides. "auto": from 100 rows on. But with fewer than 5,000 rows,
        a plain network that starts at PCA, and ``max_iter="auto"``, the validation rows only tell
        whether training helps, see Notes.
    validation_fraction : float, default=0.1
        Share of the rows, by weight, that early stopping uses for validation.
    n_iter_no_change : int or None, default=None
        Training stops after so many epochs in a row without improvement, counted from when the
        learning rate begins to fall; None: it does not.
    warm_start : bool, default=False
        Whether `fit` trains the fitted network further. Units and code size stay, and parameters
        that determine network and optimizer cannot change.
    device : str or torch.device, default="auto"
        Where to compute, such as "cpu" or "cuda". "auto": on the GPU if PyTorch finds one.
    precision : {"float32", "float64", "bfloat16"} or None, default=None
        Floating-point type of network and codes; reconstructions have the type of the data. None:
        that of the data too. "bfloat16": matrix products of the training in bfloat16, else float32.
    n_refinement_steps : int or "auto", default="auto"
        Maximum number of refinement steps. The encoder only guesses which code reconstructs a row
        best. `transform` refines the guess by gradient descent on the code; a step costs two passes
        through the decoder. A row is done when the next step promises to lower its error by less
        than 3 %. 0: the encoder's codes. "auto": 20 for the squared error without `latent` and
        `corruption`, else 0.
    callbacks : list of skorch callbacks or None, default=None
        See :mod:`skorch.callbacks`. They need skorch's loop, which is slower and has no trial. For
        callbacks of scikit-learn (1.9 or newer), use ``set_callbacks``.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, split, shuffling, dropout and corruption. An int gives the
        same bits each time on one machine, for large networks with the same number of threads.
    verbose : bool or int, default=False
        Whether to print progress: the phase of the fit, epoch, losses, rows a second and time left.
        A terminal shows one line for each phase, which is rewritten; elsewhere, as in notebooks,
        a line is printed every five seconds. "all rows": validation rows are training rows from
        here on.
    transform_max_iter : int or "auto", default="deprecated"
        Former name of `n_refinement_steps`. It still works, with a warning.

    Attributes
    ----------
    n_components_ : int
        Size of the code.
    n_features_in_ : int
        Number of columns seen during fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if all are strings.
    plan_ : FitPlan
        What "auto" stands for in the last fit.
    n_iter_ : int
        Number of epochs, summed over repeated calls.
    loss_ : float
        Training loss of the last epoch; the squared error is the share of unexplained variance.
    loss_curve_ : list of float
        Training loss of each epoch. If the trial finds no gain, the epochs are those of the trial,
        also in `validation_curve_`.
    validation_curve_ : list of float or None
        Loss of the validation rows after each epoch, until they become training rows; None if
        there are none. It is measured at codes that five steps refine, about ten times in a
        training; other epochs repeat the last value.
    initial_loss_ : float
        Loss before the first epoch, of the validation rows or the rows of the trial, if there are
        any; that of PCA by default.
    best_loss_ : float
        Loss of the weights that are kept, measured in the same way. If validation rows joined the
        training, it is their loss just before; the final network is usually better.
    explained_variance_ratio_ : ndarray of shape (`n_components_`,)
        What the components explain, as shares of the variance: in proportion to what the error
        would gain if the component was always at its mean. They add up to the share of the variance
        that is reconstructed, for up to 2,048 training rows. With `latent=None` largest first, as
        in PCA, unless there are more components than the rows have dimensions.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the network.

    See Also
    --------
    AutoencoderOutlierDetector : The same network as an outlier detector.
    sklearn.decomposition.PCA : The linear special case.

    Notes
    -----
    The network sees the data in standard units: centred, and divided by one scale, so that the
    columns have a mean variance of 1. The fit does not depend on the units of X as a whole, but
    like PCA it depends on the units of the columns relative to each other.

    By default, the result stays PCA unless training lowers the loss of validation rows by half a
    standard error. With 500 to 5,000 rows, the validation rows become training rows once their loss
    has fallen by two standard errors. With fewer than 500 rows, a trial decides: three networks are
    trained for 15 % of the epochs, each without a third of the rows. If they lower the loss of
    these rows, the network is trained on all rows.

    All methods but `fit` and `partial_fit` raise NotFittedError if the estimator is not fitted, and
    ValueError if X is not like the training data.

    Codes without a `latent` are arranged after training, which changes no reconstruction. Over the
    training rows, their entries have mean zero and are uncorrelated, a step of one unit along each
    of them moves the reconstruction by one unit on average, and those that explain most come first.
    The codes of the linear path alone are principal components.

    References
    ----------
    .. [1] Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(n_components=8, max_iter=5, random_state=0)
    >>> codes = autoencoder.fit_transform(X)
    >>> codes.shape
    (1797, 8)
    >>> autoencoder.inverse_transform(codes).shape
    (1797, 64)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **BaseAutoencoder._parameter_constraints,
        "n_refinement_steps": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "transform_max_iter": [
            Interval(Integral, 0, None, closed="left"),
            StrOptions({"auto", "deprecated"}),
        ],
    }

    def __init__(  # type: ignore[no-untyped-def]
        self,
        n_components="auto",
        *,
        hidden_layer_sizes="auto",
        activation="gelu",
        dropout=0.0,
        architecture=None,
        latent=None,
        corruption=None,
        loss="squared_error",
        output_activation="auto",
        linear_path="auto",
        optimizer="adamw",
        learning_rate="auto",
        learning_rate_schedule="one_cycle",
        weight_decay="auto",
        max_grad_norm=None,
        batch_size="auto",
        max_iter="auto",
        tol=1e-4,
        early_stopping="auto",
        validation_fraction=0.1,
        n_iter_no_change=None,
        warm_start=False,
        device="auto",
        precision=None,
        n_refinement_steps="auto",
        callbacks=None,
        random_state=None,
        verbose=False,
        transform_max_iter="deprecated",
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.architecture = architecture
        self.latent = latent
        self.corruption = corruption
        self.loss = loss
        self.output_activation = output_activation
        self.linear_path = linear_path
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.device = device
        self.precision = precision
        self.n_refinement_steps = n_refinement_steps
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose
        self.transform_max_iter = transform_max_iter

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, checkpoint: Any = None) -> Self:
        """Train the autoencoder to reconstruct X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training data. Sparse data become dense a batch at a time. Data larger
            than memory are read a block at a time: a memmap, an array of zarr, HDF5 or dask, a
            dataset of pyarrow, or a function that returns an iterator of arrays or an Arrow
            stream each time it is called.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. They equal repeated rows if a batch holds all rows, and what "auto"
            makes of the number of rows; otherwise they are equal in expectation. They are not
            supported with data larger than memory.
        checkpoint : str or path, default=None
            File in which the state of the training is saved at the end of an epoch, if ten seconds
            have passed since the last time. If
            the process is killed, the same call, with equal data and parameters, goes on from
            there, to the same result, bit for bit. At the end, the file is removed; it stays after
            a keyboard interrupt. Callbacks are called for the epochs that are run.

        Returns
        -------
        self : AutoencoderTransformer
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid or the first loss is not finite; nothing changes. Also
            if `checkpoint` is damaged or of another fit.

        Warns
        -----
        ConvergenceWarning
            If the loss was still falling when training reached `max_iter`.
        RuntimeWarning, UserWarning
            If the loss stops being finite, or a keyboard interrupt ends the training. The best
            weights so far are kept. Also if data on disk are sorted, and can not be shuffled.
        """
        self._fit(X, sample_weight, checkpoint)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on X, at the full learning rate and without early stopping.

        The first call builds the network, with units, principal components and code size of the
        first X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A part of the training data.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, as in `fit`.

        Returns
        -------
        self : AutoencoderTransformer
            The fitted estimator. `fit` lists what it raises and warns of.
        """
        self._partial_fit(X, sample_weight)
        return self

    __metadata_request__transform = {"out": UNUSED}  # of one call, not to be routed

    @follows_input
    def transform(self, X: Any, *, out: Any = None) -> Any:
        """Encode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        out : array of shape (n_samples, `n_components_`) or None, default=None
            Where the result is written, block by block: an array of NumPy, zarr or h5py or
            anything else that takes slices. None: a new array.

        Returns
        -------
        codes : ndarray of shape (n_samples, `n_components_`)
            Their codes, or `out`.
        """
        check_is_fitted(self)
        return self._compute(lambda X: self.net_.compute(self._encode, X), X, out)

    @follows_input
    def inverse_transform(self, X: Any) -> np.ndarray:
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, `n_components_`)
            Codes, as `transform` gives them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Their reconstructions, in input units.

        Raises
        ------
        ValueError
            If X is not an array of such codes.
        """
        check_is_fitted(self)
        # Copied, since a decoder of one's own may begin with something in place.
        X = as_array_like(X)
        codes = check_array(X, dtype=float_types(X), estimator=self, copy=True)
        if codes.shape[1] != self.n_components_:
            raise ValueError(
                f"X has {codes.shape[1]} features, but {type(self).__name__}.inverse_transform "
                f"is expecting {self.n_components_} features as input: the codes of transform."
            )
        return self.net_.compute(self.net_.module_.decode, codes)

    @follows_input
    def score_samples(self, X: Any, *, out: Any = None) -> Any:
        """Compute minus the mean squared reconstruction error of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        out : array of shape (n_samples,) or None, default=None
            Where the result is written, block by block: an array of NumPy, zarr or h5py or
            anything else that takes slices. None: a new array.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Means over the columns, in squared input units, higher is better; or `out`.
        """
        check_is_fitted(self)
        return self._compute(
            lambda X: self.net_.compute(lambda x: self._score_rows(x, self._encode(x)), X), X, out
        )

    @follows_input
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Compute minus the mean squared reconstruction error of all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            In squared input units, higher is better.
        """
        scores = as_numpy(self.score_samples(X))
        if sample_weight is not None:
            sample_weight = check_sample_weight(as_numpy(as_array_like(sample_weight)), scores)
        return float(np.average(scores, weights=sample_weight))

    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> np.ndarray:
        """Make new rows: draw codes and decode them.

        Codes are drawn from the prior, where the latent has one (variational, Wasserstein,
        adversarial). Otherwise they are drawn from a Gaussian mixture that `fit` fits to the
        codes of up to 512 training rows.

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
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        return sample(self.net_, self._density_, n_samples, make_generators(random_state)[1])

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
        ValueError
            If `a` or `b` is not like a row of the data it was fitted on, or `n` less than 2.
        """
        check_is_fitted(self)
        check_scalar(n, "n", Integral, min_val=2)
        ends = []
        for name, end in (("a", a), ("b", b)):
            end = check_array(
                as_numpy(as_array_like(end)),
                ensure_2d=False,
                dtype=[np.float64, np.float32],
                input_name=name,
            )
            if end.shape != (self.n_features_in_,):
                raise ValueError(
                    f"{name} must be one row of {self.n_features_in_} features, got an array of "
                    f"shape {end.shape}."
                )
            ends.append(end)
        steps = interpolate(self.net_, self._encode, np.stack(ends), n)
        return like(steps, a) if is_dispatched(a) else steps

    @available_if(_has_likelihood)
    @follows_input
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
        ValueError
            If X is not like the data it was fitted on, or `n_samples` less than 1.

        References
        ----------
        .. [1] Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        X = self._check_X(X)
        self._check_range(X)
        return log_likelihood(self.net_, X, n_samples)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.precision is None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        else:
            tags.transformer_tags.preserves_dtype = [
                "float64" if self.precision == "float64" else "float32"
            ]
        return tags

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        steps = n_refinement_steps(self.net_, self.plan_.n_refinement_steps)
        return encode_refined(self.net_.module_, x, steps)

    def _score_rows(self, x: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """Give the scores of rows in input units, which have these codes."""
        module = self.net_.module_
        # Rows so far out that the network overflows are infinitely far out, not undefined.
        squares = module.residual(x, code).square().nan_to_num(torch.inf, torch.inf)
        # In float64: the square of a scale that float32 holds may be beyond it.
        return -squares.mean(dim=-1).double() * module.scale.double() ** 2

    def _reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        return self.net_.module_.decode(self._encode(x))

    def _describe_fit(self, done: Fit, *, on_stream: bool = False) -> dict[str, Any]:
        inner = done.projected or done
        net = inner.net
        ratio = divide_explained_variance(
            net,
            inner.rows,
            # Codes of a stream stay comparable from one part of it to the next.
            arrange=not on_stream,
            n_steps=n_refinement_steps(net, done.plan.n_refinement_steps),
        )
        density = None
        if not (net.module_.latent.has_prior or done.for_scoring):
            density = CodeDensity(hidden_values(net, inner.training))
        if done.projected is not None and net.module_.basis is not None:
            # The coordinates of the codes are those of the network on the components.
            done.net.module_.basis.load_state_dict(net.module_.basis.state_dict())
        return {"explained_variance_ratio_": ratio * done.net.explained, "_density_": density}

    def _check_rows(self, X: Any, sample_weight: Any, *, first: bool, minimum: int) -> Rows:
        if self.transform_max_iter != "deprecated":
            if self.n_refinement_steps != "auto":
                raise ValueError(
                    f"n_refinement_steps={self.n_refinement_steps!r} and "
                    f"transform_max_iter={self.transform_max_iter!r} are two names of one "
                    "parameter. Set n_refinement_steps only."
                )
            warnings.warn(
                "transform_max_iter was renamed and will be removed: write "
                f"n_refinement_steps={self.transform_max_iter!r}.",
                FutureWarning,
            )
        n_steps = self._requested_refinement_steps()
        if self.latent is not None and n_steps not in ("auto", 0):
            raise ValueError(
                f"n_refinement_steps={n_steps!r} is not supported with latent={self.latent!r}: a "
                "refined code would not keep to what the latent asks of it. Use 'auto' or 0."
            )
        return super()._check_rows(X, sample_weight, first=first, minimum=minimum)

    def _requested_refinement_steps(self) -> int | str:
        is_renamed = self.transform_max_iter == "deprecated"
        return self.n_refinement_steps if is_renamed else self.transform_max_iter
