"""What has to be measured in a fresh process: memory and import."""

import multiprocessing
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from benchmarks import machine
from benchmarks.speed.cases import CASES, Case, make_problem
from benchmarks.speed.finding import Finding, Settings
from benchmarks.speed.rounds import interleave, ratio, seconds, use_threads
from benchmarks.variants.study import Aim
from sklearn_ae import AutoencoderTransformer

_EPOCHS = 2
_IMPORTS = {
    "sklearn_ae": "import sklearn_ae",
    "sklearn, torch and skorch": "import sklearn, torch, skorch",
}


def memory(settings: Settings) -> Finding:
    """Fit with the default linear path and the default early stopping."""
    case = CASES["A"]
    peaks = []
    for _ in range(settings.repetitions):
        with ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
        ) as processes:
            arguments = case, settings.device, settings.threads, settings.max_rows
            peaks.append(processes.submit(peak_of_fit, *arguments).result())
        settings.tick()
    grown, sizes = zip(*peaks, strict=True)
    lines = [
        {"": "the data", "MiB": sizes[0]},
        {
            "": "fit takes beside them",
            "MiB": float(np.median(grown)),
            "from": min(grown),
            "to": max(grown),
        },
    ]
    aims = [Aim("memory, share of the data", ratio(grown, sizes).median, "<=", 0.2)]
    title = "Memory: peak of a fit, network of A, linear path and early stopping by default"
    return Finding(title, lines, aims, raw={"peak_mib": grown, "data_mib": sizes})


def peak_of_fit(
    case: Case, device: torch.device, threads: int, max_rows: int | None
) -> tuple[float, float]:
    """Measure the memory that a fit takes beside the data.

    Parameters
    ----------
    case : Case
        What to fit.
    device : torch.device
        Where.
    threads : int
        Number of threads.
    max_rows : int or None
        Most training rows.

    Returns
    -------
    growth, size : float
        By how much the memory of the process grew, and the size of the data, in MiB.
    """
    warnings.simplefilter("ignore", ConvergenceWarning)  # so few epochs are too few
    X = make_problem(case, max_rows=max_rows).X
    estimator = AutoencoderTransformer(
        case.n_components,
        hidden_layer_sizes=case.hidden_layer_sizes,
        batch_size=case.batch_size,
        max_iter=_EPOCHS,
        device=device,
        random_state=0,
    )
    with use_threads(threads):
        estimator.fit(X[:1000])  # what is loaded at first use is not the cost of a fit
        with machine.peak_memory() as growth:
            estimator.fit(X)
    return growth[0], X.nbytes / 2**20


def importing(settings: Settings) -> Finding:
    """Import the package, beside what it is built on."""
    runs = {
        name: lambda _, code=code: seconds(partial(_python, code), torch.device("cpu"))
        for name, code in _IMPORTS.items()
    }
    interleave(runs, 1)  # from then on the files are in the system's cache
    found = interleave(runs, settings.repetitions, settings.tick)
    lines = [
        {"": name, "s": float(np.median(times)), "from": min(times), "to": max(times)}
        for name, times in found.items()
    ]
    aims = [Aim("time, ours / what it is built on", ratio(*found.values()).median, "<=", 1.03)]
    return Finding("Import: a fresh process, until it ends", lines, aims, raw=found)


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)
