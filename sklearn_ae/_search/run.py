"""Run the fits of a search together: train them in batches, then score each."""

import math
import time
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn import get_config

from sklearn_ae._data.rows import Rows
from sklearn_ae._fitting.together import Batch, make_batches
from sklearn_ae._search.backend import Task
from sklearn_ae._search.candidates import Candidate, NotTogetherError, make_candidate, only_scores

# Successive halving begins with this share of the epochs, or later if candidates are few.
_MIN_SHARE = 1 / 27
_NOT_PLAIN = "their networks are not plain"


@dataclass
class Halving:
    """Successive halving within the batches.

    Attributes
    ----------
    factor : float
        Of so many candidates, one goes on at each rung.
    metric : str or None
        Name of the score that decides, if there are several.
    iterations : list of int
        Filled with the number of rungs that each candidate has passed.
    n_resources : list of float
        Filled with the mean number of epochs of each candidate.
    """

    factor: float
    metric: str | None
    iterations: list[int] = field(default_factory=list)
    n_resources: list[float] = field(default_factory=list)


def run_together(
    tasks: Sequence[Task], *, n_jobs: int | None, halving: Halving | None, verbose: int
) -> list[Any]:
    """Fit and score the candidates of a search.

    Parameters
    ----------
    tasks : sequence of Task
        Calls of scikit-learn's `_fit_and_score`: all folds of a candidate, then of the next.
    n_jobs : int or None
        Number of processes, as joblib has it. With `halving`, only fits that are made one by one
        are spread.
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
    order = [place for places in _folds(tasks) for place in places]
    parts = np.array_split(order, n_parts)
    results = Parallel(n_jobs=n_jobs)(
        delayed(_run)([tasks[i] for i in part], 1, None, verbose) for part in parts
    )
    by_place = dict(zip(order, (each for part in results for each in part), strict=True))
    return [by_place[place] for place in range(len(tasks))]


def _run(
    tasks: Sequence[Task],
    n_jobs: int | None,
    halving: Halving | None,
    verbose: int,
) -> list[Any]:
    results: dict[int, Any] = {}
    reasons: Counter[str] = Counter()
    n_batches = 0
    for candidates in _parts(tasks, reasons, whole=halving is not None):
        work = _Work(tasks, candidates)
        results |= work.all_at_once() if halving is None else work.by_halving(halving)
        reasons[_NOT_PLAIN] += work.n_alone
        n_batches += work.n_batches
    if verbose > 0:
        batches = "1 batch" if n_batches == 1 else f"{n_batches} batches"
        print(f"{len(results)} fits were trained together, in {batches}.")
        for reason, number in reasons.items():
            if number:
                print(f"{number} fits are made one by one: {reason}.")
    alone = [place for place in range(len(tasks)) if place not in results]
    others = Parallel(n_jobs=n_jobs)(
        delayed(function)(*args, **kwargs) for function, args, kwargs in (tasks[i] for i in alone)
    )
    results |= dict(zip(alone, others, strict=True))
    return [results[place] for place in range(len(tasks))]


def _folds(tasks: Sequence[Task]) -> list[list[int]]:
    """Give the places of the tasks of each fold."""
    folds: dict[int, list[int]] = {}
    for place, (_, _, kwargs) in enumerate(tasks):
        folds.setdefault(id(kwargs["train"]), []).append(place)
    return list(folds.values())


def _parts(
    tasks: Sequence[Task], reasons: Counter[str], *, whole: bool
) -> Iterator[dict[int, Candidate]]:
    """Give the candidates by their places, in parts whose rows are within the working memory."""
    store: dict[Hashable, Any] = {}
    rows: dict[Hashable, Rows] = {}
    candidates: dict[int, Candidate] = {}
    most = get_config()["working_memory"] * 2**20 / 4
    for places in _folds(tasks):
        for place in places:
            try:
                candidates[place] = make_candidate(tasks[place], store, rows)
            except NotTogetherError as reason:
                reasons[str(reason)] += 1
            except Exception:  # raised again where scikit-learn counts failures
                reasons["they fail"] += 1
        if not whole and sum(_n_bytes(each) for each in rows.values()) > most:
            yield candidates
            store, rows, candidates = {}, {}, {}
    yield candidates


def _n_bytes(rows: Rows) -> int:
    return rows.X.nbytes if isinstance(rows.X, np.ndarray) else rows.X.data.nbytes


class _Work:
    """The training and scoring of candidates.

    Attributes
    ----------
    n_alone, n_batches : int
        Number of fits that have to be made one by one, and of batches of the others.
    """

    def __init__(self, tasks: Sequence[Task], candidates: dict[int, Candidate]) -> None:
        self._tasks, self._candidates = tasks, candidates
        self._places = list(candidates)
        self._for_scoring = bool(tasks) and only_scores(tasks[0][2]["scorer"])
        self.n_alone = self.n_batches = 0

    def all_at_once(self) -> dict[int, Any]:
        """Train all, batch after batch, and give their results by place."""
        results: dict[int, Any] = {}
        for batch in self._batches():
            results |= self._advance(batch, 1.0, batch.fits)
        return results

    def by_halving(self, halving: Halving) -> dict[int, Any]:
        """Train all, and drop the worst on the way."""
        batches = list(self._batches())
        n_folds = len(_folds(self._tasks))
        n_candidates = len(self._tasks) // n_folds
        rungs = _rungs(n_candidates, halving.factor)
        passed = dict.fromkeys(range(n_candidates), len(rungs) - 1)
        alive = set(range(n_candidates))
        results: dict[int, Any] = {}
        for number, share in enumerate(rungs):
            going_on = {i for i, place in enumerate(self._places) if place // n_folds in alive}
            for batch in batches:
                results |= self._advance(batch, share, going_on & set(batch.fits))
            if number == len(rungs) - 1:
                break
            scores = _mean_scores(results, n_folds, halving.metric)
            ranked = sorted(alive & set(scores), key=scores.__getitem__)
            dropped = set(ranked[: len(ranked) - math.ceil(len(ranked) / halving.factor)])
            passed |= dict.fromkeys(dropped, number)
            alive -= dropped
            for batch in batches:
                batch.drop([i for i in batch.fits if self._places[i] // n_folds in dropped])
        epochs = {self._places[i]: batch.n_epochs(i) for batch in batches for i in batch.fits}
        for i in range(n_candidates):
            of_folds = [epochs.get(i * n_folds + fold, np.nan) for fold in range(n_folds)]
            halving.iterations.append(passed[i])
            halving.n_resources.append(float(np.mean(of_folds)))
        return results

    def _batches(self) -> Iterator[Batch]:
        for batch in make_batches([each.order for each in self._candidates.values()]):
            if isinstance(batch, int):
                self.n_alone += 1
            else:
                self.n_batches += 1
                yield batch

    def _advance(self, batch: Batch, share: float, some: Collection[int]) -> dict[int, Any]:
        """Go on with a batch, and score some of its fits."""
        start = time.time()
        batch.carry_on(share)
        seconds = (time.time() - start) / max(1, len(some))
        results = {}
        for i in some:
            place = self._places[i]
            trained = replace(batch.fit_so_far(i), for_scoring=self._for_scoring)
            results[place] = self._candidates[place].fit_and_score(trained)
            results[place]["fit_time"] += seconds
        return results


def _rungs(n_candidates: int, factor: float) -> list[float]:
    """Give the shares of the epochs at which candidates are scored; the last is 1."""
    shares = [1.0]
    while n_candidates >= factor ** len(shares) and shares[0] / factor > _MIN_SHARE - 1e-9:
        shares.insert(0, shares[0] / factor)
    return shares


def _mean_scores(results: dict[int, Any], n_folds: int, metric: str | None) -> dict[int, float]:
    """Give the mean score of each candidate of which all folds have been scored."""
    scores: dict[int, list[float]] = {}
    for place, result in results.items():
        score = result["test_scores"]
        score = score[metric] if isinstance(score, dict) else score
        scores.setdefault(place // n_folds, []).append(score)
    means = {i: float(np.mean(each)) for i, each in scores.items() if len(each) == n_folds}
    return {i: -math.inf if math.isnan(mean) else mean for i, mean in means.items()}
