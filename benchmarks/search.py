"""Searches that train candidates together, beside scikit-learn's and Optuna's.

Whole calls of `fit` without refitting, with all default parameters of the estimators but those that
are named: seconds, processor seconds, peak memory of the largest process, and the best mean score.
Each contender runs in a fresh process, which has fitted once before the clock starts, and has
started its workers.
"""

import argparse
import multiprocessing
import resource
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import machine, report
from benchmarks.options import add_choice, add_number, add_output, check_positive
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.model_selection import BatchedGridSearchCV, BatchedRandomizedSearchCV

N_FOLDS = 5


def rates_decays_seeds(seed: int, **parameters: Any) -> tuple[Any, dict[str, list[Any]], Any, Any]:
    """Give a small network, 60 candidates of one shape, and 5,000 rows of 20 columns."""
    rng = np.random.default_rng(seed)
    X = np.tanh(rng.normal(size=(5000, 3)) @ rng.normal(size=(3, 20)))
    X += 0.1 * rng.normal(size=X.shape)
    estimator = AutoencoderTransformer(4, hidden_layer_sizes=(16, 8), max_iter=20, **parameters)
    grid = {
        "learning_rate": [1e-3, 3e-3, 1e-2, 3e-2],
        "weight_decay": [0.0, 1e-4, 1e-3, 1e-2, 1e-1],
        "random_state": [0, 1, 2],
    }
    return estimator, grid, X, None


def small_batches(seed: int) -> tuple[Any, dict[str, list[Any]], Any, Any]:
    """Give the same with 32 rows in a batch."""
    return rates_decays_seeds(seed, batch_size=32)


def digits_pipeline(seed: int) -> tuple[Any, dict[str, list[Any]], Any, Any]:
    """Give a pipeline with a classifier, and 24 candidates of four code sizes."""
    X, y = load_digits(return_X_y=True)
    pipeline = make_pipeline(
        StandardScaler(), AutoencoderTransformer(random_state=seed), LogisticRegression()
    )
    name = "autoencodertransformer"
    grid = {
        f"{name}__n_components": [2, 4, 8, 16],
        f"{name}__learning_rate": [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2],
    }
    return pipeline, grid, X, y


CASES: dict[str, Callable[[int], tuple[Any, dict[str, list[Any]], Any, Any]]] = {
    "rates-decays-seeds": rates_decays_seeds,
    "small-batches": small_batches,
    "digits-pipeline": digits_pipeline,
}


