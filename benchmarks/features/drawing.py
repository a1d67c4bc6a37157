"""The critical-difference picture of each classifier."""

from pathlib import Path

from benchmarks.features.contenders import PCA, RAW
from benchmarks.features.summary import Results
from benchmarks.pictures import plt, save
from benchmarks.ranks import draw_ranks

_NAMES = {
    RAW: "all columns",
    PCA: "PCA",
    "ours": "default codes",
    "encoder": "encoder's codes",
    "one step": "one refinement step",
    "denoising": "denoising codes",
    "neighbors": "neighbour codes",
}


def draw(results: Results, file: Path) -> None:
    """Draw the mean ranks by accuracy behind each classifier."""
    contenders, classifiers = results.settings.contenders, results.settings.classifiers
    n_rows = -(-len(contenders) // 2)
    figure, axes = plt.subplots(
        len(classifiers),
        figsize=(7, (1.2 + 0.3 * n_rows) * len(classifiers)),
        layout="constrained",
        squeeze=False,
    )
    names = [_NAMES.get(name, name) for name in contenders]
    ours = [_NAMES[name] for name in contenders if name not in (RAW, PCA)]
    for axis, classifier in zip(axes.flat, classifiers, strict=True):
        title = f"{classifier}: mean rank by accuracy over {results.n_tables()} tables"
        draw_ranks(axis, names, results.ranks(classifier), title, ours)
    save(figure, file)
