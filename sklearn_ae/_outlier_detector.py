"""Outlier detection by an autoencoder."""

from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import OutlierMixin, _fit_context
from sklearn.callback import with_callbacks
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._base import BaseAutoencoder
from sklearn_ae._data.units import scale_per_column
from sklearn_ae._fitting.training_length import TrainingLength
from sklearn_ae._outliers.abnormality import Abnormality
from sklearn_ae._outliers.explanation import ExplanationMixin
from sklearn_ae._outliers.threshold import Calibration, ThresholdMixin, threshold
from sklearn_ae.training import AutoencoderNet, Monitor, Rows


class AutoencoderOutlierDetector(ThresholdMixin, ExplanationMixin, OutlierMixin, BaseAutoencoder):
    """Outlier detection by an autoencoder.

    The autoencoder learns to encode the training rows into a few numbers and to decode
    them again. A row that is unlike them is reconstructed badly [1]_. So are not the
    outliers that it was trained on: rows are scored by their error beside what else is known
    of them, see Notes.

    Parameters
    ----------
    n_components : int, float or "auto", default="auto"
        Size of the code. A float in (0, 1): as many as principal components are needed
        to explain this share of the variance of the standardised columns. "auto": the
        same with 0.95. Both stay below the number of columns, so that there is something
        to detect; an int may exceed it.
    contamination : "auto" or float, default="auto"
        Share of the training rows that `predict` calls outliers, in (0, 0.5]. "auto":
        all those whose score is below the lower whisker of a box plot, 1.5 interquartile
        ranges below the lower quartile, but at least one in a hundred and at most one in ten.
    hidden_layer_sizes : int, array-like of int or "auto", default=(128, 64)
        Widths of the encoder's hidden layers; the decoder has them in reverse. "auto":
        (96, 48); with at least 500 rows (128, 64); with at least 5,000, or 2,000 of 50
        columns, (256, 128); with at least 10,000 rows of 100 columns (512, 256).
    activation : {"gelu", "relu", "leaky_relu", "elu", "silu", "tanh", "logistic", \
            "identity"}, default="gelu"
        Activation of the hidden layers.
    dropout : float, default=0.0
        Probability of a hidden unit to be dropped in training, in [0, 1).
    architecture : object with a method ``build``, pair of nn.Module or None, default=None
        :class:`~sklearn_ae.architectures.MLP`,
        :class:`~sklearn_ae.architectures.Convolutional`,
        :class:`~sklearn_ae.architectures.Recurrent` or one's own, see
        :mod:`sklearn_ae.architectures`. None: the fully connected network of the three
        parameters above, which have no effect otherwise.
    latent : {"sparse", "top_k", "contractive", "noisy", "variational", "wasserstein", \
            "adversarial"}, object with a method ``build`` or None, default=None
        What is asked of the code, see :mod:`sklearn_ae.latents`; a name stands for its
        default.
    corruption : {"gaussian", "masking", "salt_and_pepper"}, object with a method \
            ``build`` or None, default=None
        Noise on the input of the encoder in training, which the autoencoder learns to
        undo, see :mod:`sklearn_ae.corruption`; a name stands for its default.
    loss : {"squared_error", "absolute_error", "huber", "binary_cross_entropy"} or \
            callable, default="squared_error"
        What training minimises, as the mean over columns and rows. The first three are
        measured in standard units (see Notes), Huber's loss turning from squared to
        absolute at one unit. "binary_cross_entropy" is for inputs in [0, 1] and makes
        the reconstruction a logistic function of the decoder's output. A callable maps
        two tensors of shape (batch, n_features), input and reconstruction in input
        units, to a tensor of shape (batch,).
    output_activation : {"auto", "clip", "identity", "logistic", "tanh"}, default="auto"
        What the decoder's output goes through. "identity": nothing, it is in standard
        units. "clip": where at least 1 % of the training rows (and five of them) are at the
        smallest or the largest value of a column, such as the 0 of counts, its
        reconstructions do not go beyond. "logistic" and "tanh": reconstructions are
        in (0, 1) or (-1, 1), in input units, and there is no linear path. "auto":
        "logistic" for "binary_cross_entropy", else "clip".
    linear_path : {"auto", "pca"} or None, default="auto"
        "pca": encoder and decoder each have a linear path beside the network, which
        starts at the principal components, so that training starts at the error of PCA.
        None: the plain network. "auto": "pca" wherever loss, architecture and latent
        allow it, which is not so with an activation of the output, tied weights, and codes
        that are sparse or have a prior.
    optimizer : {"adam", "adamw", "sgd", "momentum", "nesterov", "rmsprop", "adagrad", \
            "muon", "gradient_descent", "lbfgs"} or callable, default="adamw"
        "muon" orthogonalises the steps of weight matrices: fewer, longer steps, which a
        learning rate about ten times that of Adam suits. "gradient_descent" and "lbfgs"
        take all rows at once; a learning rate of 1 suits the latter.
        A subclass of :class:`torch.optim.Optimizer`, or any callable
        ``(parameters, lr=...)`` that gives one, such as a :func:`functools.partial` of a
        class with its options, is taken as well; ``weight_decay`` is
        passed to it where that is not 0.
    learning_rate : float, default=0.003
        Learning rate, the highest one of the schedule.
    learning_rate_schedule : {"one_cycle", "cosine", "step", "reduce_on_plateau", \
            "constant"}, default="one_cycle"
        "one_cycle" rises to the learning rate in the first quarter of `max_iter` epochs
        and then falls to zero along a cosine; "cosine" only falls; "step" falls to a tenth
        after half and to a hundredth after three quarters of them; "reduce_on_plateau"
        falls to a fifth whenever more than 5 epochs in a row brought no lower loss.
    weight_decay : float or "auto", default="auto"
        Strength of the optimizer's weight decay: an L2 penalty, or for "adamw" and "muon"
        the share, times the learning rate, by which weights shrink at each step. "auto":
        30 times the columns over the rows, but at most 0.4, for "adamw", otherwise 0. The
        linear path is left as it is: it reconstructs the rows that are far from all others.
    l1_penalty : float, default=0.0
        What the magnitudes of all weights, biases apart, are multiplied by and added to the
        loss, which drives most of them to almost zero. 1e-5 has an effect.
    max_grad_norm : float or None, default=None
        Longer gradients are shortened to this norm; None: never. 1 helps where training
        diverges, as recurrent networks may.
    batch_size : int or "auto", default="auto"
        Rows in a batch; all rows where there are fewer. "auto": a 32nd of the rows, but
        at least 64 and at most 256; all of them for optimizers that take all at once.
    max_iter : int or "auto", default="auto"
        Number of epochs, at the most. "auto": as many as make 1,000 steps, but at least
        5 and at most 300.
    tol : float, default=1e-4
        Share of the best loss by which an epoch has to improve on it to count as an
        improvement.
    early_stopping : bool or "auto", default="auto"
        Whether to hold out a part of the rows, for `p_values`, and to keep the weights that
        are best on it, rather than those with the lowest training loss. "auto": where there
        are at least 100 rows. A linear path stays at the principal components unless the
        held-out loss falls by 2 %.
    validation_fraction : float, default=0.1
        Share of the rows that early stopping holds out.
    n_iter_no_change : int or None, default=50
        Training stops after so many epochs in a row without improvement on the best loss
        since the learning rate began to fall; None: never.
    warm_start : bool, default=False
        Whether `fit` trains the network that is there further, on the data it is given,
        instead of a new one. Units and code size stay; the parameters that make network
        and optimizer can not change.
    device : str or torch.device, default="auto"
        Where to compute, such as "cpu" or "cuda". "auto": on the GPU if PyTorch sees one.
    precision : {"float32", "float64", "bfloat16", "auto"} or None, default=None
        Floating-point type of network and codes. None: that of the data, as in PCA.
        "bfloat16": matrix products of the training in bfloat16, all else in float32.
        "auto": the same where networks and batches are large and the processor has
        instructions for it, otherwise "float32".
        Reconstructions always have the type of the data.
    callbacks : list of skorch callbacks or None, default=None
        See :mod:`skorch.callbacks`. Callbacks of scikit-learn are set with
        ``set_callbacks`` instead.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, split, shuffling, dropout and corruption. An int gives
        the same result each time, bit for bit on one machine, large networks also
        with the same number of threads; global random states are
        neither read nor changed.
    verbose : bool or int, default=False
        Whether to print a line an epoch; networks that are trained at once, as the folds of
        cross-validation are, print none.

    Attributes
    ----------
    offset_ : float
        Score under which a row is an outlier; see also `set_threshold`.
    n_components_ : int
        Size of the code.
    n_features_in_ : int
        Number of columns seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where they are all strings.
    n_iter_ : int
        Number of epochs trained, also over repeated calls.
    loss_ : float
        Training loss of the last epoch. The squared error is in standard units: the
        share of the variance that is not reconstructed.
    loss_curve_ : list of float
        Training loss of every epoch.
    validation_curve_ : list of float or None
        Loss of the held-out rows after every epoch; None without early stopping.
    initial_loss_ : float
        Loss before the first epoch, of the held-out rows if there are some; with the
        linear path that of PCA.
    best_loss_ : float
        Loss of the weights that were kept: the lowest one, that before the first epoch
        included.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the network.

    See Also
    --------
    AutoencoderTransformer : The same network for dimensionality reduction.
    sklearn.ensemble.IsolationForest : Outlier detection by random trees.

    Notes
    -----
    Two questions are asked of a row. How far are its leading principal components and the
    logarithm of its error from the bulk of the training rows? The bulk being the closest three
    quarters of them [2]_, outliers that were trained on do not hide each other. And how far is
    it from the nearest training row? A row that was trained on is judged by the first
    alone, a new one by both, the second in proportion to how new it is. Both scores have the same
    median and upper decile. They are made of at most 16,384 of the training rows, which
    are kept; any others count as new.

    The network sees every column centred and divided by its standard deviation, so that
    columns in large units do not drown the others. A column that is constant in the
    training data is divided by the median of the other columns' standard deviations: a
    deviation in it counts on the scale of the data.

    References
    ----------
    .. [1] Hawkins, He, Williams and Baxter, "Outlier detection using replicator neural
       networks", DaWaK 2002.
    .. [2] Rousseeuw and Van Driessen, "A fast algorithm for the minimum covariance
       determinant estimator", Technometrics 41, 1999.

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
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        contamination="auto",
        hidden_layer_sizes=(128, 64),
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
        l1_penalty=0.0,
        max_grad_norm=None,
        batch_size="auto",
        max_iter="auto",
        tol=1e-4,
        early_stopping="auto",
        validation_fraction=0.1,
        n_iter_no_change=50,
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
        self.l1_penalty = l1_penalty
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

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "AutoencoderOutlierDetector":
        """Train the autoencoder to reconstruct X, and set the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training data. Sparse data are made dense a batch at a time.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. Equal to repeating rows where a batch holds them all, and
            what "auto" makes of their number is the same; equal in expectation otherwise.

        Returns
        -------
        self : AutoencoderOutlierDetector
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or the loss is not finite from the start.
            What was fitted before stays.

        Warns
        -----
        ConvergenceWarning
            If the loss was still falling when training reached `max_iter`.
        RuntimeWarning
            If the loss stops being finite; the best weights so far are kept.
        UserWarning
            If the training is interrupted from the keyboard; likewise.
        """
        self._fit(X, sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> "AutoencoderOutlierDetector":
        """Train for one epoch on X, at the full learning rate and without early stopping.

        The first call sets up the network: its units, principal components and code
        size are those of the first X. Every call sets the threshold, and what is usual, by
        a sample of at most 1,000 rows of all calls so far. Scores of a row before and after
        a call differ by what the network has learned, and what has become usual.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A part of the training data. Sparse data are made dense a batch at a time.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. Equal to repeating rows where a batch holds them all, and
            what "auto" makes of their number is the same; equal in expectation otherwise.

        Returns
        -------
        self : AutoencoderOutlierDetector
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or the loss is not finite from the start.
            What was fitted before stays.

        Warns
        -----
        RuntimeWarning
            If the loss stops being finite; the best weights so far are kept.
        UserWarning
            If the training is interrupted from the keyboard; likewise.
        """
        self._partial_fit(X, sample_weight)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Compute how normal each row is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            The lower, the more abnormal. Half of the training rows are above 0; the unit is
            the interquartile range of the logarithm of their distance from the bulk.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If X is not like the data it was fitted on.
        """
        check_is_fitted(self)
        return -self._abnormality_(self.net_, self._check_X(X))

    def _fitted_attributes(
        self,
        net: AutoencoderNet,
        monitor: Monitor,
        rows: Rows,
        length: TrainingLength | None,
        *,
        on_stream: bool = False,
    ) -> dict[str, Any]:
        attributes = super()._fitted_attributes(net, monitor, rows, length, on_stream=on_stream)
        training, held_out = monitor.split_
        if on_stream:
            # Of all parts of the stream so far.
            rows = Rows(attributes["_record_"].rows)
        abnormality = Abnormality(net, rows)
        scores = -abnormality(net, rows.X)
        calibration = None
        if held_out is not None:
            # Held-out rows have to be as new to what scores them as others will be.
            unaware = Abnormality(net, training)
            X, weight = held_out.take(slice(None))
            calibration = Calibration(unaware, -unaware(net, X), weight)
        return attributes | {
            "_abnormality_": abnormality,
            "_calibration_": calibration,
            "offset_": threshold(scores, rows.sample_weight, self.contamination),
        }

    def _hold_out_before(self, rows: Rows, seed: int) -> tuple[Rows, Rows | None]:
        # Units and principal components would know them; of few rows in many columns, they
        # would know them all but by heart.
        return self._hold_out(rows, torch.Generator().manual_seed(seed), unless=None)

    def _max_epochs(self, net: AutoencoderNet, n_rows: int) -> int:
        return self._epochs_for(n_rows, n_steps=1000, fewest=5, most=300)

    def _cross_validates(self, n_rows: int) -> bool:
        return False  # by how well rows are reconstructed, which is not what is asked for

    def _has_second_start(self, net: AutoencoderNet) -> bool:
        return False  # for the same reason

    def _max_found_components(self, n_features: int) -> int:
        return max(1, n_features - 1)  # a code as wide as the data reconstructs every outlier

    def _scale(self, std: np.ndarray) -> np.ndarray:
        return scale_per_column(std)
