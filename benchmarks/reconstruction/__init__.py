"""Compare with PCA and others at equal code size, on many tables and with default parameters.

Each table is split several times, each column scaled, and every contender reduced to the same
few numbers a row. What counts is the error of held-out rows, that of PCA on the same split
being 1. Fits run on one thread each, in several processes if wanted.
"""

import argparse
from dataclasses import asdict

from joblib import Parallel, delayed
from rich.progress import track

from benchmarks import machine, report
from benchmarks.data import BenchmarkError
from benchmarks.options import add_choice, add_number, add_output, add_tables, check_positive
from benchmarks.reconstruction import drawing, summary, tables
from benchmarks.reconstruction.cases import Case
from benchmarks.reconstruction.contenders import CONTENDERS, OURS, PCA
from benchmarks.reconstruction.measuring import Settings, measure

_SIZES = [0.02, 0.05, 0.10, 0.25, 0.50]
_MOST_NAMED = 10
_LEGEND = (
    "Error of held-out rows, that of PCA on the same split being 1: mean over the splits and its "
    "standard error. PCA left: share of the variance; where that is nothing there are no ratios. "
    "s: seconds of a fit of ours, on one thread."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_tables(parser)
    add_choice(parser, "--contenders", CONTENDERS)
    parser.add_argument(
        "--sizes", type=float, nargs="+", default=_SIZES, metavar="SHARE",
        help="code sizes, as shares of the columns (default: %(default)s)",
    )  # fmt: skip
    add_number(parser, "--seeds", "number of splits", 5)
    add_number(parser, "--max-rows", "most rows of a table", 20_000)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure table after table; print lines and summary, save JSON and picture."""
    settings = _settings(options)
    console = report.make_console()
    names, notes = tables.choose(options.only)
    for note in notes:
        console.print(note, style="dim")
    header = {
        "command": "python -m benchmarks reconstruction",
        "machine": machine.describe(),
        **asdict(settings),
    }
    file = options.output / "reconstruction.json"
    cases: list[Case] = []
    jobs = (delayed(measure)(name, settings) for name in names)
    found = Parallel(options.jobs, return_as="generator")(jobs)
    for of_table in track(found, "", len(names), console=console, transient=True):
        cases += of_table
        # After each table: what follows may take long, or be interrupted.
        aims = [aim.to_json() for aim in summary.aims(cases)]
        report.save(file, header | {"aims": aims, "cases": [case.to_json() for case in cases]})
    if not cases:
        raise BenchmarkError("No table has a code size that is smaller than a row.")
    drawing.draw_ratios(cases, options.output / "reconstruction.png")
    notes = [_LEGEND, *summary.figures(cases)]
    if lost := summary.worse(cases):
        named = ", ".join(f"{case.table} {case.n_components}" for case in lost[:_MOST_NAMED])
        notes.append(f"worse than PCA in {len(lost)} cases: {named}")
    result = report.Result("", summary.lines(cases), summary.aims(cases), notes)
    console.print(report.show("Reconstruction at equal code size", result))
    console.print(f"\nSaved: {file}, {file.stem}.png")


def _settings(options: argparse.Namespace) -> Settings:
    check_positive(options, "seeds", "max_rows", "jobs")
    if not all(0 < share <= 1 for share in options.sizes):
        raise BenchmarkError("--sizes must be shares, above 0 and at most 1.")
    chosen = {PCA, OURS, *options.contenders}
    contenders = tuple(name for name in CONTENDERS if name in chosen)
    return Settings(options.seeds, tuple(options.sizes), options.max_rows, contenders)
