"""Show for each kind of autoencoder that it does what it is for.

Each row of this benchmark fits one kind on images (MNIST, or the digits of scikit-learn for
a quick look) and judges it on test images. What it has to show are its aims: inequalities,
each met or missed.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning

from benchmarks import machine
from benchmarks.data import BenchmarkError, load
from benchmarks.options import add_output, check_positive
from benchmarks.variants import architectures, denoising, deterministic, generative
from benchmarks.variants.study import Aim, Result, Study

ROWS: dict[str, Callable[[Study], Result]] = {
    "undercomplete": deterministic.undercomplete,
    "sparse": deterministic.sparse,
    "k-sparse": deterministic.k_sparse,
    "denoising": denoising.denoising,
    "noisy-code": denoising.noisy_code,
    "contractive": deterministic.contractive,
    "variational": generative.variational,
    "importance-weighted": generative.importance_weighted,
    "wasserstein": generative.wasserstein,
    "adversarial": generative.adversarial,
    "tied": deterministic.tied,
    "convolutional": architectures.convolutional,
    "recurrent": architectures.recurrent,
    "recurrent-outliers": architectures.recurrent_outliers,
    "own": architectures.own,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset", default="mnist", choices=["mnist", "digits"], help="(default: mnist)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=list(ROWS),
        choices=list(ROWS),
        metavar="ROW",
        help="run these rows alone: " + ", ".join(ROWS),
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--max-iter", type=int, help="epochs of every fit, for a quick look (default: its own)"
    )
    add_output(parser, "JSON and pictures")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the rows one after the other; print a table of each, save JSON and pictures."""
    check_positive(options, "max_iter")
    data = load(options.dataset, options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    study = Study(options.dataset, data, options.output, options.seed, options.max_iter)
    console = Console()
    console.print(
        f"{options.dataset}: {len(data.X_train):,} + {len(data.X_test):,} images, "
        f"{data.X_train.shape[1]} pixels",
        highlight=False,
    )
    file = options.output / f"variants-{options.dataset}.json"
    failed = []
    for name in options.only:
        try:
            with warnings.catch_warnings():
                # The epochs are what a benchmark has time for; the errors tell.
                warnings.simplefilter("ignore", ConvergenceWarning)
                result = ROWS[name](study)
        except Exception as error:  # the other rows are worth having
            console.print_exception()
            failed.append(name)
            found: dict[str, Any] = {"error": f"{type(error).__name__}: {error}"}
        else:
            console.print(table(name, ROWS[name].__doc__ or "", result))
            console.print(aims(result.aims), highlight=False)
            found = result.to_json()
        # After each row: what follows may take long, or be interrupted.
        save(file, {name: found}, options, n_train=len(data.X_train), n_test=len(data.X_test))
    names = ", ".join(path.name for path in [file, *study.saved])
    console.print(f"\nSaved in {options.output}: {names}", highlight=False)
    if failed:
        raise BenchmarkError(f"Failed, see above: {', '.join(failed)}.")


def save(file: Path, rows: dict[str, Any], options: argparse.Namespace, **sizes: int) -> None:
    """Write rows to a file, beside those it has from the same machine, versions and options."""
    header: dict[str, Any] = {
        "command": f"python -m benchmarks variants --dataset {options.dataset}",
        "machine": machine.describe(),
        "seed": options.seed,
        "max_iter": options.max_iter,
        **sizes,
    }
    found: dict[str, Any] = {}
    if file.exists():
        report = json.loads(file.read_text())
        found = report.pop("rows", {})
        if report != header:
            found = {}
    found |= rows
    report = header | {"rows": {name: found[name] for name in ROWS if name in found}}
    file.write_text(json.dumps(report, indent=1) + "\n")


def table(name: str, purpose: str, result: Result) -> Table:
    """Make the table of one row of the benchmark."""
    made = Table(
        title=f"\n[bold]{name}[/bold]: {purpose.partition(chr(10))[0]}",
        title_justify="left",
        title_style="",
        caption=result.settings,
        caption_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        header_style="dim",
        min_width=76,
    )
    headings = list(dict.fromkeys(key for line in result.lines for key in line))
    headings = [
        key for key in headings if not any(isinstance(line.get(key), list) for line in result.lines)
    ]
    for heading in headings:
        made.add_column(heading, justify="left" if heading in ("", "noise") else "right")
    for line in result.lines:
        made.add_row(*(_cell(heading, line.get(heading)) for heading in headings))
    return made


def aims(found: list[Aim]) -> str:
    """Say of each aim whether it is met."""
    return "\n".join(
        ("[green]met[/green]     " if aim.is_met else "[bold red]missed[/bold red]  ")
        + f"{aim.text}: {_number(aim.value)} {aim.relation} {_number(aim.bound)}"
        for aim in found
    )


def _cell(heading: str, value: Any) -> str:
    if value is None:
        return ""
    if heading == "test MSE" or heading.startswith("PCA,"):
        return f"{value:.5f}"
    return value if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:.2e}" if abs(value) < 1e-3 else f"{value:.4g}"
