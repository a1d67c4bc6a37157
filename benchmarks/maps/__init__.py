"""Maps: rows in two numbers, beside PCA, UMAP, t-SNE and PaCMAP.

Each method draws maps of the training rows from several seeds and places the new rows on them; all
scores are those of new rows. t-SNE has no new rows: it is scored by as many training rows.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.progress import track

from benchmarks import machine, report
from benchmarks.data import BenchmarkError
from benchmarks.maps import contenders, drawing, problems, summary
from benchmarks.maps.contenders import CONTENDERS
from benchmarks.maps.measuring import measure
from benchmarks.options import add_choice, add_number, add_output, check_positive

_LEGEND = (
    "1-NN: accuracy from the places of the training rows. k-means: V-measure of as many clusters "
    "as classes. trust, contin: trustworthiness and continuity of 15 neighbours. MSE: of 200 "
    "reconstructions. Seconds, without compilation. disparity: between the maps of two seeds."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--data", nargs="+", choices=problems.NAMES, metavar="NAME",
        help=f"{', '.join(problems.NAMES)} (default: all at hand but mnist)",
    )  # fmt: skip
    add_choice(parser, "--contenders", CONTENDERS)
    add_number(parser, "--seeds", "maps of each method", 3)
    add_number(parser, "--threads", "threads", 1)
    add_number(parser, "--rows", "only the first rows of both parts, for a quick look")
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure one data set after the other; print, save JSON and pictures."""
    check_positive(options, "seeds", "threads", "rows")
    names, notes = problems.at_hand()
    if options.data is not None:
        names, notes = list(dict.fromkeys(options.data)), []
    missing = contenders.missing()
    methods = [name for name in CONTENDERS if name in options.contenders and name not in missing]
    if not methods:
        raise BenchmarkError("None of the packages of these contenders is installed.")
    console = report.make_console()
    left_out = [name for name in missing if name in options.contenders]
    for note in [*notes, *map(_how_to_install, left_out)]:
        console.print(note, style="dim")
    file = options.output / "maps.json"
    header = {
        "command": "python -m benchmarks maps",
        "machine": machine.describe() | contenders.versions(),
        "threads": options.threads,
        "rows": options.rows,
    }
    parts = _earlier(file, header)
    for name in names:
        problem = problems.load(name, options.rows)
        measured = [
            measure(problem, method, range(options.seeds), options.threads)
            for method in track(methods, name, console=console, transient=True)
        ]
        parts[name] = summary.describe(problem, measured, options.seeds)
        # After each data set: the run is long.
        _save(file, header, parts)
        drawing.draw(problem, measured, file.with_name(f"maps-{name}.png"))
        shape = f"{len(problem.X_train):,} + {len(problem.X_test):,} rows"
        title = f"{name} ({shape}, {problem.X_train.shape[1]} columns)"
        console.print(report.show(title, report.Result("", parts[name]["measured"])))
    lines = [{"": name, "mean rank": rank} for name, rank in summary.mean_ranks(parts).items()]
    title = f"Trustworthiness times continuity: mean rank over {', '.join(parts)}"
    console.print(report.show(title, report.Result("", lines, summary.aims(parts), [_LEGEND])))
    console.print(f"\nSaved in {options.output}: maps*")


def _earlier(file: Path, header: dict[str, Any]) -> dict[str, Any]:
    """Read the data sets that were measured before in the same way."""
    content = json.loads(file.read_text()) if file.exists() else {}
    if {key: content.get(key) for key in header} != header:
        return {}
    return content["data"]


def _save(file: Path, header: dict[str, Any], parts: dict[str, Any]) -> None:
    made = {
        "mean_ranks": summary.mean_ranks(parts),
        "aims": [aim.to_json() for aim in summary.aims(parts)],
    }
    report.save(file, header | made | {"data": parts})


def _how_to_install(name: str) -> str:
    return f"Without {name}: pip install {CONTENDERS[name].package}"
