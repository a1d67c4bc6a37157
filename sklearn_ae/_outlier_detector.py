"""Outlier detection by an autoencoder."""

from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import OutlierMixin, _fit_context
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._base import BaseAutoencoder
from sklearn_ae._compat import check_sample_weight, with_callbacks
from sklearn_ae._data.array_api import as_numpy, follows_input
from sklearn_ae._data.array_likes import as_array_like
from sklearn_ae._fitting.denoising import MIN_ROWS
from sklearn_ae._fitting.fit import Fit
from sklearn_ae._outliers import explanation, threshold
from sklearn_ae._outliers.abnormality import fit_abnormality


class AutoencoderOutlierDetector(OutlierMixin, BaseAutoencoder):
    """Outlier detection by an autoencoder.

    Denoising autoencoders [1]_ learn to remove noise from the training rows, and a robust Gaussian
    [2]_ is fitted beside them. A row is an outlier if the networks repair it badly or the Gaussian
    finds it unlikely; see Notes.

    Parameters
    ----------
    n_components : int, float or "auto", default="auto"
        Size of the code. A float in (0, 1): the number of principal components that explain this
        share of the variance of the standardised columns, but fewer than there are columns, since
        a wide code copies any row. "auto": 0.95.
    contamination : "auto" or float, default="auto"
        Share of outliers among the training rows, in [0, 0.5]; it sets the threshold. 0 is a
        promise: no row is an outlier, so the networks learn all of them and count for more.
        "auto": so many that of normally distributed scores with the same median and interquartile
        range, 0.1 rows would be expected beyond the threshold, but 0.5 % to 10 % of the rows.
    hidden_layer_sizes : int, array-like of int or "auto", default=(128,)
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
        above. None: the fully connected networks that they describe. With an architecture, a
        latent, a corruption, another loss or output activation or without linear path, one
        textbook autoencoder is trained, and its error alone is the score; see Notes.
    latent : {"sparse", "top_k", "contractive", "neighbors", "noisy", "variational", \
            "wasserstein", "adversarial"}, object with a method ``build`` or None, default=None
        Constraint on the code, see :mod:`sklearn_ae.latents`. A name means defaults.
    corruption : {"gaussian", "masking", "salt_and_pepper"}, object with a method \
            ``build`` or None, default=None
        Noise on the input in training, see :mod:`sklearn_ae.corruption`. A name means defaults.
    loss : {"squared_error", "absolute_error", "huber", "binary_cross_entropy"} or \
            callable, default="squared_error"
        Loss of the training, a mean over columns and rows. The first three are in standard units,
        see Notes. "binary_cross_entropy" needs inputs in [0, 1]. A callable takes input and
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
    learning_rate : float or "auto", default=0.003
        Highest learning rate of the schedule. "auto": 0.003.
    learning_rate_schedule : {"one_cycle", "cosine", "step", "reduce_on_plateau", \
            "constant"}, default="one_cycle"
        "one_cycle" rises in the first quarter of `max_iter` epochs, then falls to zero along a
        cosine; "cosine" only falls; "step" falls to a tenth after half and to a hundredth after
        three quarters; "reduce_on_plateau" falls to a fifth after 5 epochs without improvement.
    weight_decay : float or "auto", default="auto"
        Strength of the L2 penalty, or of the decoupled decay of "adamw". "auto": 0.01 for "adamw",
        0 for other optimizers. Of a textbook autoencoder, 30 times the columns divided by the
        rows, at most 0.4, but 0.01 with a corruption; its linear path does not decay.
    max_grad_norm : float or None, default=None
        Norm to which longer gradients are clipped, such as 1 if training diverges; None: never.
    batch_size : int or "auto", default="auto"
        Rows in a batch, at most. "auto": 64; of a textbook autoencoder a 32nd of the rows, 64 to
        256; all rows for "gradient_descent" and "lbfgs".
    max_iter : int or "auto", default="auto"
        Maximum number of epochs. "auto": as many as make 60 steps and one for every 50 rows, at
        most 1,000; of a textbook autoencoder, 1,000 steps, but at least 5 and at most 300 epochs.
    tol : float, default=1e-4
        Share of the best loss by which an epoch has to improve it to count as an improvement.
    early_stopping : bool or "auto", default="auto"
        Whether to split off validation rows, which give `p_values`, and keep the weights that are
        best for them. "auto": of a textbook autoencoder from 100 rows on. By default, each network
        leaves out a part of the rows instead, and the last weights are kept.
    validation_fraction : float, default=0.1
        Share of the rows that early stopping uses for validation.
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
    callbacks : list of skorch callbacks or None, default=None
        See :mod:`skorch.callbacks`. For callbacks of scikit-learn (1.9 or newer), use
        ``set_callbacks``.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, split, shuffling, dropout and corruption. An int gives the
        same bits each time on one machine, for large networks with the same number of threads.
    verbose : bool or int, default=False
        Whether to print progress: the phase of the fit, epoch, losses, rows a second and time left.
        A terminal shows one line for each phase, which is rewritten; elsewhere, as in notebooks,
        a line is printed every five seconds.

    Attributes
    ----------
    offset_ : float
        Score below which a row is an outlier; see also `set_threshold`.
    n_components_ : int
        Size of the code.
    n_features_in_ : int
        Number of columns seen during fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if all are strings.
    n_iter_ : int
        Number of epochs, summed over repeated calls.
    loss_ : float
        Training loss of the last epoch: the mean squared error in units of the noise, or of a
        textbook autoencoder in standard units.
    loss_curve_ : list of float
        Training loss of each epoch.
    validation_curve_ : list of float or None
        Loss of the validation rows after each epoch; None without early stopping.
    initial_loss_ : float
        Loss before the first epoch, of the validation rows if there are some.
    best_loss_ : float
        Loss of the weights that are kept, measured in the same way.
    plan_ : FitPlan
        What "auto" stands for in the last fit.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the network.

    See Also
    --------
    AutoencoderTransformer : The same network for dimensionality reduction.
    sklearn.ensemble.IsolationForest : Outlier detection by random trees.

    Notes
    -----
    Four Gaussians and four networks each leave out another quarter of the rows. The Gaussians are
    fitted to the closest three quarters of their rows, so outliers hardly move them. The networks
    start as the denoisers of mixtures of Gaussians around prototypes, which are means of at least
    two rows; encoder and decoder learn what is left. When they score, they ignore the prototypes of
    suspicious rows: those with a Gaussian distance beyond the whisker of a box plot, unless they
    are more than 15 %.

    The energy of a row is its squared Mahalanobis distance or, for the networks, its squared error
    in units of the noise, summed over three noise levels; it says how low the density is [3]_. The
    logarithm of the energy, a mean over the four, minus that of the typical training row, in units
    of the distance from there to the upper quartile, is how surprising the row is. The score is
    minus the larger surprise, shifted and scaled to a median of 0 and an interquartile range of 1.
    That of the networks counts 1.25 times, or 1.5 times with ``contamination=0``, and what it is
    beyond 4 counts as a logarithm: far from the data, the networks extrapolate.

    A textbook autoencoder has one surprise: the energy is the mean squared error, each column
    divided by its usual error.

    All methods but `fit` and `partial_fit` raise NotFittedError if the estimator is not fitted, and
    ValueError if X is not like the training data.

    Each column is centred and divided by its standard deviation. A column that is constant in the
    training data is divided by the median standard deviation of the others.

    References
    ----------
    .. [1] Vincent, Larochelle, Bengio and Manzagol, "Extracting and composing robust features
       with denoising autoencoders", ICML 2008.
    .. [2] Rousseeuw and Van Driessen, "A fast algorithm for the minimum covariance
       determinant estimator", Technometrics 41, 1999.
    .. [3] Guo, Shamai and Verdú, "Mutual information and minimum mean-square error in Gaussian
       channels", IEEE Transactions on Information Theory 51, 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ae import AutoencoderOutlierDetector
    >>> t = np.linspace(0, 1, 200)[:, None]
    >>> X = np.hstack([t, 2 * t, -t])
    >>> detector = AutoencoderOutlierDetector(n_components=1, max_iter=5, random_state=0)
    >>> detector.fit(X).predict([[0.5, 1.0, -0.5], [0.5, 1.0, 0.5]])
    array([ 1, -1])
    """

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        "contamination": [
            StrOptions({"auto"}),
            Interval(Real, 0, 0.5, closed="right"),
            Options(Real, {0}),
        ],
    }

    def __init__(  # type: ignore[no-untyped-def]
        self,
        n_components="auto",
        *,
        contamination="auto",
        hidden_layer_sizes=(128,),
        activation="gelu",
        dropout=0.0,
        architecture=None,
        latent=None,
        corruption=None,
        loss="squared_error",
        output_activation="auto",
        linear_path="auto",
        optimizer="adamw",
        learning_rate=3e-3,
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
        callbacks=None,
        random_state=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.contamination = contamination
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
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    _is_detector = True

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, checkpoint: Any = None) -> Self:
        """Train the autoencoder to reconstruct X, and set the threshold.

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
        self : AutoencoderOutlierDetector
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

        The first call builds the networks: its X decides units, code size, and how many prototypes
        there are. The detector keeps no rows of former parts: each call sets Gaussians,
        prototypes, scores and threshold by its X alone, and warns if that replaces a
        `false_positive_rate`. An X of fewer than 20 rows only trains the networks.

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
        self : AutoencoderOutlierDetector
            The fitted estimator. `fit` lists what it raises and warns of.
        """
        before = getattr(self, "_calibration_", None)
        self._partial_fit(X, sample_weight)
        threshold.warn_if_replaced(before)
        return self

    @follows_input
    def score_samples(self, X: Any, *, out: Any = None) -> Any:
        """Compute how normal each row is.

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
            Lower is more abnormal. The median of the training rows is 0, their interquartile range
            is 1. Or `out`.
        """
        check_is_fitted(self)
        return self._compute(lambda X: self._abnormality_.scores(self.net_, X), X, out)

    @follows_input
    def decision_function(self, X: Any) -> np.ndarray:
        """Compute the scores relative to the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``; negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    @follows_input
    def predict(self, X: Any, *, false_discovery_rate: float | None = None) -> np.ndarray:
        """Tell outliers from inliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        false_discovery_rate : float or None, default=None
            Largest expected share of inliers among the rows that are called outliers, in (0, 1).
            The `p_values` of all rows of X, which must be new, then replace the threshold [1]_.

        Returns
        -------
        is_inlier : ndarray of shape (n_samples,)
            -1 for outliers, +1 for inliers.

        References
        ----------
        .. [1] Bates, Candès, Lei, Romano and Sesia, "Testing for outliers with conformal
           p-values", Annals of Statistics 51, 2023.
        """
        if false_discovery_rate is None:
            is_outlier = self.decision_function(X) < 0
        else:
            p_values = as_numpy(self.p_values(X))
            is_outlier = threshold.find_outliers(p_values, false_discovery_rate)
        return 1 - 2 * is_outlier

    @follows_input
    def p_values(self, X: Any) -> np.ndarray:
        """Compute how probable it is that an inlier is as abnormal as each row.

        Conformal p-values [1]_: the rank of the row's score among the scores of rows that the
        detector was not trained on. By default these are all training rows, each scored by the
        network and the Gaussian that left it out; the same ones score the row. That needs 20
        different rows.
        Validation rows of early stopping or rows given to :meth:`set_threshold` take their place.
        For a new row from the same distribution, the p-value is below p with a probability of
        about p at most. Outliers among the training rows make p-values larger.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New rows; training rows look too normal.

        Returns
        -------
        p_values : ndarray of shape (n_samples,)
            In (0, 1]; at least 1 / (n + 1) with n of those rows.

        References
        ----------
        .. [1] Laxhammar and Falkman, "Conformal prediction for distribution-independent
           anomaly detection in streaming vessel data", StreamKDD 2010.
        """
        check_is_fitted(self)
        if self._calibration_ is None:
            raise ValueError(
                "p-values need rows that were not trained on, but no network left out rows. Fit "
                "with early_stopping=True, or give inliers to set_threshold with "
                "false_positive_rate."
            )
        calibration = self._calibration_
        return self._compute(lambda X: calibration.p_values(self.net_, X), X)

    @follows_input
    def set_threshold(
        self,
        X: Any,
        *,
        contamination: float | str | None = None,
        false_positive_rate: float | None = None,
        sample_weight: Any = None,
    ) -> Self:
        """Set the threshold by other rows, without training.

        Give exactly one of `contamination` and `false_positive_rate`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        contamination : "auto", float or None, default=None
            Share of outliers among the rows, in [0, 0.5]. The rows may be training rows.
        false_positive_rate : float or None, default=None
            Share of inliers that `predict` may call outliers, in (0, 1). The rows must be new
            inliers, at least ``1 / false_positive_rate - 1``; `p_values` use them from then on.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, only with `contamination`.

        Returns
        -------
        self : AutoencoderOutlierDetector
            The estimator with another ``offset_``.
        """
        check_is_fitted(self)
        if (contamination is None) == (false_positive_rate is None):
            raise ValueError(
                "Give exactly one of contamination and false_positive_rate, got "
                f"{contamination=} and {false_positive_rate=}."
            )
        scores = as_numpy(self.score_samples(X))
        if contamination is not None:
            weight = check_sample_weight(as_numpy(as_array_like(sample_weight)), scores)
            self.offset_ = threshold.by_contamination(scores, weight, contamination)
        elif false_positive_rate is not None:
            if sample_weight is not None:
                raise ValueError("sample_weight is not supported with false_positive_rate.")
            self.offset_ = threshold.by_false_positive_rate(scores, false_positive_rate)
            self._calibration_ = threshold.Calibration(
                self._abnormality_, [(None, scores, None)], is_given=True
            )
        return self

    @follows_input
    def feature_errors(self, X: Any) -> np.ndarray:
        """Compute the squared error of each column of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        errors : ndarray of shape (n_samples, n_features)
            In squared standard deviations of the column.
        """
        check_is_fitted(self)
        return explanation.squared_errors(self.net_, self._check_X(X))

    def explain(self, X: Any, *, top: int = 5) -> Any:
        """Name the columns that make each row abnormal, the most abnormal first.

        The abnormality of a row, minus its score, is divided among the columns. The expected values
        are those of the view that decided: of the Gaussian the mean of the column given the other
        columns, of the networks the denoised row.
        :class:`~sklearn_ae.plotting.OutlierExplanationDisplay` plots the explanation of one row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        top : int, default=5
            Number of columns to name for each row; all columns if there are fewer.

        Returns
        -------
        explanation : pandas.DataFrame
            `top` lines for each row. The index has the levels ``row``, the label of the row in
            pandas or its number, and ``rank``, from 1. The columns are ``feature``, the name of
            the column, or ``x0``, ``x1``, ... if it has none, ``observed`` and ``expected``, in
            input units, ``deviation``, their difference divided by its root mean square in the
            training rows, and ``share``, what the column adds to the abnormality. The shares of all
            columns add up to minus the score.
        """
        check_is_fitted(self)
        X = as_numpy(as_array_like(X))
        checked, names = self._check_X(X), getattr(self, "feature_names_in_", None)
        return explanation.explain(
            self.net_, self._abnormality_, self._usual_, checked, X, names=names, top=top
        )

    def _describe_fit(self, done: Fit, *, on_stream: bool = False) -> dict[str, Any]:
        net, rows = done.net, done.rows
        if on_stream and len(rows) < MIN_ROWS and hasattr(self, "_abnormality_"):
            return {}  # so few rows tell nothing of what is usual
        abnormality, energies = fit_abnormality(net, rows, done.plan)
        weight = None if rows.sample_weight is None else rows.weight() * rows.mean_weight
        return {
            "_abnormality_": abnormality,
            "_calibration_": threshold.calibrate(done, abnormality, energies),
            "_usual_": explanation.usual_deviation(net, rows),
            "offset_": threshold.by_contamination(
                -abnormality(energies), weight, self.contamination
            ),
        }
