"""Measure how fast training is, beside a loop written by hand and other packages.

All contenders of a case train the same network on the same rows, in rounds: what is compared
are the runs of one round, so that a machine that is busy for a while slows them all. Beside
that: what there is around the arithmetic, which small data show. Each part has bars to clear.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.exceptions import ConvergenceWarning

from benchmarks import machine
from benchmarks.data import BenchmarkError
from benchmarks.options import add_output, check_positive
from benchmarks.speed import drawing, epochs, overheads, peers, processes, report
from benchmarks.speed.cases import ACTIVATIONS, CASES
from benchmarks.speed.finding import Finding, Settings
from benchmarks.speed.rounds import use_threads

PARTS: dict[str, Callable[[Settings], Finding]] = {
    "tiny": overheads.tiny,
    "transform": overheads.transform,
    "components": overheads.components,
    "memory": processes.memory,
    "import": processes.importing,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cases",
        nargs="*",
        default=list(CASES),
        choices=list(CASES),
        metavar="CASE",
        help="networks to train: " + ", ".join(CASES),
    )
    parser.add_argument(
        "--parts",
        nargs="*",
        default=list(PARTS),
        choices=list(PARTS),
        metavar="PART",
        help="what to measure beside them: " + ", ".join(PARTS),
    )
    parser.add_argument("--repetitions", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--threads", type=int, help="(default: as many as PyTorch takes)")
    parser.add_argument("--device", default="cpu", help="where to train (default: cpu)")
    parser.add_argument(
        "--activation", default="relu", choices=list(ACTIVATIONS), help="(default: relu)"
    )
    parser.add_argument("--rows", type=int, help="most training rows, for a quick look")
    add_output(parser, "JSON and picture")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure cases and parts one after the other; print tables, save JSON and picture."""
    settings = _settings(options)
    console = Console()
    described = machine.describe()
    header = {
        "command": "python -m benchmarks speed",
        "machine": described | peers.versions(),
        "bfloat16": machine.bfloat16_units(),
        "threads": settings.threads,
        "device": str(settings.device),
        "repetitions": settings.repetitions,
        "activation": settings.activation,
        "max_rows": settings.max_rows,
    }
    where = f"{described['processor']}, {_count(settings.threads, 'thread')}"
    console.print(
        f"{where}, {settings.device}, {_count(settings.repetitions, 'round')}",
        highlight=False,
    )
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "speed.json"
    findings: dict[str, Finding] = {}
    parts: dict[str, Callable[[Settings], Finding]] = {
        name: partial(epochs.measure, name) for name in options.cases
    } | {name: PARTS[name] for name in options.parts}
    for name, part in parts.items():
        findings[name] = finding = _measure(name, part, settings, console)
        console.print(report.show(finding), highlight=False)
        # After each one: what follows may take long, or be interrupted.
        saved = save(file, {name: finding.to_json()}, header)
    console.print(f"\n{report.summary(findings)}", highlight=False)
    written = [file.name] if findings else []
    if findings and (measured := {name: saved[name] for name in CASES if name in saved}):
        picture = options.output / "speed.png"
        drawing.draw_epochs(
            {CASES[name].title: part["raw"]["contenders"] for name, part in measured.items()},
            where,
            picture,
        )
        written.append(picture.name)
    console.print(f"Saved in {options.output}: {', '.join(written)}", highlight=False)


def save(file: Path, parts: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    """Write parts to a file, beside those it has from the same machine, versions and options.

    Parameters
    ----------
    file : Path
        The file.
    parts : dict of str to dict
        What was measured.
    header : dict
        What it was measured on, and how.

    Returns
    -------
    parts : dict of str to dict
        All that the file holds now.
    """
    found: dict[str, Any] = {}
    if file.exists():
        earlier = json.loads(file.read_text())
        found = earlier.pop("parts", {})
        if earlier != header:
            found = {}
    found |= parts
    found = {name: found[name] for name in [*CASES, *PARTS] if name in found}
    file.write_text(json.dumps(header | {"parts": found}, indent=1) + "\n")
    return found


def _settings(options: argparse.Namespace) -> Settings:
    check_positive(options, "repetitions", "threads", "rows")
    try:
        device = torch.device(options.device)
        torch.zeros(1, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise BenchmarkError(f"--device {options.device} can not be used: {error}") from error
    threads = options.threads or torch.get_num_threads()
    return Settings(device, threads, options.repetitions, options.activation, options.rows)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _measure(
    name: str, part: Callable[[Settings], Finding], settings: Settings, console: Console
) -> Finding:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    # Not refreshed by a thread, which would take its time from what is measured.
    with (
        Progress(
            *columns, TimeElapsedColumn(), console=console, transient=True, auto_refresh=False
        ) as progress,
        use_threads(settings.threads),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", ConvergenceWarning)  # so few epochs are too few
        task = progress.add_task(
            name, total=epochs.n_runs(name, settings) if name in CASES else None
        )

        def tick() -> None:
            progress.advance(task)
            progress.refresh()

        return part(replace(settings, tick=tick))
