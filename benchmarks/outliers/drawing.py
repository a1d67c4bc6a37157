"""The critical-difference picture of both settings."""

from pathlib import Path

from benchmarks.outliers.contenders import OURS
from benchmarks.outliers.summary import Results
from benchmarks.outliers.tables import SETTINGS
from benchmarks.pictures import plt, save
from benchmarks.ranks import draw_ranks


def draw(results: Results, file: Path) -> None:
    """Draw the mean ranks by AUROC in both settings."""
    n_rows = -(-len(results.contenders) // 2)
    figure, axes = plt.subplots(
        len(SETTINGS), figsize=(8, (1.2 + 0.3 * n_rows) * len(SETTINGS)), layout="constrained"
    )
    for axis, setting in zip(axes, SETTINGS, strict=True):
        title = f"{setting}: mean rank by AUROC over {len(results.tables)} tables"
        draw_ranks(axis, results.contenders, results.ranks(setting), title, [OURS])
    save(figure, file)
