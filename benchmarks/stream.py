"""Compare training on files larger than memory with training on the same rows in memory.

Files of random rows of 30 columns are generated in a temporary folder. Each fit runs in a process
of its own, whose peak memory is that of everything: Python, PyTorch, the network and the rows.
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn import config_context

from benchmarks import machine, report
from benchmarks.options import add_choice, add_number, add_output, check_positive
from sklearn_ae import AutoencoderTransformer

N_COLUMNS, N_LATENT, NOISE, N_TEST_ROWS = 30, 6, 0.1, 100_000
BLOCK_ROWS = 2**20  # the row groups of Parquet, too
FORMATS = ("memmap", "parquet")
# A small network for the large file: reading takes its share of the time, and memory is measured.
LARGE = {"hidden_layer_sizes": (64,), "batch_size": 4096}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_choice(parser, "--parts", ("compare", "large"))
    add_choice(parser, "--formats", FORMATS)
    add_number(parser, "--rows", "rows of the part compare", 2_000_000)
    add_number(parser, "--large", "rows of the part large, 19 GB by default", 160_000_000)
    add_number(parser, "--epochs", "epochs of each fit", 1)
    add_number(parser, "--seeds", "number of fits of each kind", 2)
    parser.add_argument("--folder", type=Path, help="where the files are written for a while")
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure, print tables and save a JSON file."""
    check_positive(options, "rows", "large", "epochs", "seeds")
    console = report.make_console()
    header = {
        "command": "python -m benchmarks stream",
        "machine": machine.describe(),
        "epochs": options.epochs,
    }
    file = options.output / "stream.json"
    measured = []
    if "compare" in options.parts:
        measured.append((f"compare, {options.rows:,} rows", compare))
    if "large" in options.parts:
        measured += [(f"large {kind}", partial(measure_large, kind)) for kind in options.formats]
    for name, measure in measured:
        found = measure(options)
        console.print(report.show(name, found))
        # After each one: what follows takes long.
        report.merge(file, header, "parts", {name: found.to_json()})
    console.print(f"\nSaved: {file}")


def compare(options: argparse.Namespace) -> report.Result:
    """Compare an epoch and the error of new rows, in memory and from shuffled and sorted files."""
    measured: dict[str, list[dict[str, float]]] = {}
    # Half a file: rows in memory may be larger, and a file is read in several buffers.
    memory = options.rows * N_COLUMNS * 4 / 2**21
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        files = {"in memory": ("memory", write_memmap(Path(folder), options.rows))}
        for kind in options.formats:
            for is_sorted in (False, True):
                name = f"{kind}, {'sorted' if is_sorted else 'shuffled'}"
                files[name] = kind, write(kind, Path(folder), options.rows, is_sorted)
        for seed in range(options.seeds):
            for name, (kind, file) in files.items():
                parameters = {"max_iter": options.epochs, "random_state": seed}
                found = in_process(fit, kind, file, options.rows, parameters, memory)
                measured.setdefault(name, []).append(found)
    lines: list[dict[str, Any]] = []
    aims = []
    in_memory = measured["in memory"]
    for name, of_seeds in measured.items():
        line = {key: float(np.median([each[key] for each in of_seeds])) for key in of_seeds[0]}
        pairs = list(zip(of_seeds, in_memory, strict=True))
        ratios = [a["epoch, s"] / b["epoch, s"] for a, b in pairs]
        line["epoch / in memory"] = float(np.median(ratios))
        means = (np.mean([each["error"] for each in fits]) for fits in (of_seeds, in_memory))
        line["error / in memory"] = float(np.divide(*means))
        lines.append({"": name} | line)
        if name != "in memory":
            aims.append(report.Aim(f"{name}: epoch", line["epoch / in memory"], "<=", 1.3))
            if line["warns"]:  # which is an answer, too
                aims.append(report.Aim(f"{name}: warns", line["warns"], ">=", 1))
            else:
                excess = line["error / in memory"] - 1
                bound = 0.03 if name.endswith("sorted") else 0.01
                aims.append(report.Aim(f"{name}: excess error", excess, "<=", bound))
    settings = (
        f"{options.rows:,} rows x {N_COLUMNS}, float32, working memory {memory:.4g} MiB, seeds: "
        f"{options.seeds}"
    )
    return report.Result(settings, lines, aims)


