"""What the benchmark prints."""

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from benchmarks.speed.finding import Finding
from benchmarks.variants.study import Aim

# Headings with a format of their own; figures have three digits elsewhere.
_FORMATS = {
    "ours / it": "{:.3f}",
    "from": "{:.3g}",
    "to": "{:.3g}",
    "loss": "{:.4f}",
    "differs": "{:+.1%}",
}
_RELATIONS = {"<=": "≤", ">=": "≥"}


def show(finding: Finding) -> Group:
    """Show what a part measured, what one has to know of it, and the bars."""
    notes = [Text(note, style="dim") for note in finding.notes]
    title = f"\n[bold]{escape(finding.settings)}[/bold]"
    return Group(title, table(finding), *notes, aims(finding.aims))


def table(finding: Finding) -> Table:
    """Make the table of what a part measured."""
    made = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
    headings = list(dict.fromkeys(key for line in finding.lines for key in line))
    for heading in headings:
        made.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for line in finding.lines:
        style = "bold" if line[""] == "ours" else ""
        made.add_row(*(_cell(heading, line.get(heading)) for heading in headings), style=style)
    return made


def aims(found: list[Aim]) -> Table:
    """Make the table of the bars: what was measured beside what it has to be."""
    made = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for justify in ("left", "left", "right", "left"):
        made.add_column(justify=justify, no_wrap=True)
    for aim in found:
        made.add_row(
            "[green]met[/green]" if aim.is_met else "[bold red]missed[/bold red]",
            aim.text,
            f"{aim.value:.3f}",
            f"{_RELATIONS.get(aim.relation, aim.relation)} {aim.bound:g}",
        )
    return made


def summary(found: dict[str, Finding]) -> str:
    """Count the bars that are met, and name the others."""
    bars = [(name, aim) for name, finding in found.items() for aim in finding.aims]
    missed = [f"{name}: {aim.text} {aim.value:.3f}" for name, aim in bars if not aim.is_met]
    text = f"{len(bars) - len(missed)} of {len(bars)} bars are met"
    return text + "".join(f"\nmissed  {line}" for line in missed)


def _cell(heading: str, value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if heading in _FORMATS:
        return _FORMATS[heading].format(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
