"""Measure what ranks save: two of them on two cores beside one process on one core.

The network is that of case A of the speed benchmark, 784-128-64-32 with batches of 128 rows. Each
rank has half the rows and, in each step, about 128 rows of a batch of 256.
"""

import argparse
import multiprocessing
import tempfile
import warnings
from contextlib import nullcontext
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import distributed

from benchmarks import machine, report
from benchmarks.options import add_number, add_output, check_positive
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.distributed import all_ranks

_N_FEATURES, _HIDDEN, _N_COMPONENTS = 784, (128, 64), 32
# Name, number of ranks, rows in a batch of all ranks.
_RUNS = (
    ("one process", 1, 128),
    ("one process, batches of two", 1, 256),
    ("two ranks", 2, 256),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_number(parser, "--rows", "rows", 6400)
    add_number(parser, "--epochs", "epochs of each fit", 30)
    add_number(parser, "--rounds", "fits of each kind, of which the fastest epoch counts", 3)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure all runs in turn; print the table and save JSON."""
    check_positive(options, "rows", "epochs", "rounds")
    seconds: dict[str, list[float]] = {name: [] for name, *_ in _RUNS}
    processor: dict[str, list[float]] = {name: [] for name, *_ in _RUNS}
    losses: dict[str, float] = {}
    for _ in track(range(options.rounds), "Fitting", console=report.make_console()):
        for name, n_ranks, batch_size in _RUNS:
            found = _fit(n_ranks, batch_size, options.rows, options.epochs)
            seconds[name] += found[0]
            processor[name].append(found[1])
            losses[name] = found[2]
    best = {name: min(each) for name, each in seconds.items()}
    alone, doubled, ranks = (name for name, *_ in _RUNS)
    lines = [
        {
            "": name,
            "ranks": n_ranks,
            "batch": batch_size,
            "s an epoch": best[name],
            "rows a second": options.rows / best[name],
            "share": best[name] / best[alone],
            "processor s a rank": min(processor[name]),
            "share of it": min(processor[name]) / min(processor[alone]),
        }
        for name, n_ranks, batch_size in _RUNS
    ]
    difference = abs(losses[ranks] / losses[doubled] - 1)
    result = report.Result(
        f"{options.rows} rows of {_N_FEATURES} columns, float32, one thread a process; the fastest "
        f"of {options.rounds} x {options.epochs} epochs.",
        lines,
        [
            report.Aim("time of two ranks / one process", best[ranks] / best[alone], "<=", 0.6),
            report.Aim("loss of two ranks / one process, minus 1", difference, "<=", 1e-4),
        ],
        notes=["Processor time tells more where other programs take a part of the two cores."],
        raw={"seconds": seconds, "processor seconds": processor, "losses": losses},
    )
    console = report.make_console()
    console.print(report.show("Two ranks on two cores", result))
    header = {"command": "python -m benchmarks distributed", "machine": machine.describe()}
    file = options.output / "distributed.json"
    report.save(file, header | result.to_json())
    console.print(f"\nSaved to {file}.")


def _fit(
    n_ranks: int, batch_size: int, n_rows: int, n_epochs: int
) -> tuple[list[float], float, float]:
    """Fit in new processes.

    Give the seconds of each epoch, the mean processor time of one, and the loss at the end.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        results = context.SimpleQueue()
        arguments = (n_ranks, Path(folder), batch_size, n_rows, n_epochs, results)
        processes = [
            context.Process(target=_fit_rank, args=(rank, *arguments)) for rank in range(n_ranks)
        ]
        for process in processes:
            process.start()
        result = results.get()
        for process in processes:
            process.join()
    return result


def _fit_rank(
    rank: int, n_ranks: int, folder: Path, batch_size: int, n_rows: int, n_epochs: int, results: Any
) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X = np.random.default_rng(0).random((n_rows, _N_FEATURES), dtype=np.float32)
    model = AutoencoderTransformer(
        n_components=_N_COMPONENTS,
        hidden_layer_sizes=_HIDDEN,
        batch_size=batch_size,
        max_iter=n_epochs,
        early_stopping=False,
        random_state=0,
    )
    if n_ranks > 1:
        store = distributed.FileStore(str(folder / "store"), n_ranks)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=n_ranks)
    own = X[n_rows * rank // n_ranks : n_rows * (rank + 1) // n_ranks]
    used = []
    with all_ranks() if n_ranks > 1 else nullcontext():
        # The first imports much; the second has all that is not an epoch.
        for max_iter in (1, 1, n_epochs):
            start = process_time()
            model.set_params(max_iter=max_iter).fit(own)
            used.append(process_time() - start)
    of_epoch = (used[2] - used[1]) / max(1, n_epochs - 1)
    if rank == 0:
        results.put(([epoch["dur"] for epoch in model.net_.history], of_epoch, model.loss_))
