"""Command line of the benchmarks."""

import argparse
import sys

from benchmarks import (
    ablation,
    costs,
    distributed,
    features,
    maps,
    mnist,
    outliers,
    pca,
    reconstruction,
    search,
    speed,
    stream,
    variants,
)
from benchmarks.data import BenchmarkError


def main(arguments: list[str] | None = None) -> int:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    questions = parser.add_subparsers(dest="question", required=True)
    for module in (
        pca,
        reconstruction,
        ablation,
        mnist,
        variants,
        outliers,
        speed,
        search,
        stream,
        distributed,
        features,
        maps,
        costs,
    ):
        name = module.__name__.rpartition(".")[2]
        description = module.__doc__.partition("\n")[0]
        module.add_arguments(questions.add_parser(name, help=description, description=description))
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
