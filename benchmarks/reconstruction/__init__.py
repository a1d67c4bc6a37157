"""Compare with PCA and others at equal code size, on many tables and with default parameters.

Each table is split several times, each column scaled, and every contender reduced to the same
few numbers a row. What counts is the error of held-out rows, that of PCA on the same split
being 1. Fits run on one thread each, in several processes if wanted.
"""

import argparse
import ast
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine
from benchmarks.data import BenchmarkError
from benchmarks.options import add_output, check_positive
from benchmarks.reconstruction import drawing, report, summary, tables
from benchmarks.reconstruction.cases import Case
from benchmarks.reconstruction.contenders import CONTENDERS, OURS, PCA
from benchmarks.reconstruction.measuring import Job, Settings, gather, try_to_measure
from sklearn_ae import AutoencoderTransformer

_SIZES = (0.02, 0.05, 0.10, 0.25, 0.50)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", nargs="+", metavar="TABLE", help="tables to measure (default: all at hand)"
    )
    parser.add_argument(
        "--contenders",
        nargs="*",
        default=list(CONTENDERS),
        choices=list(CONTENDERS),
        metavar="CONTENDER",
        help=f"of {', '.join(CONTENDERS)}; the first two always take part (default: all)",
    )
    parser.add_argument(
        "--sizes",
        type=float,
        nargs="+",
        default=list(_SIZES),
        metavar="SHARE",
        help="code sizes, as shares of the columns (default: %(default)s)",
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of splits (default: 5)")
    parser.add_argument(
        "--max-rows", type=int, default=20_000, help="most rows of a table (default: 20000)"
    )
    parser.add_argument(
        "--parameters",
        type=_parameters,
        default={},
        metavar="DICT",
        help="what to change of ours, as JSON or Python: '{\"learning_rate\": 0.003}'",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="keep the tables that the JSON file in the folder has from such a run",
    )
    add_output(parser, "JSON and picture")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure table after table; print lines and summary, save JSON and picture."""
    settings = _settings(options)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    names, notes = tables.choose(options.only)
    for note in notes:
        console.print(note, style="dim", highlight=False)
    header = {
        "command": "python -m benchmarks reconstruction",
        "machine": machine.describe(),
        **asdict(settings),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "reconstruction.json"
    cases = read(file, header) if options.resume else []
    done = {case.table for case in cases}
    jobs = [
        job
        for name in names
        if name not in done
        for job in settings.jobs(name, tables.load(name).shape)
    ]
    console.print(report.heading(settings.contenders), highlight=False)
    if cases:
        console.print(report.lines(cases, settings.contenders), highlight=False)
    failed = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=len(jobs))
        try:
            for name, found in _measured(
                jobs, settings, options.jobs, lambda: progress.advance(task)
            ):
                if isinstance(found, str):
                    console.print(found, markup=False, highlight=False)
                    failed.append(name)
                    continue
                cases += found
                # After each one: what follows may take long, or be interrupted.
                save(file, header, cases)
                console.print(report.lines(found, settings.contenders), highlight=False)
        except KeyboardInterrupt:
            kept = f"{file} has the tables so far: --resume goes on from there."
            raise BenchmarkError(
                f"Interrupted. {kept if cases else 'No table was finished.'}"
            ) from None
    if cases:
        picture = options.output / "reconstruction.png"
        drawing.draw_ratios(cases, picture)
        console.print(report.summary(cases), highlight=False)
        console.print(f"\nSaved in {options.output}: {file.name}, {picture.name}", highlight=False)
    if failed:
        raise BenchmarkError(f"Failed, see above: {', '.join(failed)}.")


def save(file: Path, header: dict[str, Any], cases: list[Case]) -> None:
    """Write what was measured so far, and what it says together.

    Parameters
    ----------
    file : Path
        The file.
    header : dict
        What it was measured on, and how.
    cases : list of Case
        What was measured.
    """
    content = header | {
        "aims": [aim.to_json() for aim in summary.aims(cases)],
        "cases": [case.to_json() for case in cases],
    }
    # Not written in place: an interruption would leave half a file.
    half = file.with_suffix(".part")
    half.write_text(json.dumps(content, indent=1) + "\n")
    half.replace(file)


def read(file: Path, header: dict[str, Any]) -> list[Case]:
    """Read what an interrupted run of the same kind has measured.

    Parameters
    ----------
    file : Path
        The file; there need not be one.
    header : dict
        What it has to be measured on, and how.

    Returns
    -------
    cases : list of Case

    Raises
    ------
    BenchmarkError
        If the file is of another machine, other versions or other options.
    """
    if not file.exists():
        return []
    found = json.loads(file.read_text())
    for key, value in json.loads(json.dumps(header)).items():
        if found.get(key) != value:
            raise BenchmarkError(
                f"{file} can not be resumed: its {key} is {found.get(key)}, not {value}."
            )
    return [Case.from_json(case) for case in found["cases"]]


def _measured(
    jobs: list[Job], settings: Settings, n_processes: int, tick: Callable[[], None]
) -> Iterator[tuple[str, list[Case] | str]]:
    """Give the cases of each table as soon as they are there, or what went wrong."""
    parallel = Parallel(n_processes, return_as="generator")
    with closing(parallel(delayed(try_to_measure)(job, settings) for job in jobs)) as results:
        for table, its_jobs in groupby(jobs, key=lambda job: job.table):
            found = {}
            for job in its_jobs:
                found[job] = next(results)
                tick()
            errors = [it for it in found.values() if isinstance(it, str)]
            yield table, errors[0] if errors else gather(found)


def _settings(options: argparse.Namespace) -> Settings:
    check_positive(options, "seeds", "max_rows", "jobs")
    if not all(0 < share <= 1 for share in options.sizes):
        raise BenchmarkError("--sizes must be shares, above 0 and at most 1.")
    chosen = {PCA, OURS, *options.contenders}
    contenders = tuple(name for name in CONTENDERS if name in chosen)
    return Settings(
        options.seeds, tuple(options.sizes), options.max_rows, contenders, options.parameters
    )


def _parameters(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        try:
            found = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"neither JSON nor Python for a dict: {text}")
    # The other two are set by the benchmark.
    known = set(AutoencoderTransformer().get_params()) - {"n_components", "random_state"}
    if unknown := [str(name) for name in found if name not in known]:
        raise argparse.ArgumentTypeError(f"no parameter {', '.join(unknown)}")
    return found
