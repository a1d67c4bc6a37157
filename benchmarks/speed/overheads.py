"""What is around the arithmetic: set-up, tiny data, principal components, single rows."""

from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from benchmarks.speed.cases import CASES, make_problem
from benchmarks.speed.contenders import Stopwatch, autoencoder
from benchmarks.speed.finding import Finding, Settings
from benchmarks.speed.rounds import interleave, now, ratio, seconds
from benchmarks.variants.study import Aim
from sklearn_ae import AutoencoderTransformer

_TINY_HIDDEN = (16, 8)
_TINY_EPOCHS = 50
# A tiny fit takes little time, and varies the more.
_TINY_REPETITIONS = 4
_N_CALLS = 200  # of a single row in each round


def tiny(settings: Settings) -> Finding:
    """Fit wine, 178 rows of 13 columns: all that is not arithmetic shows."""
    X = StandardScaler().fit_transform(load_wine().data)
    cpu = torch.device("cpu")

    def fit(seed: int) -> tuple[float, float, float]:
        stopwatch = Stopwatch(cpu)
        estimator = AutoencoderTransformer(
            2,
            hidden_layer_sizes=_TINY_HIDDEN,
            optimizer="adam",
            batch_size=32,
            max_iter=_TINY_EPOCHS,
            n_iter_no_change=None,
            device=cpu,
            callbacks=[stopwatch],
            random_state=seed,
        )
        start = now(cpu)
        estimator.fit(X)
        end = now(cpu)
        return end - start, stopwatch.begin - start, float(np.median(stopwatch.seconds[1:]))

    def fit_mlp(seed: int) -> float:
        regressor = MLPRegressor(
            hidden_layer_sizes=(*_TINY_HIDDEN, 2, *reversed(_TINY_HIDDEN)),
            batch_size=32,
            max_iter=_TINY_EPOCHS,
            tol=0,
            n_iter_no_change=10**6,
            random_state=seed,
        )
        return seconds(lambda: regressor.fit(X, X), cpu)

    runs: dict[str, Any] = {"ours": fit, "MLPRegressor": fit_mlp}
    interleave(runs, 1)  # what is loaded at first use is not the cost of a fit
    found = interleave(runs, _TINY_REPETITIONS * settings.repetitions, settings.tick)
    totals, set_up, epochs = (list(each) for each in zip(*found["ours"], strict=True))
    times = {"ours": totals, "MLPRegressor": found["MLPRegressor"]}
    of_mlp = ratio(times["ours"], times["MLPRegressor"])
    lines = [
        _line("ours, 50 epochs", times["ours"], 1e3, "ms"),
        _line("MLPRegressor, 50 epochs", times["MLPRegressor"], 1e3, "ms"),
        _line("ours, until the first epoch", set_up, 1e3, "ms"),
        _line("ours, an epoch", epochs, 1e3, "ms"),
    ]
    aims = [
        Aim("time, ours / MLPRegressor", of_mlp.median, "<=", 1.5),
        Aim("set-up, in ms", float(np.median(set_up)) * 1e3, "<", 5),
    ]
    raw = {"fit": times, "set_up": set_up, "epoch": epochs}
    title = "Tiny data: wine, 178 rows, 13-16-8-2, batches of 32, everything included"
    return Finding(title, lines, aims, raw=raw)


def transform(settings: Settings) -> Finding:
    """Encode many rows, and one."""
    problem = make_problem(CASES["A"], max_rows=settings.max_rows)
    X, row = problem.X, problem.X[:1]
    device, some = settings.device, slice(1000)
    estimator = autoencoder(problem, device, 1, 0, linear_path=None).fit(X[some])
    pca = PCA(min(problem.case.n_components, *X[some].shape), random_state=0).fit(X[some])
    encoder = estimator.net_.module_.encoder

    @torch.inference_mode()
    def encode() -> np.ndarray:
        return encoder(torch.from_numpy(X).to(device)).cpu().numpy()

    one_row = {
        "one row, ours": partial(estimator.transform, row),
        "one row, PCA": partial(pca.transform, row),
    }
    runs = {
        "all rows, ours": lambda _: seconds(lambda: estimator.transform(X), device),
        "all rows, bare encoder": lambda _: seconds(encode, device),
    } | {
        name: lambda _, call=call: seconds(call, device, _N_CALLS) for name, call in one_row.items()
    }
    interleave(runs, 1)
    found = interleave(runs, 2 * settings.repetitions, settings.tick)
    lines = [_line(name, times, 1e3, "ms") for name, times in found.items()]
    many, one = (ratio(found[a], found[b]).median for a, b in (list(found)[:2], list(found)[2:]))
    aims = [
        Aim("all rows, ours / bare encoder", many, "<=", 1.05),
        Aim("one row, ours / PCA", one, "<=", 2),
    ]
    title = f"Transform: network of A, {len(X):,} {problem.source}"
    return Finding(title, lines, aims, raw=found)


def components(settings: Settings) -> Finding:
    """Find the principal components, where the linear path starts."""
    problem = make_problem(CASES["A"], activation=settings.activation, max_rows=settings.max_rows)

    def fit(linear_path: str | None, seed: int) -> tuple[float, float]:
        stopwatch = Stopwatch(settings.device)
        estimator = autoencoder(
            problem, settings.device, 2, seed, linear_path=linear_path, callbacks=[stopwatch]
        )
        start = now(settings.device)
        estimator.fit(problem.X)
        return stopwatch.begin - start, stopwatch.seconds[1]

    runs = {"pca": partial(fit, "pca"), "plain": partial(fit, None)}
    found = interleave(runs, settings.repetitions, settings.tick)
    set_up = {name: [begin for begin, _ in rounds] for name, rounds in found.items()}
    epochs = [epoch for _, epoch in found["plain"]]
    takes = np.subtract(set_up["pca"], set_up["plain"])
    lines = [
        _line("set-up with linear path", set_up["pca"], 1, "s"),
        _line("set-up without", set_up["plain"], 1, "s"),
        _line("an epoch without", epochs, 1, "s"),
    ]
    aims = [Aim("principal components, in epochs", ratio(takes, epochs).median, "<=", 1)]
    title = f"Principal components: network of A, {len(problem.X):,} {problem.source}"
    return Finding(title, lines, aims, raw={"set_up": set_up, "epoch": epochs})


def _line(name: str, times: list[float], factor: float, unit: str) -> dict[str, Any]:
    times = np.multiply(times, factor)
    return {
        "": name,
        unit: float(np.median(times)),
        "from": float(times.min()),
        "to": float(times.max()),
    }
