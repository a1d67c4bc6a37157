"""Time of a training epoch: ours and everybody else's, on the same network and rows."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.report import Aim, Result
from benchmarks.speed import contenders, peers
from benchmarks.speed.cases import CASES, make_problem
from benchmarks.speed.contenders import Contender
from benchmarks.speed.rounds import Settings, interleave, ratio

OURS = "ours"
REFERENCE = "hand-written"
LINEAR_PATH = "ours, linear path"
CONTENDERS: dict[str, Contender] = {
    OURS: contenders.ours,
    LINEAR_PATH: partial(contenders.ours, linear_path="pca"),
    "ours, bfloat16": partial(contenders.ours, precision="bfloat16"),
    REFERENCE: contenders.hand_written,
    "tutorial": contenders.tutorial,
    "skorch": contenders.skorch,
    "PyOD": peers.pyod,
    "Keras": peers.keras,
    "MLPRegressor": contenders.mlp_regressor,
}
_PECULIARITIES = {
    "MLPRegressor": "its code is activated, its initial weights are its own",
    "PyOD": "given the others' network; it leaves out rows that do not fill a batch",
}

# Most that our time may be of theirs, by case and contender.
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
# Most that the linear path may take, the plain network being 1.
PATH_BARS = {"A": 1.26, "B256": 1.06, "B1024": 1.06}
_SAME_LOSS = 0.05


def measure(name: str, settings: Settings) -> Result:
    """Train the network of a case by all its contenders, in rounds."""
    case = CASES[name]
    problem = make_problem(case, settings.max_rows)
    rows = problem.judged  # made before anything is timed
    missing = peers.missing()
    notes = [f'{it}: pip install "sklearn-ae[peers]"' for it in case.contenders if it in missing]

    def runner(contender: Contender) -> Callable[[int], tuple[list[float], float]]:
        def train(seed: int) -> tuple[list[float], float]:
            trained = contender(problem, settings.device, 1 + case.n_timed_epochs, seed)
            return trained.seconds, trained.loss(rows)

        return train

    present = [contender for contender in case.contenders if contender not in missing]
    runs = {contender: runner(CONTENDERS[contender]) for contender in present}
    measured: dict[str, dict[str, list[Any]]] = {}
    for contender, rounds in interleave(runs, settings.repetitions).items():
        seconds, losses = (list(each) for each in zip(*rounds, strict=True))
        measured[contender] = {"seconds": seconds, "loss": losses}
    title = f"{case.title}, {len(problem.X):,} {problem.source}"
    notes.append(f"each round: {case.n_timed_epochs} epochs, after one that does not count")
    return judge(name, title, measured, notes)


def seconds_an_epoch(contender: dict[str, Any]) -> list[float]:
    """Give the time of an epoch in each round: the median of all but the first."""
    return [float(np.median(times[1:])) for times in contender["seconds"]]


def judge(name: str, title: str, measured: dict[str, dict[str, Any]], notes: list[str]) -> Result:
    """Compare what was measured of a case."""
    times = {contender: seconds_an_epoch(found) for contender, found in measured.items()}
    losses = {contender: float(np.median(found["loss"])) for contender, found in measured.items()}
    lines, aims, notes = [], [], [*notes]
    for contender, each in times.items():
        ours_by_it = ratio(times[OURS], each)
        lines.append(
            {
                "": contender,
                "s/epoch": float(np.median(each)),
                "ours / it": ours_by_it.median,
                "from": ours_by_it.low,
                "to": ours_by_it.high,
                "loss": losses[contender],
            }
        )
        if bar := BARS.get((name, contender)):
            aims.append(Aim(f"time, ours / {contender}", ours_by_it.median, "<=", bar))
        if contender in _PECULIARITIES:
            notes.append(f"{contender}: {_PECULIARITIES[contender]}")
        # The linear path starts at the principal components: its loss has to be another one.
        is_same = abs(losses[contender] / losses[REFERENCE] - 1) <= _SAME_LOSS
        if not is_same and contender != LINEAR_PATH:
            notes.append(f"{contender}: its loss differs from the hand-written loop's")
    aims.append(Aim("loss, ours / hand-written", losses[OURS] / losses[REFERENCE], "<=", 1.05))
    if LINEAR_PATH in times and name in PATH_BARS:
        path = ratio(times[LINEAR_PATH], times[OURS]).median
        aims.append(Aim("time, with / without linear path", path, "<=", PATH_BARS[name]))
    return Result(title, lines, aims, notes, measured)