def optuna_search(estimator: Any, grid: dict[str, list[Any]], n_trials: int, X: Any, y: Any) -> Any:
    """Search with Optuna's default sampler, and give its best value and parameters."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: Any) -> float:
        parameters = {name: trial.suggest_categorical(name, grid[name]) for name in grid}
        estimator.set_params(**parameters)
        return float(cross_val_score(estimator, X, y, cv=N_FOLDS, n_jobs=2).mean())

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials)
    return study.best_value, study.best_params


def search(contender: str, estimator: Any, grid: Any, X: Any, y: Any) -> tuple[float, Any]:
    """Run one search, and give its best score and parameters."""
    n_candidates = int(np.prod([len(values) for values in grid.values()]))
    options: dict[str, Any] = {"cv": N_FOLDS, "refit": False}
    few = {**options, "n_iter": n_candidates // 3, "random_state": 0}
    if contender == "Optuna, a third, n_jobs=2":
        return optuna_search(estimator, grid, n_candidates // 3, X, y)
    if contender == "HalvingGridSearchCV(n_jobs=2)":
        name = next((n for n in estimator.get_params() if n.endswith("max_iter")), "max_iter")
        halving = {"resource": name, "max_resources": 27, "min_resources": 3, "factor": 3}
        made = HalvingGridSearchCV(estimator, grid, n_jobs=2, **halving, **options)
    else:
        made = {
            "GridSearchCV(n_jobs=2)": lambda: GridSearchCV(estimator, grid, n_jobs=2, **options),
            "ours": lambda: BatchedGridSearchCV(estimator, grid, **options),
            "ours, n_jobs=2": lambda: BatchedGridSearchCV(estimator, grid, n_jobs=2, **options),
            "ours, factor=3": lambda: BatchedGridSearchCV(estimator, grid, factor=3, **options),
            "RandomizedSearchCV, a third, n_jobs=2": lambda: RandomizedSearchCV(
                estimator, grid, n_jobs=2, **few
            ),
            "ours, randomized, a third": lambda: BatchedRandomizedSearchCV(estimator, grid, **few),
        }[contender]()
    made.fit(X, y)
    return made.best_score_, made.best_params_


CONTENDERS = (
    "GridSearchCV(n_jobs=2)",
    "ours",
    "ours, n_jobs=2",
    "ours, factor=3",
    "RandomizedSearchCV, a third, n_jobs=2",
    "ours, randomized, a third",
    "HalvingGridSearchCV(n_jobs=2)",
    "Optuna, a third, n_jobs=2",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_choice(parser, "--cases", CASES)
    add_choice(parser, "--contenders", CONTENDERS)
    add_number(parser, "--seeds", "number of runs", 1)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure case after case, with all contenders in turn; print tables, save a JSON file."""
    check_positive(options, "seeds")
    console = report.make_console()
    found: dict[str, list[dict[str, Any]]] = {}
    for case in options.cases:
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in options.contenders}
        for seed in range(options.seeds):
            for contender in options.contenders:
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
                    runs[contender].append(fresh.submit(measure, case, contender, seed).result())
        found[case] = summarize(runs)
        title = f"{case}: {CASES[case].__doc__}"
        lines = [{k: v for k, v in line.items() if k != "best"} for line in found[case]]
        console.print(report.table(lines, title))
    file = options.output / "search.json"
    content = {
        "command": "python -m benchmarks search",
        "machine": machine.describe(),
        "seeds": options.seeds,
        "cases": found,
    }
    report.save(file, content)
    console.print(f"\nSaved: {file}")


def measure(case: str, contender: str, seed: int) -> dict[str, Any]:
    """Run a search once, in this process."""
    warnings.simplefilter("ignore")
    # Where joblib can not start processes, it warns, and n_jobs=2 would be one process.
    warnings.filterwarnings("error", message="Loky-backed parallel loops")
    estimator, grid, X, y = CASES[case](seed)
    warm_up = AutoencoderTransformer(1, max_iter=1)
    warm_up.fit(X[:600])
    if "n_jobs" in contender:
        GridSearchCV(warm_up, {"max_iter": [1, 1]}, cv=2, n_jobs=2).fit(X[:600])
    start, before = time.perf_counter(), processor_seconds()
    best_score, best = search(contender, estimator, grid, X, y)
    seconds = time.perf_counter() - start
    get_reusable_executor().shutdown()  # the system tells the memory of workers that have ended
    peaks = [resource.getrusage(who).ru_maxrss for who in _PROCESSES]
    return {
        "seconds": seconds,
        "processor seconds": processor_seconds() - before if "n_jobs" not in contender else None,
        "peak, MB": max(peaks) / 1024,
        "best score": best_score,
        "best": str(sorted(best.items())),
    }


_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def processor_seconds() -> float:
    """Give the processor seconds of this process."""
    return time.process_time()


def summarize(runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Give a line for each contender: medians, ratios to the first, and how often its winner."""
    reference = next(iter(runs.values()))
    lines = []
    for contender, of_all in runs.items():
        line: dict[str, Any] = {"": contender}
        ratios = [
            ours["seconds"] / its["seconds"] for ours, its in zip(of_all, reference, strict=True)
        ]
        line["time, ratio"] = float(np.median(ratios))
        for name in ("seconds", "processor seconds", "peak, MB", "best score"):
            values = [each[name] for each in of_all if each[name] is not None]
            line[name] = float(np.median(values)) if values else None
        line["same winner"] = sum(
            ours["best"] == its["best"] for ours, its in zip(of_all, reference, strict=True)
        )
        line["best"] = [each["best"] for each in of_all]
        lines.append(line)
    return lines
