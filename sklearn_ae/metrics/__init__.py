"""Metrics of reconstructions, of codes and, without labels, of outlier detectors.

The metrics of reconstructions take any transformer with ``inverse_transform``: PCA, NMF,
:class:`~sklearn_ae.AutoencoderTransformer` or a Pipeline of transformers. They are in the units of
X, so you can compare different transformers and search over them together.

``neg_reconstruction_error_scorer`` and ``reconstruction_r2_scorer`` are scorers (higher is better)
for :class:`~sklearn.model_selection.GridSearchCV` and :class:`~sklearn.callback.ScoringMonitor`:

>>> from sklearn.datasets import load_iris
>>> from sklearn.decomposition import PCA
>>> from sklearn.model_selection import GridSearchCV
>>> from sklearn_ae.metrics import neg_reconstruction_error_scorer
>>> search = GridSearchCV(
...     PCA(), {"n_components": [1, 2, 3]}, scoring=neg_reconstruction_error_scorer
... )
>>> search.fit(load_iris().data).best_params_
{'n_components': 3}

``trustworthiness``, ``continuity`` and ``neighbors_overlap`` tell how well codes keep
neighbourhoods. They need no ``inverse_transform``, and take rows and codes. Their scorers take any
transformer, and compare the rows that they score with each other, with 15 neighbours.

``broken_rows_auc`` rates outlier detectors without labels. It is a scorer itself, and
``broken_rows_auc_scorer`` is another name for it.
"""

from sklearn_ae.metrics.neighborhoods import (
    continuity,
    continuity_scorer,
    neighbors_overlap,
    neighbors_overlap_scorer,
    trustworthiness,
    trustworthiness_scorer,
)
from sklearn_ae.metrics.outliers import broken_rows_auc, broken_rows_auc_scorer
from sklearn_ae.metrics.reconstruction import (
    neg_reconstruction_error_scorer,
    reconstruction_error,
    reconstruction_r2,
    reconstruction_r2_scorer,
)

__all__ = [
    "broken_rows_auc",
    "broken_rows_auc_scorer",
    "continuity",
    "continuity_scorer",
    "neg_reconstruction_error_scorer",
    "neighbors_overlap",
    "neighbors_overlap_scorer",
    "reconstruction_error",
    "reconstruction_r2",
    "reconstruction_r2_scorer",
    "trustworthiness",
    "trustworthiness_scorer",
]
