"""Codes as features: what classifiers make of them, beside PCA and the columns themselves.

Each labelled table is split in two, five times; columns are scaled by the training rows. Each
contender gives a few numbers a row, without labels, and classifiers are fitted on these numbers.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from rich.progress import track

from benchmarks import machine, report
from benchmarks.data import BenchmarkError
from benchmarks.features import drawing, summary, tables
from benchmarks.features.contenders import CLASSIFIERS, CONTENDERS, PCA
from benchmarks.features.measuring import HALF, Settings, TableResult, measure
from benchmarks.options import add_choice, add_number, add_output, check_positive

_SIZES = ["2", "8", "16", "32", HALF]
_LEGEND = (
    "Accuracy: per cent of new rows, mean over the tables that are larger than the size. To PCA: "
    "percentage points, and the worst table. s: seconds of a fit, on one thread."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--tables", nargs="+", metavar="TABLE", help="tables to measure (default: all at hand)"
    )
    add_choice(parser, "--groups", tables.GROUPS)
    parser.add_argument(
        "--sizes", nargs="+", default=_SIZES, metavar="SIZE",
        help=f"numbers a row, or {HALF} the columns (default: %(default)s)",
    )  # fmt: skip
    add_choice(parser, "--contenders", CONTENDERS)
    parser.add_argument(
        "--classifiers", nargs="+", default=list(CLASSIFIERS), choices=list(CLASSIFIERS),
        metavar="NAME", help=", ".join(CLASSIFIERS),
    )  # fmt: skip
    add_number(parser, "--repeats", "how often the rows are split in two", 5)
    add_number(parser, "--max-rows", "most rows of a table", 2000)
    add_number(parser, "--jobs", "processes", 1)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure table after table, those that a file has not yet; print, save JSON and pictures."""
    settings = _settings(options)
    console = report.make_console()
    names, notes = tables.choose(options.tables, options.groups)
    for note in notes:
        console.print(note, style="dim")
    header = {
        "command": "python -m benchmarks features",
        "machine": machine.describe(),
        **asdict(settings),
    }
    file = options.output / "features.json"
    known = _earlier(file, header)
    jobs = [delayed(measure)(name, settings) for name in names if name not in known]
    found = Parallel(options.jobs, return_as="generator")(jobs)
    for result in track(found, "", len(jobs), console=console, transient=True):
        known[result.table] = result
        # After each table: the run is long, and a second one goes on from here.
        _save(file, header, known)
    for group in tables.GROUPS:
        measured = [known[name] for name in names if tables.group_of(name) == group]
        results = summary.Results(measured, settings)
        if results.n_tables():
            for classifier in settings.classifiers:
                _show(console, group, classifier, results)
            console.print(report.aims_table(summary.aims(results)))
            picture = file.with_stem(f"{file.stem}-{group}").with_suffix(".png")
            drawing.draw(results, picture)
            console.print(f"\nSaved: {file}, {picture.name}")
    if not any(known[name].sizes for name in names):
        raise BenchmarkError("No table has a size that is smaller than a row.")


def _settings(options: argparse.Namespace) -> Settings:
    check_positive(options, "repeats", "max_rows", "jobs")
    if not all(size == HALF or (size.isdecimal() and int(size) > 0) for size in options.sizes):
        raise BenchmarkError(f"--sizes must be positive integers, or {HALF}.")
    chosen = {PCA, *options.contenders}
    return Settings(
        options.repeats,
        tuple(dict.fromkeys(options.sizes)),
        options.max_rows,
        tuple(name for name in CONTENDERS if name in chosen),
        tuple(name for name in CLASSIFIERS if name in options.classifiers),
    )


def _earlier(file: Path, header: dict[str, Any]) -> dict[str, TableResult]:
    """Read the tables that were measured before in the same way."""
    content = json.loads(file.read_text()) if file.exists() else {}
    expected = json.loads(json.dumps(header))
    if {key: content.get(key) for key in expected} != expected:
        return {}
    return {made["table"]: TableResult.from_json(made) for made in content["tables"]}


def _save(file: Path, header: dict[str, Any], known: dict[str, TableResult]) -> None:
    settings = Settings(**{key: header[key] for key in Settings.__dataclass_fields__})
    groups = {}
    for group in tables.GROUPS:
        measured = [result for result in known.values() if result.group == group]
        results = summary.Results(measured, settings)
        if results.n_tables():
            groups[group] = {
                "tables": results.n_tables(),
                "summary": {name: results.lines(name) for name in settings.classifiers},
                "friedman_p_value": {name: results.friedman(name) for name in settings.classifiers},
                "aims": [aim.to_json() for aim in summary.aims(results)],
            }
    measured = [result.to_json() for result in known.values()]
    report.save(file, header | {"groups": groups, "tables": measured})


def _show(console: Any, group: str, classifier: str, results: summary.Results) -> None:
    title = f"{classifier}, {results.n_tables()} tables of {group}"
    note = f"{_LEGEND} Equal ranks by chance: p = {results.friedman(classifier):.2g}."
    console.print(report.show(title, report.Result("", results.lines(classifier), notes=[note])))
