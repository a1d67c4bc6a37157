"""The one table of estimators that all common tests go through."""

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.architectures import MLP, Convolutional, Recurrent
from sklearn_ae.latents import Sparse, Variational

# Parameters of the configurations, the plain defaults first.
CONFIGURATIONS = {
    "defaults": {},
    "fixed number of epochs": {"max_iter": 5, "learning_rate": 3e-4},
    "overcomplete": {"n_components": 40, "hidden_layer_sizes": (8,), "max_iter": 3},
    "plain network": {"n_components": 2, "linear_path": None, "max_iter": 5},
    "linear": {"n_components": 2, "hidden_layer_sizes": (), "max_iter": 5},
    "share of the variance": {
        "n_components": 0.8,
        "architecture": MLP((8,), "tanh"),
        # At larger rates, Adam's steps of rounding errors reach the tolerance of a check.
        "learning_rate": 1e-4,
        "max_iter": 5,
    },
    "tied weights": {"n_components": 2, "architecture": MLP((8,), tied=True), "max_iter": 5},
    "convolutional": {
        "n_components": 2,
        "architecture": Convolutional(channels=(4,), kernel_size=3),
        "learning_rate": 1e-3,
        "max_iter": 3,
    },
    "recurrent": {"n_components": 2, "architecture": Recurrent(hidden_size=4), "max_iter": 2},
    "sparse": {"n_components": 9, "latent": Sparse("kl"), "max_iter": 5},
    "k-sparse": {"n_components": 9, "latent": "top_k", "max_iter": 5},
    "contractive": {"n_components": 2, "latent": "contractive", "max_iter": 5},
    "noisy code": {"n_components": 2, "latent": "noisy", "max_iter": 5},
    "variational": {"n_components": 2, "latent": "variational", "max_iter": 5},
    "importance-weighted": {
        "n_components": 2,
        "latent": Variational(n_samples=3, warm_up=2),
        "loss": "absolute_error",
        "max_iter": 5,
    },
    "wasserstein": {"n_components": 2, "latent": "wasserstein", "max_iter": 5},
    "adversarial": {"n_components": 2, "latent": "adversarial", "max_iter": 5},
    "neighbors": {"n_components": 2, "latent": "neighbors", "max_iter": 5},
    "denoising convolutional variational": {
        "n_components": 2,
        "architecture": Convolutional(channels=(4,), kernel_size=3),
        "learning_rate": 1e-3,
        "latent": Variational(beta=2.0, free_bits=0.1),
        "corruption": "masking",
        "max_iter": 3,
    },
    "dropout": {
        "n_components": 2,
        "corruption": "salt_and_pepper",
        "dropout": 0.2,
        "max_iter": 5,
    },
    "logistic output": {"n_components": 2, "output_activation": "logistic", "max_iter": 5},
    "penalised": {
        "n_components": 2,
        "max_grad_norm": 0.1,
        "learning_rate_schedule": "reduce_on_plateau",
        "max_iter": 5,
    },
    "newton": {"n_components": 2, "optimizer": "lbfgs", "learning_rate": 1, "max_iter": 1},
    "momentum": {
        "n_components": 1,
        "loss": "huber",
        "precision": "float64",
        "optimizer": "momentum",
        "learning_rate_schedule": "constant",
        "weight_decay": 1e-3,
        "max_iter": 5,
    },
}

# Noise differs from row to row: a row of weight 2 is the row twice in expectation only. A layout of
# neighbours counts no weights.
WITH_NOISE = ("neighbors", "noisy", "variational", "importance", "dropout")

# The networks are the transformer's: the detector has its own by default, and scores any other.
OF_DETECTOR = (
    "defaults",
    "overcomplete",
    "plain network",
    "share of the variance",
    "convolutional",
    "recurrent",
    "variational",
    "dropout",
    "penalised",
    "momentum",
)

ESTIMATORS = (AutoencoderTransformer, AutoencoderOutlierDetector)


def instances():
    """Give an instance of the transformer in each configuration, of the detector in some."""
    return [
        estimator(**parameters)
        for name, parameters in CONFIGURATIONS.items()
        for estimator in ESTIMATORS
        if estimator is AutoencoderTransformer or name in OF_DETECTOR
    ]


def has_noise(estimator):
    """Tell whether training draws noise for each row."""
    configurations = [
        parameters
        for name, parameters in CONFIGURATIONS.items()
        if any(word in name for word in WITH_NOISE)
    ]
    return any(
        all(repr(getattr(estimator, key)) == repr(value) for key, value in parameters.items())
        for parameters in configurations
    )


def fast_instances():
    """Give an instance of each estimator, for tests that the configuration can not change."""
    return [
        estimator(n_components=2, max_iter=3, early_stopping=False, random_state=0)
        for estimator in ESTIMATORS
    ]


def outputs(estimator, X):
    """Give all that a fitted estimator computes for X, by method."""
    methods = ("transform", "score_samples", "reconstruct", "decision_function", "feature_errors")
    return {m: getattr(estimator, m)(X) for m in methods if hasattr(estimator, m)}
