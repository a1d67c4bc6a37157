"""What each part of the defaults is worth: many tables, each part left out in turn.

Ratios of the error of new rows to that of PCA, at code sizes of a tenth and a quarter of
the columns, and processor seconds of a fit on one thread. Tables and splits are those of
``python -m benchmarks reconstruction``.
"""

import argparse
import warnings
from time import process_time
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from rich.progress import track
from sklearn.exceptions import ConvergenceWarning

from benchmarks import machine, report
from benchmarks.data import BenchmarkError
from benchmarks.options import add_number, add_output, add_tables, check_positive
from benchmarks.reconstruction import tables
from benchmarks.reconstruction.cases import ROUNDING, ZERO
from benchmarks.reconstruction.contenders import ours, pca
from benchmarks.reconstruction.measuring import code_sizes, split, squared_error, warm_up

SIZES = (0.1, 0.25)
VARIANTS: dict[str, dict[str, Any]] = {
    "as by default": {},
    "no linear path": {"linear_path": None},
    "codes of the encoder": {"n_refinement_steps": 0},
    "no clipping": {"output_activation": "identity"},
    "no weight decay": {"weight_decay": 0.0},
    "constant learning rate": {"learning_rate_schedule": "constant"},
    "a tenth as validation rows": {"early_stopping": True},
    "no validation rows": {"early_stopping": False},
}
# By case (table and code size), then by variant.
Figures = dict[str, dict[str, float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_tables(parser)
    add_number(parser, "--seeds", "number of splits", 2)
    add_number(parser, "--max-rows", "most rows of a table", 1000)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure table after table; print a line for each variant, save a JSON file."""
    check_positive(options, "seeds", "max_rows", "jobs")
    names, notes = tables.choose(options.only)
    console = report.make_console()
    for note in notes:
        console.print(note, style="dim")
    ratios: Figures = {}
    seconds: Figures = {}
    jobs = (delayed(measure)(name, options.seeds, options.max_rows) for name in names)
    found = Parallel(options.jobs, return_as="generator")(jobs)
    for of_table in track(found, "", len(names), console=console, transient=True):
        ratios |= of_table[0]
        seconds |= of_table[1]
    if not ratios:
        raise BenchmarkError("No table with a code size at which PCA leaves an error.")
    summed = summary(ratios, seconds)
    lines = [{"": variant} | figures for variant, figures in summed.items()]
    title = f"Ratio to the error of PCA, {len(ratios)} cases (table x code size)"
    console.print(report.table(lines, title))
    file = options.output / "ablation.json"
    content = {
        "command": "python -m benchmarks ablation",
        "machine": machine.describe(),
        "seeds": options.seeds,
        "max_rows": options.max_rows,
        "variants": {name: str(parameters) for name, parameters in VARIANTS.items()},
        "summary": summed,
        "ratios": ratios,
        "seconds": seconds,
    }
    report.save(file, content)
    console.print(f"\nSaved: {file}")


def measure(name: str, n_seeds: int, max_rows: int) -> tuple[Figures, Figures]:
    """Fit all variants on a table: mean ratios to PCA, and mean seconds of a fit."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    with machine.use_threads(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warm_up()
        for seed in range(n_seeds):
            X_train, X_test = split(name, seed, max_rows)
            for k in code_sizes(*X_train.shape, SIZES):
                baseline = squared_error(pca(X_train, k, seed), X_test)
                if baseline < ZERO * X_test.var(axis=0, dtype=np.float64).mean():
                    continue
                of_case = found.setdefault(f"{name}, {k}", {variant: [] for variant in VARIANTS})
                for variant, parameters in VARIANTS.items():
                    start = process_time()
                    reconstruct = ours(X_train, k, seed, **parameters)
                    seconds = process_time() - start
                    ratio = squared_error(reconstruct, X_test) / baseline
                    of_case[variant].append((ratio, seconds))
    ratios, times = (
        {
            case: {
                variant: float(np.mean([each[i] for each in of_variant]))
                for variant, of_variant in of_case.items()
            }
            for case, of_case in found.items()
        }
        for i in (0, 1)
    )
    return ratios, times


def summary(ratios: Figures, seconds: Figures) -> dict[str, dict[str, float]]:
    """Sum up the ratios and seconds of every variant."""
    found = {}
    for variant in VARIANTS:
        each = np.array([of_case[variant] for of_case in ratios.values()])
        found[variant] = {
            "geometric mean": float(np.exp(np.log(np.maximum(each, ZERO)).mean())),
            "median": float(np.median(each)),
            "worst": float(each.max()),
            "above PCA": float((each > 1 + ROUNDING).mean()),
            "fit, seconds": float(np.mean([of_case[variant] for of_case in seconds.values()])),
        }
    return found
