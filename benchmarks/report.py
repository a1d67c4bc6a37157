"""What the benchmarks report: aims, tables and JSON files."""

import json
import operator
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

_RELATIONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


def make_console() -> Console:
    """Make what prints: as wide as the terminal, and wide enough where there is none."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def show(title: str, result: "Result") -> Group:
    """Show the lines, notes and aims of a result under a title."""
    notes = [Text(note, style="dim") for note in (result.settings, *result.notes) if note]
    heading = f"\n[bold]{escape(title)}[/bold]"
    return Group(heading, table(result.lines), *notes, aims_table(result.aims))


def table(lines: list[dict[str, Any]], title: str | None = None) -> Table:
    """Make a table with a column for each key; lists are left out, the line of ours is bold."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        header_style="dim",
    )
    keys = dict.fromkeys(key for line in lines for key in line)
    keys = [key for key in keys if not any(isinstance(line.get(key), list) for line in lines)]
    for key in keys:
        is_text = any(isinstance(line.get(key), str) for line in lines)
        made.add_column(key, justify="left" if is_text else "right", no_wrap=True)
    for line in lines:
        style = "bold" if line.get("") in ("ours", "Autoencoder") else ""
        made.add_row(*(escape(_cell(line.get(key))) for key in keys), style=style)
    return made


def aims_table(aims: Iterable["Aim"]) -> Table:
    """Make a table of aims: what was measured beside its bound."""
    made = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for aim in aims:
        met = "[green]met[/green]" if aim.is_met else "[bold red]missed[/bold red]"
        made.add_row(met, escape(aim.text), _cell(aim.value), f"{aim.relation} {_cell(aim.bound)}")
    return made


def save(file: Path, content: dict[str, Any]) -> None:
    """Write a JSON file as a whole, so that an interruption leaves the old one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n")
    part.replace(file)


def merge(file: Path, header: dict[str, Any], key: str, parts: dict[str, Any]) -> dict[str, Any]:
    """Write parts to a JSON file, beside those that it has with the same header; return all."""
    found = json.loads(file.read_text()) if file.exists() else {}
    earlier = found.pop(key, {})
    if found == json.loads(json.dumps(header)):
        parts = earlier | parts
    save(file, header | {key: parts})
    return parts


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


@dataclass
class Aim:
    """An inequality that a benchmark has to show."""

    text: str
    value: float
    relation: str
    bound: float

    @property
    def is_met(self) -> bool:
        return bool(_RELATIONS[self.relation](self.value, self.bound))

    def to_json(self) -> dict[str, Any]:
        return {
            "aim": self.text,
            "value": float(self.value),
            "relation": self.relation,
            "bound": float(self.bound),
            "met": self.is_met,
        }


@dataclass
class Result:
    """Lines of a table, aims, and what one has to know to read them."""

    settings: str
    lines: list[dict[str, Any]]
    aims: list[Aim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        content = {
            "settings": self.settings,
            "measured": self.lines,
            "aims": [aim.to_json() for aim in self.aims],
        }
        more = {"notes": self.notes, "raw": self.raw}
        return content | {key: value for key, value in more.items() if value}
