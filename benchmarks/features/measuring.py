"""Fit all contenders on the folds of a table, and classifiers on what they give."""

import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks import machine
from benchmarks.features import tables
from benchmarks.features.contenders import CLASSIFIERS, CONTENDERS, RAW

HALF = "half"


@dataclass(frozen=True)
class Settings:
    """Repeats of the two folds, numbers of features, most rows, and who takes part."""

    repeats: int
    sizes: tuple[str, ...]
    max_rows: int
    contenders: tuple[str, ...]
    classifiers: tuple[str, ...]


@dataclass
class Case:
    """What a contender gave at one number of features: accuracies and seconds of each fold."""

    contender: str
    n_components: int
    accuracy: dict[str, list[float]]
    seconds: list[float] = field(default_factory=list)

    def mean_accuracy(self, classifier: str) -> float:
        """Give the mean over the folds."""
        return float(np.mean(self.accuracy[classifier]))

    def to_json(self) -> dict[str, Any]:
        """Give means over the folds, to four digits."""
        return asdict(self) | {
            "accuracy": {name: round(self.mean_accuracy(name), 4) for name in self.accuracy},
            "seconds": round(float(np.mean(self.seconds)), 4),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Case":
        """Read what `to_json` gave: as if there had been one fold."""
        accuracy = {name: [mean] for name, mean in content["accuracy"].items()}
        return cls(**content | {"accuracy": accuracy, "seconds": [content["seconds"]]})


@dataclass
class TableResult:
    """All cases of a table, and which number of features each size stands for."""

    table: str
    group: str
    n_rows: int
    n_features: int
    n_classes: int
    sizes: dict[str, int]
    cases: list[Case]

    def accuracy(self, contender: str, classifier: str, size: str) -> float:
        """Give the mean accuracy of a contender at a size; raw columns have one size."""
        return self._case(contender, size).mean_accuracy(classifier)

    def seconds(self, contender: str, size: str) -> float:
        """Give the mean time of a fit."""
        return float(np.mean(self._case(contender, size).seconds))

    def _case(self, contender: str, size: str) -> Case:
        return next(
            case
            for case in self.cases
            if case.contender == contender
            and (contender == RAW or case.n_components == self.sizes[size])
        )

    def to_json(self) -> dict[str, Any]:
        """Give everything, means over the folds in place of their values."""
        return asdict(self) | {"cases": [case.to_json() for case in self.cases]}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "TableResult":
        """Read what `to_json` gave."""
        return cls(**content | {"cases": [Case.from_json(case) for case in content["cases"]]})


def code_sizes(n_rows: int, n_features: int, sizes: Iterable[str]) -> dict[str, int]:
    """Give the sizes that are smaller than a row, and that PCA can have."""
    found = {size: n_features // 2 if size == HALF else int(size) for size in sizes}
    return {size: k for size, k in found.items() if 1 <= k < min(n_rows, n_features)}


def measure(table: str, settings: Settings) -> TableResult:
    """Measure all contenders on a table."""
    X, y = tables.load(table, settings.max_rows)
    n_rows, n_features = X.shape
    sizes = code_sizes(n_rows // 2, n_features, settings.sizes)
    group, n_classes = tables.group_of(table), len(np.unique(y))
    cases = [
        Case(name, k, {classifier: [] for classifier in settings.classifiers})
        for name in settings.contenders
        for k in ([n_features] if name == RAW else sorted(set(sizes.values())))
    ]
    folds = RepeatedStratifiedKFold(n_splits=2, n_repeats=settings.repeats, random_state=0)
    with machine.use_threads(1), threadpool_limits(1), warnings.catch_warnings():
        # How long a contender trains by default, and that its result is PCA: the figures tell.
        warnings.simplefilter("ignore")
        warm_up()
        for seed, (train, test) in enumerate(folds.split(X, y)):
            scaler = StandardScaler().fit(X[train])  # divides constant columns by 1
            X_train, X_test = scaler.transform(X[train]), scaler.transform(X[test])
            for case in cases if sizes else []:
                start = perf_counter()
                transform = CONTENDERS[case.contender](X_train, case.n_components, seed)
                case.seconds.append(perf_counter() - start)
                codes_train, codes_test = transform(X_train), transform(X_test)
                for name, accuracies in case.accuracy.items():
                    classifier = CLASSIFIERS[name](seed).fit(codes_train, y[train])
                    accuracies.append(float(classifier.score(codes_test, y[test])))
    return TableResult(table, group, n_rows, n_features, n_classes, sizes, cases if sizes else [])


@cache
def warm_up() -> None:
    """Load in this process what is loaded at first use: that is not the cost of a fit."""
    X = np.random.default_rng(0).standard_normal((20, 3), np.float32)
    for fit in CONTENDERS.values():
        fit(X, 1, 0)(X)
