"""Find outliers, on many tables, with default parameters, beside what is in use today.

Two settings. Semi-supervised: fit on half of the inliers, score the others and all outliers.
Unsupervised: fit on all rows, score all rows. Labels are only looked at to judge the scores.
The protocol, but for the limits of rows, is that of Livernoche, Jain, Hezaveh and
Ravanbakhsh, "On diffusion modeling for anomaly detection", ICLR 2024.
"""

import argparse
import json

from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import track

from benchmarks import machine
from benchmarks.options import add_output, check_positive
from benchmarks.outliers import drawing, report, tables
from benchmarks.outliers.contenders import MAX_MCD_FEATURES, at_hand
from benchmarks.outliers.measuring import Job, measure
from benchmarks.outliers.tables import SETTINGS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", nargs="+", metavar="TABLE", help="tables to measure (default: all at hand)"
    )
    parser.add_argument(
        "--contenders", nargs="*", metavar="CONTENDER", help="beside ours (default: all at hand)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of splits (default: 5)")
    parser.add_argument(
        "--max-train", type=int, default=10_000, help="most rows to fit on (default: 10000)"
    )
    parser.add_argument(
        "--max-scored", type=int, default=20_000, help="most rows to score (default: 20000)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    add_output(parser, "JSON and pictures")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure all tables; print table and aims, save JSON and pictures."""
    check_positive(options, "seeds", "max_train", "max_scored", "jobs")
    console = Console()
    names, notes = tables.choose(options.only)
    contenders, missing = at_hand(options.contenders)
    for note in [*notes, *missing, f"MCD is PCA on tables of over {MAX_MCD_FEATURES} columns."]:
        console.print(note, style="dim", highlight=False)
    jobs = [
        Job(name, setting, seed, options.max_train, options.max_scored)
        for name in names
        for setting in SETTINGS
        for seed in range(options.seeds)
    ]
    parallel = Parallel(options.jobs, return_as="generator")
    measured = parallel(delayed(measure)(job, contenders) for job in jobs)
    found = list(track(measured, "", len(jobs), console=console, transient=True))
    results = report.Results(found)
    for setting in SETTINGS:
        console.print(report.table(results, setting))
    aims = report.aims(results)
    for line in report.lines(aims):
        console.print(line, highlight=False)
    options.output.mkdir(parents=True, exist_ok=True)
    content = {
        "command": "python -m benchmarks outliers",
        "machine": machine.describe(),
        "seeds": options.seeds,
        "max_train": options.max_train,
        "max_scored": options.max_scored,
        "summary": {setting: report.summary(results, setting) for setting in SETTINGS},
        "aims": [aim.to_json() for aim in aims],
        "tables": results.to_json(),
    }
    file = options.output / "outliers.json"
    file.write_text(json.dumps(content, indent=1) + "\n")
    picture = options.output / "outliers.png"
    drawing.draw_ranks(results, picture)
    console.print(f"\nSaved in {options.output}: {file.name}, {picture.name}", highlight=False)
