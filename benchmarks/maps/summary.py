"""What the measured maps say: lines of a table, mean ranks and aims."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks import ranks
from benchmarks.maps.contenders import CONTENDERS, DEFAULT, NEIGHBORS, UMAP
from benchmarks.maps.measuring import Measured
from benchmarks.maps.problems import Problem
from benchmarks.report import Aim

_HEADINGS = {
    "nearest_neighbor": "1-NN",
    "v_measure": "k-means",
    "trustworthiness": "trust",
    "continuity": "contin",
    "mse": "MSE",
    "fit_seconds": "fit s",
    "transform_seconds": "transf s",
}
# By how much the map of an autoencoder may be worse than UMAP's.
_MARGIN = 0.01


def describe(problem: Problem, measured: Sequence[Measured], seeds: int) -> dict[str, Any]:
    """Give everything of a data set, for a file."""
    return {
        "n_train": len(problem.X_train),
        "n_test": len(problem.X_test),
        "n_features": problem.X_train.shape[1],
        "has_classes": problem.has_classes,
        "seeds": seeds,
        "measured": [_line(method) for method in measured],
        "maps": {it.method: [asdict(scores) for scores in it.scores] for it in measured},
    }


def _line(measured: Measured) -> dict[str, Any]:
    line: dict[str, Any] = {"": measured.method}
    line["rows"] = "new" if CONTENDERS[measured.method].maps_new_rows else "training"
    for name, heading in _HEADINGS.items():
        mean = measured.mean(name)
        line[heading] = None if mean is None else round(mean, 4)
    disparity = measured.disparity
    return line | {"disparity": None if disparity is None else round(disparity, 4)}


def mean_ranks(parts: Mapping[str, dict[str, Any]]) -> dict[str, float]:
    """Rank by trustworthiness times continuity who maps new rows, and is in all data sets."""
    qualities = {
        name: {
            line[""]: line["trust"] * line["contin"]
            for line in part["measured"]
            if line["rows"] == "new"
        }
        for name, part in parts.items()
    }
    methods = [name for name in CONTENDERS if all(name in it for it in qualities.values())]
    scores = [[quality[name] for quality in qualities.values()] for name in methods]
    if not scores or not scores[0]:
        return {}
    means = ranks.rank(np.array(scores)).mean(axis=1)
    return {name: round(float(mean), 2) for name, mean in zip(methods, means, strict=True)}


def aims(parts: Mapping[str, dict[str, Any]]) -> list[Aim]:
    """Compare the map of neighbours with the default and with UMAP."""
    found = []
    for other, margin in ((DEFAULT, 0.0), (UMAP, _MARGIN)):
        for heading in ("1-NN", "trust", "contin"):
            leads = []
            for part in parts.values():
                lines = {line[""]: line[heading] for line in part["measured"]}
                if {NEIGHBORS, other} <= set(lines):
                    leads.append(lines[NEIGHBORS] - lines[other])
            if leads:
                text = f"{NEIGHBORS}: {heading} above {other}, mean of {len(leads)}"
                found.append(Aim(text, float(np.mean(leads)), ">=", -margin))
    return found
