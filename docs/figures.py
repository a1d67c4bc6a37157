"""Draw the pictures of the user guide: ``python docs/figures.py [name ...]``.

Every picture is measured with the package, on the digits of scikit-learn or on made-up rows, and
is the same each time on one machine.
"""

import sys
import warnings

import torch
from figures_family import (
    collapse,
    components,
    denoising,
    fitting,
    latent_map,
    latent_spaces,
    samples,
    sparsity,
)
from figures_outliers import outlier_scores
from figures_training import (
    backpropagation,
    curve,
    gradients,
    learning_rate,
    losses,
    optimizers,
    schedules,
    scheme,
)
from matplotlib import pyplot as plt
from sklearn.exceptions import ConvergenceWarning

PICTURES = [
    scheme,
    curve,
    backpropagation,
    learning_rate,
    schedules,
    gradients,
    optimizers,
    losses,
    denoising,
    latent_spaces,
    samples,
    sparsity,
    collapse,
    fitting,
    components,
    latent_map,
    outlier_scores,
]


def main(names):
    """Draw the pictures of these names, or all."""
    plt.switch_backend("Agg")
    torch.set_num_threads(1)
    for picture in PICTURES:
        if not names or picture.__name__ in names:
            with warnings.catch_warnings():
                # Some are to show what goes wrong.
                warnings.simplefilter("ignore", ConvergenceWarning)
                warnings.filterwarnings("ignore", message="Training stopped because")
                picture()


if __name__ == "__main__":
    main(sys.argv[1:])
