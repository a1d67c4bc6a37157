"""Find outliers, on many tables, with default parameters, beside what is in use today.

Two settings. Semi-supervised: fit on half of the inliers, score the others and all outliers.
Unsupervised: fit on all rows, score all rows. Labels are only looked at to judge the scores.
The protocol, but for the limits of rows, is that of Livernoche, Jain, Hezaveh and
Ravanbakhsh, "On diffusion modeling for anomaly detection", ICLR 2024.
"""

import argparse

from joblib import Parallel, delayed
from rich.progress import track

from benchmarks import machine, report
from benchmarks.options import add_number, add_output, add_tables, check_positive
from benchmarks.outliers import drawing, summary, tables
from benchmarks.outliers.contenders import MAX_MCD_FEATURES, at_hand
from benchmarks.outliers.measuring import Job, measure
from benchmarks.outliers.tables import SETTINGS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_tables(parser)
    parser.add_argument(
        "--contenders", nargs="*", metavar="NAME", help="beside ours (default: all at hand)"
    )
    add_number(parser, "--seeds", "number of splits", 5)
    add_number(parser, "--max-train", "most rows to fit on", 10_000)
    add_number(parser, "--max-scored", "most rows to score", 20_000)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure all tables; print table and aims, save JSON and picture."""
    check_positive(options, "seeds", "max_train", "max_scored", "jobs")
    console = report.make_console()
    names, notes = tables.choose(options.only)
    contenders, missing = at_hand(options.contenders)
    for note in [*notes, *missing, f"MCD is PCA on tables of over {MAX_MCD_FEATURES} columns."]:
        console.print(note, style="dim")
    jobs = [
        Job(name, setting, seed, options.max_train, options.max_scored)
        for name in names
        for setting in SETTINGS
        for seed in range(options.seeds)
    ]
    parallel = Parallel(options.jobs, return_as="generator")
    measured = parallel(delayed(measure)(job, contenders) for job in jobs)
    results = summary.Results(list(track(measured, "", len(jobs), console=console, transient=True)))
    summed = {setting: results.summary(setting) for setting in SETTINGS}
    for setting, found in summed.items():
        lines = [{"": name} | figures for name, figures in found.items()]
        lines.sort(key=lambda line: -line["auroc"])
        title = f"\n{setting}: means over {len(results.tables)} tables"
        console.print(report.table(lines, title))
    aims = summary.aims(results)
    console.print(report.aims_table(aims))
    content = {
        "command": "python -m benchmarks outliers",
        "machine": machine.describe(),
        "seeds": options.seeds,
        "max_train": options.max_train,
        "max_scored": options.max_scored,
        "summary": summed,
        "aims": [aim.to_json() for aim in aims],
        "tables": results.to_json(),
    }
    file = options.output / "outliers.json"
    report.save(file, content)
    drawing.draw_ranks(results, options.output / "outliers.png")
    console.print(f"\nSaved: {file}, {file.stem}.png")
