"""Run the fits of a search together: train in batches, then score each."""

import time
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn import get_config

from sklearn_ae._data.rows import Rows
from sklearn_ae._fitting.together import make_batches
from sklearn_ae._search.backend import Task
from sklearn_ae._search.candidates import Candidate, NotTogetherError, make_candidate, only_scores


@dataclass
class Halving:
    """Successive halving within the batch.

    Attributes
    ----------
    factor : float
        Of so many candidates, one goes on at each rung.
    metric : str or None
        Name of the score that decides, if there are several.
    iterations, n_resources : list
        Filled with the number of rungs that each candidate passed, and its number of epochs.
    """

    factor: float
    metric: str | None
    iterations: list[int] = field(default_factory=list)
    n_resources: list[int] = field(default_factory=list)


def run_together(
    tasks: Sequence[Task], *, n_jobs: int | None, halving: Halving | None, verbose: int
) -> list[Any]:
    """Fit and score the candidates of a search.

    Parameters
    ----------
    tasks : sequence of Task
        Calls of scikit-learn's `_fit_and_score`.
    n_jobs : int or None
        Number of processes, as joblib has it.
    halving : Halving or None
        How candidates are dropped on the way; None: none is.
    verbose : int
        Whether to say what is trained together.

    Returns
    -------
    results : list
        What `_fit_and_score` gives for each.
    """
    n_parts = min(effective_n_jobs(n_jobs), len(tasks))
    if halving is not None or n_parts < 2:
        return _run(tasks, n_jobs, halving, verbose)
    # Those of a fold share their first steps, and stay together.
    folds: dict[int, list[int]] = {}
    for place, (_, _, kwargs) in enumerate(tasks):
        folds.setdefault(id(kwargs["train"]), []).append(place)
    order = [place for places in folds.values() for place in places]
    parts = np.array_split(order, n_parts)
    results = Parallel(n_jobs=n_jobs)(
        delayed(_run)([tasks[i] for i in part], 1, None, verbose) for part in parts
    )
    by_place = dict(zip(order, (each for part in results for each in part), strict=True))
    return [by_place[place] for place in range(len(tasks))]


def _run(
    tasks: Sequence[Task], n_jobs: int | None, halving: Halving | None, verbose: int
) -> list[Any]:
    results: dict[int, Any] = {}
    reasons: Counter[str] = Counter()
    n_together, n_batches = 0, 0
    for candidates in _parts(tasks, reasons, whole=halving is not None):
        done, n_alone, n_made = _train_and_score(candidates, tasks, halving)
        results |= done
        reasons["its network is not a plain one"] += n_alone
        n_together, n_batches = n_together + len(done), n_batches + n_made
    if verbose > 0:
        _tell(n_together, n_batches, reasons)
    alone = [place for place in range(len(tasks)) if place not in results]
    if halving is not None:
        _note_alone(halving, alone, len(tasks))
    others = Parallel(n_jobs=n_jobs)(
        delayed(function)(*args, **kwargs) for function, args, kwargs in (tasks[i] for i in alone)
    )
    results |= dict(zip(alone, others, strict=True))
    return [results[place] for place in range(len(tasks))]


def _parts(
    tasks: Sequence[Task], reasons: Counter[str], *, whole: bool
) -> Iterator[dict[int, Candidate]]:
    """Give the candidates by their places, in parts whose rows are within the working memory."""
    store: dict[Hashable, Any] = {}
    rows: dict[Hashable, Rows] = {}
    candidates: dict[int, Candidate] = {}
    most = get_config()["working_memory"] * 2**20 / 4
    folds: dict[int, list[int]] = {}
    for place, (_, _, kwargs) in enumerate(tasks):
        folds.setdefault(id(kwargs["train"]), []).append(place)
    for places in folds.values():
        for place in places:
            try:
                candidates[place] = make_candidate(tasks[place], store, rows)
            except NotTogetherError as reason:
                reasons[str(reason)] += 1
            except Exception:  # raised again where scikit-learn counts failures
                reasons["it fails"] += 1
        if not whole and sum(each.X.nbytes for each in rows.values()) > most:
            yield candidates
            store, rows, candidates = {}, {}, {}
    yield candidates


def _train_and_score(
    candidates: dict[int, Candidate], tasks: Sequence[Task], halving: Halving | None
) -> tuple[dict[int, Any], int, int]:
    """Give the results by place, and the numbers of fits left alone and of batches."""
    places = list(candidates)
    n_alone, n_batches, results = 0, 0, {}
    for_scoring = bool(tasks) and only_scores(tasks[0][2]["scorer"])
    orders = [candidates[place].order for place in places]
    for batch in make_batches(orders):
        if isinstance(batch, int):
            n_alone += 1
            continue
        n_batches += 1
        start = time.time()
        batch.carry_on()
        seconds = (time.time() - start) / len(batch.fits)
        for i in batch.fits:
            trained = replace(batch.fit_so_far(i), for_scoring=for_scoring)
            results[places[i]] = candidates[places[i]].fit_and_score(trained)
            results[places[i]]["fit_time"] += seconds
    return results, n_alone, n_batches


def _tell(n_together: int, n_batches: int, reasons: Counter[str]) -> None:
    print(f"{n_together} fits trained together in {n_batches} batches.")
    for reason, number in reasons.items():
        if number:
            print(f"{number} fits made one by one: {reason}.")
