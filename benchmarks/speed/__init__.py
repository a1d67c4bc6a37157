"""Measure how fast training is: whole calls by default, and an epoch beside other packages.

Parts fit and transform with default parameters, beside scikit-learn's estimators. Cases train
the same network on the same rows by all contenders. Both run in rounds: what is compared are
the runs of one round, so that a machine that is busy for a while slows them all.
"""

import argparse
import warnings
from collections.abc import Callable
from functools import partial

import torch
from sklearn.exceptions import ConvergenceWarning

from benchmarks import machine, report
from benchmarks.data import BenchmarkError
from benchmarks.options import add_choice, add_number, add_output, check_positive
from benchmarks.speed import defaults, drawing, epochs, peers
from benchmarks.speed.cases import CASES
from benchmarks.speed.rounds import Settings

PARTS: dict[str, Callable[[Settings], report.Result]] = {
    "fit": defaults.fit,
    "transform": defaults.transform,
    "rows": defaults.rows,
    "sparse": defaults.sparse,
    "wide": defaults.wide,
    "import": defaults.importing,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_choice(parser, "--parts", PARTS)
    add_choice(parser, "--cases", CASES)
    add_number(parser, "--repetitions", "rounds", 5)
    add_number(parser, "--threads", "threads of the cases; parts have one", torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="where cases train (default: cpu)")
    add_number(parser, "--rows", "most training rows, for a quick look")
    parser.add_argument("--large", action="store_true", help="part rows: a million rows, too")
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure parts and cases one after the other; print tables, save JSON and picture."""
    settings = _settings(options)
    console = report.make_console()
    described = machine.describe()
    header = {
        "command": "python -m benchmarks speed",
        "machine": described | peers.versions(),
        "threads": settings.threads,
        "device": str(settings.device),
        "repetitions": settings.repetitions,
        "max_rows": settings.max_rows,
    }
    where = f"{described['processor']}, threads: {settings.threads}, {settings.device}"
    console.print(f"{where}, rounds: {settings.repetitions}")
    file = options.output / "speed.json"
    measured = [(name, PARTS[name], 1) for name in options.parts]
    measured += [(name, partial(epochs.measure, name), settings.threads) for name in options.cases]
    saved, aims = {}, []
    for name, measure, threads in measured:
        with machine.use_threads(threads), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the figures tell
            found = measure(settings)
        console.print(report.show(name, found))
        aims += found.aims
        # After each one: what follows may take long, or be interrupted.
        saved = report.merge(file, header, "parts", {name: found.to_json()})
    if aims:
        console.print(f"\n{sum(aim.is_met for aim in aims)} of {len(aims)} bars are met")
    if drawn := {CASES[name].title: saved[name]["raw"] for name in CASES if name in saved}:
        drawing.draw_epochs(drawn, where, options.output / "speed.png")
    console.print(f"Saved in {options.output}: speed*")


def _settings(options: argparse.Namespace) -> Settings:
    check_positive(options, "repetitions", "threads", "rows")
    try:
        device = torch.device(options.device)
        torch.zeros(1, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise BenchmarkError(f"--device {options.device} can not be used: {error}") from error
    return Settings(device, options.threads, options.repetitions, options.rows, options.large)
