"""What the cases say together, beside what they have to."""

from typing import Any

import numpy as np

from benchmarks.reconstruction import tables
from benchmarks.reconstruction.cases import ZERO, Case
from benchmarks.reconstruction.contenders import OURS, PCA
from benchmarks.report import Aim

SMALL_ROWS = (30, 300)
# Up to so many rows and columns, a fit should not keep one waiting.
_QUICK_SIZE = (2000, 50)
_QUICK_SECONDS = 2.0


def aims(cases: list[Case]) -> list[Aim]:
    """Compare ours with PCA and with the best of the others."""
    compared = [case for case in cases if not case.is_exact]
    found = _beside_pca(compared) + _beside_others(compared)
    noise = [case.ratio(OURS).mean for case in compared if case.table == tables.NOISE]
    if noise:
        found.append(Aim("noise: largest ratio to PCA", max(noise), "<=", 1.005))
    if exact := [case.largest_share_left(OURS) for case in cases if case.is_exact]:
        found.append(Aim("PCA is exact: largest share of variance left", max(exact), "<", ZERO))
    few = small(compared)
    where = "{} to {} rows: ".format(*SMALL_ROWS)
    found += _beside_pca(few, where) + _beside_others(few, where)
    if quick := _quick_seconds(cases):
        text = "seconds of a fit, up to {:,} x {}, median".format(*_QUICK_SIZE)
        found.append(Aim(text, float(np.median(quick)), "<=", _QUICK_SECONDS))
    return found


def figures(cases: list[Case]) -> list[str]:
    """Say what has no bar."""
    compared = [case for case in cases if not case.is_exact]
    n_exact = len(cases) - len(compared)
    lines = [f"{len(compared)} cases (table x code size), and {n_exact} that PCA leaves nothing of"]
    for where, some in (("all", compared), ("{} to {} rows".format(*SMALL_ROWS), small(compared))):
        if some:
            mean = _geometric_mean([case.ratio(OURS).mean for case in some])
            lines.append(f"geometric mean of the ratio to PCA, {where}: {mean:.3f}")
    if rivals := [case for case in compared if case.others]:
        ratios = [case.ratio(OURS).mean / case.best([PCA, *case.others]) for case in rivals]
        lines.append(
            f"ratio to the best of all others, PCA among them: median {np.median(ratios):.3f}, "
            f"below 1 in {np.mean(np.less(ratios, 1)):.0%} of the cases"
        )
    return lines


def lines(cases: list[Case]) -> list[dict[str, Any]]:
    """Give a line of the table for each case; without ratios where PCA leaves nothing."""
    found = []
    for case in cases:
        line = {
            "table": case.table,
            "rows": case.n_rows,
            "cols": case.n_features,
            "code": case.n_components,
            "PCA left": f"{case.share_left(PCA):.2g}",
        }
        for name in [] if case.is_exact else [OURS, *case.others]:
            line[name] = "{:.3g} ± {:.2g}".format(*case.ratio(name))
        found.append(line | {"s": float(np.mean(case.seconds[OURS]))})
    return found


def worse(cases: list[Case]) -> list[Case]:
    """Give the cases that ours loses to PCA, the worst first."""
    lost = [case for case in cases if not case.is_exact and case.ratio(OURS).is_worse]
    return sorted(lost, key=lambda case: -case.ratio(OURS).mean)


def small(cases: list[Case]) -> list[Case]:
    """Give the cases of tables with few rows."""
    low, high = SMALL_ROWS
    return [case for case in cases if low <= case.n_rows <= high]


def _beside_pca(cases: list[Case], where: str = "") -> list[Aim]:
    if not cases:
        return []
    ratios = [case.ratio(OURS) for case in cases]
    means = [ratio.mean for ratio in ratios]
    held = float(np.mean([not ratio.is_worse for ratio in ratios]))
    return [
        Aim(f"{where}not worse than PCA within the standard error, share", held, ">=", 1.0),
        Aim(f"{where}worst ratio to PCA", max(means), "<=", 1.01),
        Aim(f"{where}median ratio to PCA", float(np.median(means)), "<=", 0.5),
    ]


def _beside_others(cases: list[Case], where: str = "") -> list[Aim]:
    ratios = [case.ratio(OURS).mean / case.best(case.others) for case in cases if case.others]
    if not ratios:
        return []
    below = float(np.mean(np.less(ratios, 1)))
    return [
        Aim(f"{where}median ratio to the best of the others", np.median(ratios), "<=", 0.95),
        Aim(f"{where}better than the best of the others, share", below, ">=", 0.8),
    ]


def _quick_seconds(cases: list[Case]) -> list[float]:
    most_rows, most_columns = _QUICK_SIZE
    quick = [c for c in cases if c.n_rows <= most_rows and c.n_features <= most_columns]
    return [seconds for case in quick for seconds in case.seconds[OURS]]


def _geometric_mean(values: list[float]) -> float:
    # A ratio of 0 would be an error of 0, which only rounding makes.
    return float(np.exp(np.mean(np.log(np.maximum(values, ZERO)))))
