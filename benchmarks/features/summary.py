"""What the tables say together: means, worst differences to PCA, ranks, and aims."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import ranks
from benchmarks.features.contenders import DENOISING, LINEAR, OURS, PCA, RAW
from benchmarks.features.measuring import HALF, Settings, TableResult
from benchmarks.report import Aim

# Up to so many numbers, features that are learned should be better than linear ones.
_FEW = 8
_GAIN, _MAX_LOSS, _MAX_LOSS_TO_RAW = 2.0, 2.0, 1.0


class Results:
    """Percentages of some tables, at each size of those that have it."""

    def __init__(self, measured: Sequence[TableResult], settings: Settings) -> None:
        self.settings = settings
        self._measured = [result for result in measured if result.sizes]

    def of_size(self, size: str) -> list[TableResult]:
        """Give the tables that have so many columns and rows."""
        return [result for result in self._measured if size in result.sizes]

    @property
    def sizes(self) -> list[str]:
        """Give the sizes that some tables have."""
        return [size for size in self.settings.sizes if self.of_size(size)]

    def accuracies(self, contender: str, classifier: str, size: str) -> np.ndarray:
        """Give a percentage for each table."""
        found = [it.accuracy(contender, classifier, size) for it in self.of_size(size)]
        return 100 * np.array(found)

    def differences(self, contender: str, classifier: str, size: str) -> np.ndarray:
        """Give the percentage points by which a contender is better than PCA on each table."""
        pca = self.accuracies(PCA, classifier, size)
        return self.accuracies(contender, classifier, size) - pca

    def ranks(self, classifier: str, size: str | None = None) -> np.ndarray:
        """Rank the contenders on each table: at a size, or by their mean over the sizes."""
        contenders = self.settings.contenders
        if size is not None:
            return ranks.rank(
                np.array([self.accuracies(name, classifier, size) for name in contenders])
            )
        means = [
            [
                np.mean([it.accuracy(name, classifier, size) for size in it.sizes])
                for name in contenders
            ]
            for it in self._measured
        ]
        # Two means of the same numbers may differ by a rounding.
        return ranks.rank(np.round(means, 9).T)

    def lines(self, classifier: str) -> list[dict[str, Any]]:
        """Give a line for each size and contender."""
        found = []
        for size in self.sizes:
            tables = [it.table for it in self.of_size(size)]
            mean_ranks = self.ranks(classifier, size).mean(axis=1)
            for name, rank in zip(self.settings.contenders, mean_ranks, strict=True):
                differences = self.differences(name, classifier, size)
                worst = int(differences.argmin())
                seconds = [it.seconds(name, size) for it in self.of_size(size)]
                found.append(
                    {
                        "numbers": size,
                        "tables": len(tables),
                        "": name,
                        "accuracy": round(float(self.accuracies(name, classifier, size).mean()), 2),
                        "to PCA": round(float(differences.mean()), 2),
                        "worst": round(float(differences[worst]), 2),
                        "at": tables[worst] if differences[worst] < 0 else "",
                        "rank": round(float(rank), 2),
                        "s": round(float(np.mean(seconds)), 4),
                    }
                )
        return found

    def friedman(self, classifier: str) -> float:
        """Give the probability of such ranks if all contenders are equal."""
        return ranks.friedman_p_value(self.ranks(classifier))

    def n_tables(self) -> int:
        """Give the number of tables."""
        return len(self._measured)


def aims(results: Results) -> list[Aim]:
    """Compare codes with PCA and raw columns, behind the linear classifier."""
    taking_part = results.settings.contenders
    if LINEAR not in results.settings.classifiers:
        return []
    found = []
    for size in results.sizes:
        where = f"{HALF} the columns" if size == HALF else f"{size} numbers"
        if OURS in taking_part:
            lead = results.differences(OURS, LINEAR, size)
            found += [
                Aim(f"{OURS}, {where}: points above {PCA}", lead.mean(), ">=", 0.0),
                Aim(f"{OURS}, {where}: worst table", lead.min(), ">=", -_MAX_LOSS),
            ]
        if DENOISING in taking_part and size != HALF and int(size) <= _FEW:
            lead = results.differences(DENOISING, LINEAR, size)
            text = f"{DENOISING}, {where}: points above {PCA}"
            found.append(Aim(text, lead.mean(), ">=", _GAIN))
        if {DENOISING, RAW} <= set(taking_part) and size == HALF:
            accuracies = [results.accuracies(name, LINEAR, size) for name in (DENOISING, RAW)]
            text = f"{DENOISING}, {where}: points above {RAW}"
            lead = np.subtract(*accuracies)
            found.append(Aim(text, lead.mean(), ">=", -_MAX_LOSS_TO_RAW))
    return found