def measure_large(kind: str, options: argparse.Namespace) -> report.Result:
    """Measure memory and time of a fit on a large file."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        file = write(kind, Path(folder), options.large)
        parameters = {"max_iter": options.epochs, "random_state": 0, "verbose": 1, **LARGE}
        found = in_process(fit, kind, file, options.large, parameters)
        size = file.stat().st_size / 1e9
    aim = report.Aim("peak memory, MB", found["peak, MB"], "<=", 1500)
    settings = f"{options.large:,} rows x {N_COLUMNS}, float32, {LARGE}"
    return report.Result(settings, [{"": kind, "file, GB": size} | found], [aim])


def in_process(function: Any, *arguments: Any) -> Any:
    """Call a function in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def fit(
    kind: str, file: Path, n_rows: int, parameters: dict[str, Any], memory: float = 1024
) -> dict[str, float]:
    """Fit to a file, and measure."""
    start = perf_counter()
    recording = warnings.catch_warnings(record=True)
    with recording as caught, config_context(working_memory=memory):
        warnings.simplefilter("always")
        fitted = AutoencoderTransformer(N_LATENT, **parameters).fit(read(kind, file, n_rows))
    seconds = perf_counter() - start
    peak = machine.peak_mib() * 2**20 / 1e6
    epochs = [epoch["dur"] for epoch in fitted.net_.history]
    with warnings.catch_warnings(action="ignore"):  # rows without names
        error = -fitted.score(next(make_rows(N_TEST_ROWS, seed=1)))
    return {
        "epoch, s": min(epochs),
        "fit, s": seconds,
        "peak, MB": peak,
        "error": error,
        "warns": sum("sorted" in str(each.message) for each in caught),
    }


def read(kind: str, file: Path, n_rows: int) -> Any:
    """Give what is fitted: the rows in memory, a memmap or a dataset."""
    if kind == "parquet":
        import pyarrow.dataset

        return pyarrow.dataset.dataset(file)
    if kind == "memory":
        return np.fromfile(file, np.float32).reshape(n_rows, N_COLUMNS)
    return np.memmap(file, np.float32, "r", shape=(n_rows, N_COLUMNS))


def write(kind: str, folder: Path, n_rows: int, is_sorted: bool = False) -> Path:
    """Write a file of random rows."""
    writer = write_memmap if kind == "memmap" else write_parquet
    return writer(folder, n_rows, is_sorted)


def write_memmap(folder: Path, n_rows: int, is_sorted: bool = False) -> Path:
    """Write rows one after the other."""
    file = folder / f"rows-{is_sorted}.f32"
    with open(file, "wb") as opened:
        for block in blocks(n_rows, is_sorted):
            block.tofile(opened)
    return file


def write_parquet(folder: Path, n_rows: int, is_sorted: bool = False) -> Path:
    """Write rows in row groups of the usual size."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    file = folder / f"rows-{is_sorted}.parquet"
    names = [f"x{number}" for number in range(N_COLUMNS)]
    with ParquetWriter(file, pa.schema([(name, pa.float32()) for name in names])) as writer:
        for block in blocks(n_rows, is_sorted):
            writer.write_table(pa.table(dict(zip(names, block.T.copy(), strict=True))))
    return file


def blocks(n_rows: int, is_sorted: bool) -> Iterator[np.ndarray]:
    """Give random rows a block at a time; sorted rows are all in memory for that."""
    if not is_sorted:
        yield from make_rows(n_rows)
        return
    rows = np.concatenate(list(make_rows(n_rows)))
    rows = rows[np.argsort(rows[:, 0])]
    yield from (rows[i : i + BLOCK_ROWS] for i in range(0, n_rows, BLOCK_ROWS))


def make_rows(n_rows: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Make rows near a curved surface, with noise, a block at a time."""
    directions = np.random.default_rng(0).normal(size=(2 * N_LATENT, N_COLUMNS))
    directions = directions.astype(np.float32)
    rng = np.random.default_rng([seed, 1])
    for start in range(0, n_rows, BLOCK_ROWS):
        size = min(BLOCK_ROWS, n_rows - start)
        latent = rng.standard_normal((size, N_LATENT), np.float32)
        rows = np.concatenate([np.tanh(latent), np.sin(2 * latent)], axis=1) @ directions
        rows += NOISE * rng.standard_normal(rows.shape, np.float32)
        yield rows
