"""Time of a training epoch: ours and everybody else's, on the same network and rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks import machine
from benchmarks.speed import contenders, peers
from benchmarks.speed.cases import CASES, Case, Problem, make_problem
from benchmarks.speed.contenders import Contender
from benchmarks.speed.finding import Finding, Settings
from benchmarks.speed.rounds import interleave, ratio, seconds
from benchmarks.variants.study import Aim

OURS = "ours"
REFERENCE = "hand-written"
LINEAR_PATH = "ours, linear path"
BFLOAT16 = "ours, bfloat16"
CONTENDERS: dict[str, Contender] = {
    OURS: contenders.ours,
    LINEAR_PATH: contenders.ours_with_linear_path,
    BFLOAT16: contenders.ours_in_bfloat16,
    REFERENCE: contenders.hand_written,
    "tutorial": contenders.tutorial,
    "skorch": contenders.skorch,
    "PyOD": peers.pyod,
    "Keras": peers.keras,
    "MLPRegressor": contenders.mlp_regressor,
}
# scikit-learn has few of them.
_KNOWN_ACTIVATIONS = {"MLPRegressor": ("relu", "tanh", "logistic")}
_PECULIARITIES = {
    "MLPRegressor": "its code is activated, its initial weights are its own",
    "PyOD": "given the others' network; it leaves out rows that do not fill a batch",
}

# Most that our time may be of theirs, by case and contender, and what it should become.
BARS = {
    ("A", REFERENCE): 1.03,
    ("A", "tutorial"): 0.35,
    ("A", "skorch"): 0.62,
    ("A", "PyOD"): 0.70,
    ("B256", REFERENCE): 1.03,
    ("B1024", REFERENCE): 1.03,
    ("C", "MLPRegressor"): 1.0,
    ("D", REFERENCE): 1.03,
}
_HOPE = 0.85  # for the hand-written loop
# Most that the linear path may take, the plain network being 1.
PATH_BARS = {"A": 1.26, "B256": 1.06, "B1024": 1.06}
_ARITHMETIC_BARS = {"B1024": 0.85}
_SAME_LOSS = 0.05
_BFLOAT16_BARS = (0.40, 1.02)  # time and error, float32 being 1
_PRODUCT_SIZE = 4096  # of square matrices: large enough for the peak


def measure(name: str, settings: Settings) -> Finding:
    """Train the network of a case by all its contenders, in rounds.

    Parameters
    ----------
    name : str
        A key of ``CASES``.
    settings : Settings
        How to measure.

    Returns
    -------
    finding : Finding
    """
    case = CASES[name]
    problem = make_problem(case, activation=settings.activation, max_rows=settings.max_rows)
    problem.judged  # noqa: B018 - made before anything is timed
    present, notes = _present(case, settings)
    n_epochs = 1 + case.n_timed_epochs

    def runner(contender: Contender) -> Callable[[int], dict[str, Any]]:
        def train(i: int) -> dict[str, Any]:
            trained = contender(problem, settings.device, n_epochs, i)
            return {
                "seconds": trained.seconds,
                "loss": trained.loss(problem.judged),
                "test_loss": trained.loss(problem.standardize(problem.X_test)),
            }

        return train

    runs: dict[str, Callable[[int], Any]] = {
        contender: runner(CONTENDERS[contender]) for contender in present
    }
    found = interleave(
        runs | {"": lambda _: product_rate(settings.device)}, settings.repetitions, settings.tick
    )
    peak = found.pop("")
    raw = {
        "contenders": {
            contender: {key: [run[key] for run in rounds] for key in rounds[0]}
            for contender, rounds in found.items()
        },
        "operations": problem.operations(),
        "product_rate": peak,
    }
    return judge(name, problem, raw, notes)


def n_runs(name: str, settings: Settings) -> int:
    """Count the runs of a case."""
    return (len(_present(CASES[name], settings)[0]) + 1) * settings.repetitions


def _present(case: Case, settings: Settings) -> tuple[list[str], list[str]]:
    """Give the contenders that can take part, and why others can not."""
    missing = peers.missing()
    present, notes = [], []
    for name in case.contenders:
        if name in missing:
            notes.append(f'{name} is not installed: pip install "sklearn-ae[peers]"')
        elif settings.activation not in _KNOWN_ACTIVATIONS.get(name, [settings.activation]):
            notes.append(f"{name} has no activation {settings.activation}")
        else:
            present.append(name)
    return present, notes


def product_rate(device: torch.device) -> float:
    """Measure how many floating-point operations a second a large matrix product makes."""
    a = torch.ones(_PRODUCT_SIZE, _PRODUCT_SIZE, device=device)
    fastest = min(seconds(lambda: torch.mm(a, a), device) for _ in range(2))
    return 2 * _PRODUCT_SIZE**3 / fastest


def seconds_an_epoch(contender: dict[str, Any]) -> list[float]:
    """Give the time of an epoch in each round: the median of all but the first."""
    return [float(np.median(times[1:])) for times in contender["seconds"]]


def judge(name: str, problem: Problem, raw: dict[str, Any], notes: list[str]) -> Finding:
    """Compare what was measured.

    Parameters
    ----------
    name : str
        A key of ``CASES``.
    problem : Problem
        What was trained.
    raw : dict
        What was measured.
    notes : list of str
        Notes so far.

    Returns
    -------
    finding : Finding
    """
    measured = raw["contenders"]
    times = {contender: seconds_an_epoch(found) for contender, found in measured.items()}
    losses = {contender: float(np.median(found["loss"])) for contender, found in measured.items()}
    lines: list[dict[str, Any]] = []
    aims, notes = [], [*notes]
    for contender, each in times.items():
        ours_by_it = ratio(times[OURS], each)
        # The linear path starts at the principal components: its loss has to be another one.
        differs = losses[contender] / losses[REFERENCE] - 1
        lines.append(
            {
                "": contender,
                "s/epoch": float(np.median(each)),
                "ours / it": ours_by_it.median,
                "from": ours_by_it.low,
                "to": ours_by_it.high,
                "loss": losses[contender],
                "differs": None if contender == LINEAR_PATH else differs,
            }
        )
        bar = BARS.get((name, contender))
        if bar is not None:
            hope = f" (hoped for: {_HOPE})" if contender == REFERENCE else ""
            aims.append(Aim(f"time, ours / {contender}{hope}", ours_by_it.median, "<=", bar))
        if contender in _PECULIARITIES:
            notes.append(f"{contender}: {_PECULIARITIES[contender]}")
        if abs(differs) > _SAME_LOSS and contender != LINEAR_PATH:
            notes.append(f"{contender}: its loss differs from the hand-written loop's")
    aims.append(Aim("loss, ours / hand-written", losses[OURS] / losses[REFERENCE], "<=", 1.05))
    if LINEAR_PATH in times:
        path = ratio(times[LINEAR_PATH], times[OURS]).median
        if name in PATH_BARS:
            aims.append(Aim("time, with / without linear path", path, "<=", PATH_BARS[name]))
    arithmetic = raw["operations"] / np.array(times[OURS])
    share = ratio(arithmetic, raw["product_rate"])
    notes.append(
        f"arithmetic: {raw['operations'] / 1e9:,.3g} G operations an epoch, ours makes "
        f"{np.median(arithmetic) / 1e9:,.3g} G a second, {share.median:.0%} of a large product's "
        f"{np.median(raw['product_rate']) / 1e9:,.3g} G"
    )
    if name in _ARITHMETIC_BARS:
        text = "arithmetic, share of a large product's"
        aims.append(Aim(text, share.median, ">=", _ARITHMETIC_BARS[name]))
    if BFLOAT16 in times:
        found_aims, note = _judge_bfloat16(times, measured)
        aims += found_aims
        notes.append(note)
    title = f"{name}: {problem.case.title}, {len(problem.X):,} {problem.source}"
    notes.append(f"each round: {problem.case.n_timed_epochs} epochs, after one that does not count")
    return Finding(title, lines, aims, notes, raw)


def _judge_bfloat16(
    times: dict[str, list[float]], measured: dict[str, Any]
) -> tuple[list[Aim], str]:
    faster = ratio(times[BFLOAT16], times[OURS]).median
    worse = ratio(measured[BFLOAT16]["test_loss"], measured[OURS]["test_loss"]).median
    error = Aim("test error, bfloat16 / float32", worse, "<=", _BFLOAT16_BARS[1])
    units = machine.bfloat16_units()
    if "AMX" in units:
        time = Aim("time, bfloat16 / float32", faster, "<=", _BFLOAT16_BARS[0])
        return [time, error], f"this processor has {' and '.join(units)}"
    has = f"{' and '.join(units)}, but no AMX" if units else "no instructions for bfloat16"
    return [error], (
        f"time, bfloat16 / float32: {faster:.3f}; to be at most {_BFLOAT16_BARS[0]} where there is "
        f"AMX, but this processor has {has}"
    )
