"""Command-line options that several benchmarks have."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from benchmarks.data import BenchmarkError


def add_choice(parser: argparse.ArgumentParser, name: str, values: Iterable[str]) -> None:
    """Add an option that takes some of a few names, all by default."""
    known = list(values)
    parser.add_argument(
        name, nargs="*", default=known, choices=known, metavar="NAME", help=", ".join(known)
    )


def add_number(
    parser: argparse.ArgumentParser, name: str, what: str, default: int | None = None
) -> None:
    """Add an option that takes a number."""
    parser.add_argument(name, type=int, default=default, help=f"{what} (default: {default})")


def add_tables(parser: argparse.ArgumentParser) -> None:
    """Add the options for tables and processes."""
    parser.add_argument(
        "--only", nargs="+", metavar="TABLE", help="tables to measure (default: all at hand)"
    )
    add_number(parser, "--jobs", "processes", 1)


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add the options for images and epochs."""
    parser.add_argument(
        "--dataset", default="mnist", choices=["mnist", "digits"], help="(default: mnist)"
    )
    add_number(parser, "--max-iter", "epochs of every fit, for a quick look")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the option for the folder of results."""
    default = Path("benchmarks/out")
    parser.add_argument(
        "--output", type=Path, default=default, help=f"folder for results (default: {default})"
    )


def check_positive(options: argparse.Namespace, *names: str) -> None:
    """Check that options that are given are at least 1."""
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise BenchmarkError(f"--{name.replace('_', '-')} must be at least 1.")


def pick(kind: str, wanted: list[str] | None, known: Iterable[str]) -> list[str]:
    """Select the wanted names, in the order of the known ones; all if None."""
    known = list(known)
    if wanted is None:
        return known
    if unknown := [name for name in wanted if name not in known]:
        raise BenchmarkError(f"No {kind} {', '.join(unknown)}: there are {', '.join(known)}.")
    return [name for name in known if name in wanted]
