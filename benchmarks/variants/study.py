"""What the rows of the benchmark share: data and fits."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from benchmarks import pictures
from benchmarks.data import Data
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import reconstruction_error


@dataclass
class Study:
    """Data, seed and fits of one run."""

    dataset: str
    data: Data
    folder: Path
    seed: int = 0
    max_iter: int | None = None
    saved: list[Path] = field(default_factory=list)
    _fits: dict[str, Any] = field(default_factory=dict)

    @property
    def image_shape(self) -> tuple[int, int]:
        assert self.data.image_shape is not None, "checked where the study begins"
        return self.data.image_shape

    def epochs(self, n_epochs: int) -> int:
        return n_epochs if self.max_iter is None else self.max_iter

    def autoencoder(
        self, n_components: int, n_epochs: int, **parameters: Any
    ) -> AutoencoderTransformer:
        """Give an autoencoder that is not fitted."""
        if "architecture" not in parameters:
            parameters = {"hidden_layer_sizes": (128, 64)} | parameters
        epochs = self.epochs(n_epochs)
        return AutoencoderTransformer(
            n_components, max_iter=epochs, random_state=self.seed, **parameters
        )

    def fit(
        self, n_components: int, n_epochs: int, *, n_rows: int | None = None, **parameters: Any
    ) -> AutoencoderTransformer:
        """Fit an autoencoder on the training images, or on the first `n_rows` of them."""
        estimator = self.autoencoder(n_components, n_epochs, **parameters)
        key = f"{n_rows} {sorted(estimator.get_params(deep=False).items(), key=str)!r}"
        if key not in self._fits:
            self._fits[key] = estimator.fit(self.data.X_train[:n_rows])
        return self._fits[key]

    def pca(self, n_components: int) -> PCA:
        """Fit PCA on all training images."""
        key = f"PCA {n_components}"
        if key not in self._fits:
            self._fits[key] = PCA(n_components, random_state=self.seed).fit(self.data.X_train)
        return self._fits[key]

    def pca_error(self, n_components: int) -> float:
        """Give the mean squared error of test images that PCA reconstructs."""
        n_components = min(n_components, self.data.X_train.shape[1])
        return reconstruction_error(self.pca(n_components), self.data.X_test)

    def error(self, fitted: Any) -> float:
        """Give the mean squared error of reconstructed test images."""
        return reconstruction_error(fitted, self.data.X_test)

    def rng(self) -> np.random.Generator:
        """Give random numbers, the same for every row of the benchmark."""
        return np.random.default_rng(self.seed)

    def some_test_rows(self, n: int) -> np.ndarray:
        """Draw test rows where all are too many: those of MNIST are not in random order."""
        n_rows = len(self.data.X_test)
        return np.sort(self.rng().choice(n_rows, min(n, n_rows), replace=False))

    def pictured(self, n: int) -> np.ndarray:
        """Choose test images to show."""
        return pictures.one_of_each(self.data.y_test, n)

    def file(self, name: str) -> Path:
        """Name the file of a picture."""
        self.saved.append(self.folder / f"variants-{self.dataset}-{name}.png")
        return self.saved[-1]
