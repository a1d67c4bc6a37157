"""Fit all contenders on one division of a table, and judge their scores."""

import logging
import warnings
from time import perf_counter
from typing import NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.outliers.contenders import CONTENDERS
from benchmarks.outliers.tables import divide


def measure(job: "Job", contenders: list[str]) -> "tuple[Job, dict[str, Judged]]":
    """Have all contenders fit and score."""
    task = divide(*job)
    judged = {}
    for name in contenders:
        start = perf_counter()
        with warnings.catch_warnings():
            # That training could go on, or columns do not vary: the figures tell.
            warnings.simplefilter("ignore")
            logging.disable(logging.INFO)
            scores = CONTENDERS[name](task, job.seed)
        seconds = perf_counter() - start
        scores = np.nan_to_num(scores.astype(np.float64), posinf=1e300, neginf=-1e300)
        judged[name] = Judged(
            100 * float(roc_auc_score(task.y_scored, scores)),
            100 * float(average_precision_score(task.y_scored, scores)),
            seconds,
        )
    return job, judged


class Job(NamedTuple):
    """One division of a table."""

    table: str
    setting: str
    seed: int
    max_train: int
    max_scored: int
    protocol: str


class Judged(NamedTuple):
    """How well a contender did."""

    auroc: float
    ap: float
    seconds: float
