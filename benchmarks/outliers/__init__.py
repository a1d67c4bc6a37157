"""Find outliers, on many tables, with default parameters, beside what is in use today.

Two settings. Semi-supervised: fit on half of the inliers, score the others and all outliers.
Unsupervised: fit on all rows, score all rows. Labels are only looked at to judge the scores.
``--protocol dte`` divides as Livernoche, Jain, Hezaveh and Ravanbakhsh do, "On diffusion modeling
for anomaly detection", ICLR 2024: in the order of the file, and tables of fewer than 1,000 rows
are resampled, which puts copies of training rows among those that are scored.
``--protocol dte-without-copies`` is the same without resampling. By default, rows are shuffled.
"""

import argparse

from joblib import Parallel, delayed
from rich.progress import track

from benchmarks import machine, report
from benchmarks.options import add_number, add_output, add_tables, check_positive
from benchmarks.outliers import drawing, summary, tables
from benchmarks.outliers.contenders import MAX_MCD_FEATURES, at_hand
from benchmarks.outliers.measuring import Job, measure
from benchmarks.outliers.tables import OWN, PROTOCOLS, SETTINGS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_tables(parser)
    parser.add_argument(
        "--contenders", nargs="*", metavar="NAME", help="beside ours (default: all at hand)"
    )
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, default=OWN, help=f"how to divide (default: {OWN})"
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
        Job(name, setting, seed, options.max_train, options.max_scored, options.protocol)
        for name in names
        for setting in SETTINGS
        for seed in range(options.seeds)
    ]
    parallel = Parallel(options.jobs, return_as="generator")
    measured = parallel(delayed(measure)(job, contenders) for job in jobs)
    measured = list(track(measured, "", len(jobs), console=console, transient=True))
    results = summary.Results(measured, {name: tables.count_rows(name) for name in names})
    summed = {setting: results.summary(setting) for setting in SETTINGS}
    for setting, found in summed.items():
        lines = [{"": name} | figures for name, figures in found.items()]
        lines.sort(key=lambda line: -line["auroc"])
        title = f"\n{setting}: means over {len(results.tables)} tables"
        console.print(report.table(lines, title))
    aims = summary.aims(results)
    console.print(report.aims_table(aims))
    command, file = "python -m benchmarks outliers", options.output / "outliers.json"
    if options.protocol != OWN:
        command += f" --protocol {options.protocol}"
        file = file.with_stem(f"outliers-{options.protocol}")
    content = {
        "command": command,
        "machine": machine.describe(),
        "seeds": options.seeds,
        "max_train": options.max_train,
        "max_scored": options.max_scored,
        "summary": summed,
        "aims": [aim.to_json() for aim in aims],
        "tables": results.to_json(),
    }
    report.save(file, content)
    drawing.draw(results, file.with_suffix(".png"))
    console.print(f"\nSaved: {file}, {file.stem}.png")
