"""The density of codes, from which `sample` draws."""

import inspect
import warnings

import numpy as np
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning

from sklearn_ae._data.rows import Rows
from sklearn_ae._data.single_thread import one_blas_thread
from sklearn_ae._fitting.record import draw_rows
from sklearn_ae.training import AutoencoderNet, count_operations, threads_by_size

# Rows that the mixture is fitted to, rows for each of its components, and components at most.
_N_ROWS, _ROWS_EACH, _MAX_COMPONENTS = 512, 40, 12


def hidden_values(net: AutoencoderNet, rows: Rows) -> np.ndarray:
    """Give the encoder's output for rows that are drawn at random by their weights."""
    module = net.module_
    with threads_by_size(count_operations(module, _N_ROWS)):
        X = draw_rows(rows, _N_ROWS)
        return net.compute(lambda x: module.hidden(module.standardize(x)), X)


class CodeDensity:
    """A Gaussian mixture of the encoder's outputs. It keeps no row."""

    def __init__(self, hidden: np.ndarray) -> None:
        # Here: the import takes a tenth of the time of importing PyTorch.
        from sklearn.mixture import GaussianMixture

        hidden = hidden.astype(np.float64)
        self.shift, spread = hidden.mean(axis=0), hidden.std(axis=0)
        self.scale = np.where(spread > 0, spread, 1.0)
        standard = (hidden - self.shift) / self.scale
        n_rows, width = standard.shape
        if n_rows == 1:  # too few for scikit-learn
            standard = np.repeat(standard, 2, axis=0)
        size = int(np.clip(n_rows // max(_ROWS_EACH, 2 * width), 1, _MAX_COMPONENTS))
        mixture = GaussianMixture(
            size, reg_covar=1e-4, tol=1e-2, max_iter=5, init_params="k-means++", random_state=0
        )
        # The mixture is fitted in NumPy, whatever arrays the user works with.
        numpy_only = config_context(array_api_dispatch=False)
        with numpy_only, one_blas_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            # Unwrapped: MLflow's autolog would take the mixture for the user's model.
            inspect.unwrap(GaussianMixture.fit_predict)(mixture, standard)
        self.weights, self.means = mixture.weights_, mixture.means_
        self.covariances = mixture.covariances_

    def sample(self, n_samples: int, random_state: np.random.RandomState) -> np.ndarray:
        """Draw from the mixture."""
        counts = random_state.multinomial(n_samples, self.weights)
        components = zip(self.means, self.covariances, counts, strict=True)
        draws = [random_state.multivariate_normal(*component) for component in components]
        return random_state.permutation(np.concatenate(draws)) * self.scale + self.shift
