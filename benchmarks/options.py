"""Command-line options that several benchmarks have."""

import argparse
from pathlib import Path

from benchmarks.data import BenchmarkError


def add_output(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option for the folder of results.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of a benchmark.
    what : str
        What is saved there.
    """
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("benchmarks/out"),
        help=f"folder for {what} (default: benchmarks/out)",
    )


def check_positive(options: argparse.Namespace, *names: str) -> None:
    """Check that options that are given are at least 1.

    Parameters
    ----------
    options : Namespace
        The options.
    *names : str
        Which.

    Raises
    ------
    BenchmarkError
        If one is not.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise BenchmarkError(f"--{name.replace('_', '-')} must be at least 1.")
