"""What the benchmark prints."""

from collections.abc import Sequence

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from benchmarks.reconstruction import summary as summed
from benchmarks.reconstruction.cases import Case
from benchmarks.reconstruction.contenders import OURS, PCA
from benchmarks.variants.study import Aim

WIDTH = 100
_RELATIONS = {"<=": "≤", ">=": "≥"}
_WIDTHS = {"table": 18, "rows": 6, "cols": 5, "code": 4, "PCA left": 8, OURS: 11, "s": 6}
_OTHERS_WIDTH = 9
_SHORT = {"MLPRegressor": "MLP"}
_MOST_NAMED = 10
_LEGEND = (
    "Error of held-out rows, that of PCA on the same split being 1: mean over the splits ± its\n"
    "standard error. PCA left: share of the variance. s: seconds of a fit of ours, on one thread.\n"
    "Where PCA leaves nothing there are no ratios: = stands before the share that one leaves.\n"
)


def heading(contenders: Sequence[str]) -> Group:
    """Explain the lines, and name their columns."""
    return Group(Text(_LEGEND, style="dim"), _table(contenders, show_header=True))


def lines(cases: list[Case], contenders: Sequence[str]) -> Table:
    """Show what was measured.

    Parameters
    ----------
    cases : list of Case
        The cases, those of one table after each other.
    contenders : sequence of str
        Who could take part.

    Returns
    -------
    table : Table
        A line for each case. Its columns stand below those of `heading`.
    """
    made, last = _table(contenders), None
    for case in cases:
        size = [case.table, f"{case.n_rows:,}", f"{case.n_features:,}"]
        made.add_row(
            *(map(escape, size) if case.table != last else [""] * 3),
            str(case.n_components),
            _share(case.share_left(PCA)),
            _ours(case),
            *(_other(case, name) for name in _others(contenders)),
            f"{sum(case.seconds[OURS]) / len(case.seconds[OURS]):.2f}",
        )
        last = case.table
    return made


def summary(cases: list[Case]) -> Group:
    """Show what the cases say together: bars, figures without one, and the cases lost to PCA."""
    aims = summed.aims(cases)
    lost = summed.worse(cases)
    shown = ["", *summed.figures(cases)]
    if lost:
        named = ", ".join(f"{c.table} {c.n_components}" for c in lost[:_MOST_NAMED])
        more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
        shown.append(f"worse than PCA: {named}{more}")
    n_met = sum(aim.is_met for aim in aims)
    shown.append(f"\n{n_met} of {len(aims)} bars are met")
    return Group("", _aims(aims), Text("\n".join(shown)))


def _aims(aims: list[Aim]) -> Table:
    made = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for justify in ("left", "left", "right", "left"):
        made.add_column(justify=justify, no_wrap=True)
    for aim in aims:
        made.add_row(
            "[green]met[/green]" if aim.is_met else "[bold red]missed[/bold red]",
            aim.text,
            f"{aim.value:.3f}" if aim.bound > 1e-3 else f"{aim.value:.0e}",
            f"{_RELATIONS.get(aim.relation, aim.relation)} {aim.bound:g}",
        )
    return made


def _table(contenders: Sequence[str], *, show_header: bool = False) -> Table:
    # Widths are fixed: tables are shown as they come, and have to stand below each other.
    made = Table(
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="dim",
        show_header=show_header,
    )
    widths = dict(_WIDTHS)
    seconds = widths.pop("s")
    widths |= {_SHORT.get(name, name): _OTHERS_WIDTH for name in _others(contenders)}
    for name, width in (widths | {"s": seconds}).items():
        justify = "left" if name == "table" else "right"
        made.add_column(name, justify=justify, width=width, no_wrap=True)
    return made


def _others(contenders: Sequence[str]) -> list[str]:
    return [name for name in contenders if name not in (PCA, OURS)]


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= 1e-3 else f"{share:.0e}"


def _ours(case: Case) -> str:
    if case.is_exact:
        return f"= {case.share_left(OURS):.0e}"
    ratio = case.ratio(OURS)
    text = _ratio(case, OURS, 3) if ratio.mean < 100 else f"{ratio.mean:.0e}"
    return f"[bold red]{text}[/bold red]" if ratio.is_worse else f"[bold]{text}[/bold]"


def _other(case: Case, name: str) -> str:
    if name not in case.mse:
        return ""
    if case.is_exact:
        return f"= {case.share_left(name):.0e}"
    mean = case.ratio(name).mean
    if mean >= 1000:
        return f"{mean:.0e}"
    return _ratio(case, name, 2 if mean < 10 else 1 if mean < 100 else 0)


def _ratio(case: Case, name: str, digits: int) -> str:
    mean, error = case.ratio(name)
    # One split has no standard error.
    return f"{mean:.{digits}f}" + (f"±{error:.{digits}f}" if len(case.variance) > 1 else "")
