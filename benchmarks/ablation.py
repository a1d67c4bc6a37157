"""What each part of the defaults is worth: many tables, each part left out in turn.

Ratios of the error of held-out rows to that of PCA, at code sizes of a tenth and a quarter of
the columns. Tables and splits are those of ``python -m benchmarks reconstruction``.
"""

import argparse
import json
import warnings
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning

from benchmarks import machine
from benchmarks.data import BenchmarkError
from benchmarks.options import add_output, check_positive
from benchmarks.reconstruction import tables
from benchmarks.reconstruction.cases import ROUNDING, ZERO
from benchmarks.reconstruction.contenders import Reconstruct, ours, pca
from benchmarks.reconstruction.measuring import code_sizes, split
from benchmarks.speed.rounds import use_threads

_SIZES = (0.1, 0.25)
DEFAULT = "as by default"
VARIANTS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "no linear path": {"linear_path": None},
    "no plain network beside": {"linear_path": "pca"},
    "codes of the encoder": {"transform_max_iter": 0},
    "no clipping": {"output_activation": "identity"},
    "no weight decay": {"weight_decay": 0.0},
    "constant learning rate": {"learning_rate_schedule": "constant"},
    "a tenth held out": {"early_stopping": True},
    "nothing held out": {"early_stopping": False, "n_iter_no_change": None},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", nargs="+", metavar="TABLE", help="tables to measure (default: all at hand)"
    )
    parser.add_argument("--seeds", type=int, default=2, help="number of splits (default: 2)")
    parser.add_argument(
        "--max-rows", type=int, default=1000, help="most rows of a table (default: 1000)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    add_output(parser, "the JSON file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure table after table; print a line for each variant, save a JSON file."""
    check_positive(options, "seeds", "max_rows", "jobs")
    names, notes = tables.choose(options.only)
    console = Console()
    for note in notes:
        console.print(note, style="dim", highlight=False)
    cases: dict[str, dict[str, float]] = {}
    of_tables = Parallel(options.jobs, return_as="generator")(
        delayed(measure)(name, options.seeds, options.max_rows) for name in names
    )
    for of_table in track(of_tables, console=console, total=len(names), transient=True):
        cases |= of_table
    if not cases:
        raise BenchmarkError("No table with a code size at which PCA leaves an error.")
    found = summary(cases)
    console.print(table(found, len(cases)))
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "ablation.json"
    content = {
        "command": "python -m benchmarks ablation",
        "machine": machine.describe(),
        "seeds": options.seeds,
        "max_rows": options.max_rows,
        "variants": {name: str(parameters) for name, parameters in VARIANTS.items()},
        "summary": found,
        "ratios": cases,
    }
    file.write_text(json.dumps(content, indent=1) + "\n")
    console.print(f"\nSaved: {file}", highlight=False)


def measure(name: str, n_seeds: int, max_rows: int) -> dict[str, dict[str, float]]:
    """Fit all variants on a table.

    Parameters
    ----------
    name : str
        The table.
    n_seeds : int
        Number of splits.
    max_rows : int
        Most rows, training and test.

    Returns
    -------
    ratios : dict of str to dict of str to float
        By table and code size, then by variant: mean ratio to the error of PCA.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for seed in range(n_seeds):
        X_train, X_test = split(name, seed, max_rows)
        for k in code_sizes(*X_train.shape, _SIZES):
            baseline = _error(pca(X_train, k, seed), X_test)
            if baseline < ZERO * X_test.var(axis=0, dtype=np.float64).mean():
                continue
            of_case = found.setdefault(f"{name}, {k}", {variant: [] for variant in VARIANTS})
            for variant, parameters in VARIANTS.items():
                with use_threads(1), warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    error = _error(ours(X_train, k, seed, **parameters), X_test)
                of_case[variant].append(error / baseline)
    return {
        case: {variant: float(np.mean(ratios)) for variant, ratios in of_case.items()}
        for case, of_case in found.items()
    }


def summary(cases: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Sum up the ratios of every variant.

    Parameters
    ----------
    cases : dict of str to dict of str to float
        Ratios by case and variant.

    Returns
    -------
    figures : dict of str to dict of str to float
        Geometric mean, median and largest ratio, and the share of cases above 1, by variant.
    """
    found = {}
    for variant in VARIANTS:
        ratios = np.array([of_case[variant] for of_case in cases.values()])
        found[variant] = {
            "geometric mean": float(np.exp(np.log(np.maximum(ratios, ZERO)).mean())),
            "median": float(np.median(ratios)),
            "worst": float(ratios.max()),
            "above PCA": float((ratios > 1 + ROUNDING).mean()),
        }
    return found


def table(found: dict[str, dict[str, float]], n_cases: int) -> Table:
    """Make a table with a line for each variant."""
    made = Table(
        title=f"Ratio to the error of PCA, {n_cases} cases (table x code size)",
        title_justify="left",
    )
    made.add_column("", no_wrap=True)
    for column in found[DEFAULT]:
        made.add_column(column, justify="right")
    for variant, figures in found.items():
        *ratios, above = figures.values()
        made.add_row(variant, *(f"{ratio:.3f}" for ratio in ratios), f"{above:.0%}")
    return made


def _error(reconstruct: Reconstruct, X: np.ndarray) -> float:
    return float(np.square(np.subtract(reconstruct(X), X, dtype=np.float64)).mean())
