"""What the processes of `test_distributed.py` run: each rank fits with its own rows and reports."""

import hashlib
import os
import time
import traceback
import warnings
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from scipy import sparse

# A fit imports these and _dynamo: once here, in the process that all ranks are forks of.
from sklearn import cluster, mixture  # noqa: F401
from skorch.callbacks import Callback
from torch import _dynamo, distributed  # noqa: F401

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae._dask.worker import LastEpoch, forget
from sklearn_ae._data import ranks as ranks_module
from sklearn_ae._data.ranks import Ranks, current_ranks
from sklearn_ae.distributed import all_ranks
from sklearn_ae.training import checkpoint as checkpoints

CUTS = {2: [0, 2000, 6000], 4: [0, 1000, 1000, 4500, 6000]}


def make_data(n_rows=6000, n_features=8):
    """Make rows, of which some are equal."""
    random = np.random.RandomState(0)
    codes = random.normal(size=(n_rows // 2, 3))
    X = np.tanh(codes @ random.normal(size=(3, n_features)))
    X += 0.1 * random.normal(size=X.shape)
    return np.concatenate([X, X[::-1]])


def make_wide():
    return sparse.csr_array(sparse.random(6000, 2100, 0.005, random_state=0))


def make(**parameters):
    defaults = {"n_components": 2, "hidden_layer_sizes": 16, "max_iter": 3, "random_state": 0}
    return AutoencoderTransformer(**(defaults | parameters))


def make_detector(**parameters):
    return AutoencoderOutlierDetector(**({"max_iter": 2, "random_state": 0} | parameters))


def digest(model):
    """Hash all that a fit decides."""
    state = hashlib.sha256()
    for tensor in model.net_.weights():
        state.update(tensor.numpy().tobytes())
    for name in ("loss_", "best_loss_", "loss_curve_", "offset_", "explained_variance_ratio_"):
        state.update(repr(getattr(model, name, None)).encode())
    return state.hexdigest()


def figures(model, X):
    return {
        "loss": model.loss_,
        "best_loss": model.best_loss_,
        "scores": np.asarray(model.score_samples(X[:50])).tolist(),
    }


def run(rank, size, folder, scenario):
    """Join the group and do what the scenario says; report what it returns."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    store = distributed.FileStore(str(folder / "store"), size)
    distributed.init_process_group(
        "gloo", store=store, rank=rank, world_size=size, timeout=timedelta(seconds=100)
    )
    try:
        report = globals()[scenario](rank, size, folder)
    except Exception:
        report = {"error": traceback.format_exc()}
    torch.save(report, folder / f"{rank}.pt")


def four_ranks(rank, size, folder):
    """One of the four has no rows."""
    own = slice(*CUTS[size][rank : rank + 2])
    with all_ranks():
        model = make().fit(make_data()[own])
    report = {"digest": digest(model), "loss": model.loss_}
    torch.save(report, folder / f"{rank}.pt")
    with patch.object(ranks_module, "_FEW", 0):
        return report | {"killed": killed(rank, make_data()[own], folder, dying=3)}


def two_ranks(rank, size, folder):
    X, own = make_data(), slice(*CUTS[size][rank : rank + 2])
    report = {}

    def add(name, model, part, all_rows, *, alone=True, **kwargs):
        with all_ranks():
            model.fit(part, **kwargs)
        report[name] = {"digest": digest(model), **figures(model, all_rows)}
        if alone and rank == 0:
            weights = {"sample_weight": weight} if kwargs else {}
            report[name]["alone"] = figures(model.fit(all_rows, **weights), all_rows)

    weight = np.random.RandomState(1).uniform(0.5, 2, len(X))
    weight[:5] = 0
    add("plain", make(), X[own], X)
    with counted() as sizes, all_ranks():
        make().fit(X[own])
    n_weights = sum(tensor.numel() for tensor in make().fit(X).net_.module_.parameters())
    report["reduced"] = {"sizes": sizes, "n_weights": n_weights}
    with patch.object(ranks_module, "_FEW", 0):
        add("sockets", make(), X[own], X)
    add("weighted", make(), X[own], X, sample_weight=weight[own])
    add("none", make(), X if rank == 1 else X[:0], X)
    add("few", make(max_iter="auto"), X[:90] if rank == 0 else X[90:200], X[:200])
    add("one batch", make(batch_size=10_000), X[own], X)
    add("seedless", make(random_state=None), X[own], X, alone=False)
    add("lbfgs", make(optimizer="lbfgs", learning_rate=1), X[own], X)
    add("variational", make(latent="variational"), X[own], X)
    modules = torch.nn.Linear(8, 2).double(), torch.nn.Linear(2, 8).double()  # others on each rank
    add("modules", make(architecture=modules, linear_path=None), X[own], X)
    add("salt", make(corruption="salt_and_pepper", loss="huber"), X[own], X)
    add("adversarial", make(latent="adversarial", max_iter=1), X[own], X, alone=False)
    add("denoising", make_detector(), X[own], X)
    add("sparse codes", make_detector(latent="sparse", early_stopping=True), X[own], X)
    wide = make_wide()
    add("wide", make(max_iter=1, batch_size=1000), wide[own], wide)
    stream = make()
    with all_ranks():
        for _ in range(2):
            stream.partial_fit(X[own])
    report["stream"] = {"digest": digest(stream)}
    report["further"] = further(make(warm_start=True, max_iter=1), X[own])
    report["errors"] = errors(rank, X[own])
    report["one rank"] = one_rank(rank, X)
    report["resumed"] = resumed(X[own], folder)
    report["goes on"] = goes_on(rank, X[own])
    torch.save(report, folder / f"{rank}.pt")
    report["killed"] = killed(rank, X[own], folder, dying=1)
    return report


def counted():
    """Count the numbers that are summed in each call."""
    sizes, sum_ = [], Ranks.sum_

    class Counted:
        def __enter__(self):
            def count(self, tensor):
                sizes.append(tensor.numel())
                return sum_(self, tensor)

            self.patch = patch.object(Ranks, "sum_", count)
            self.patch.start()
            return sizes

        def __exit__(self, *_):
            self.patch.stop()

    return Counted()


def further(model, part):
    with all_ranks():
        model.fit(part)
        model.fit(part * 1.01)
    return {"digest": digest(model), "n_iter": model.n_iter_}


def errors(rank, part):
    """Give what each rank raises."""

    class Watching(Callback):
        def on_batch_end(self, net, **kwargs):
            pass

    broken = part.copy()
    broken[3, 2] = np.nan
    cases = {
        "NaN on rank 1": (make(), broken if rank == 1 else part),
        "columns": (make(), part[:, rank:]),
        "types": (make(), part.astype(np.float32) if rank == 1 else part),
        "kinds": (make(), sparse.csr_array(part) if rank == 1 else part),
        "parameters": (make(max_iter=3 + rank), part),
        "too few": (make(), part[: 1 - rank]),
        "batches": (make(callbacks=[Watching()]), part),
    }
    raised = {}
    for name, (model, X) in cases.items():
        try:
            with all_ranks():
                model.fit(X)
        except ValueError as error:
            raised[name] = str(error)
    return raised


def one_rank(rank, X):
    group = distributed.new_group([0])
    if rank == 1:
        try:
            with all_ranks(group):
                pass
        except ValueError as error:
            return str(error)
    with all_ranks(group):
        return {**figures(make().fit(X), X), "alone": figures(make().fit(X), X)}


class Stop(Exception):  # noqa: N818
    pass


def resumed(part, folder):
    """Stop after the second epoch, and resume."""
    report, save = {}, checkpoints.Checkpoint.save
    for name, model in {"plain": make(), "variational": make(latent="variational")}.items():
        path = folder / f"{name}.checkpoint"

        def save_and_stop(self, n_epochs):
            save(self, n_epochs)
            if n_epochs == 2:
                distributed.barrier()
                raise Stop

        with all_ranks():
            expected = digest(model.fit(part))
        with patch.object(checkpoints, "SECONDS", 0):
            try:
                with all_ranks(), patch.object(checkpoints.Checkpoint, "save", save_and_stop):
                    model.fit(part, checkpoint=path)
            except Stop:
                was_kept = path.exists()
            with all_ranks():
                model.fit(part, checkpoint=path)
                distributed.barrier()
        report[name] = {
            "was_kept": was_kept,
            "is_same": digest(model) == expected,
            "is_removed": not path.exists(),
        }
    return report


def goes_on(rank, part):
    """Stop after the second epoch, and go on from what only the second rank remembers."""
    model, done, save = make(max_iter=5), [], LastEpoch.save

    def save_and_stop(self, n_epochs):
        save(self, n_epochs)
        done.append(n_epochs)
        if done == [1, 2]:
            distributed.barrier()
            raise Stop

    with all_ranks():
        expected = digest(model.fit(part))
    with patch.object(LastEpoch, "save", save_and_stop):
        for _ in range(2):
            with suppress(Stop), all_ranks():
                model.fit(part, checkpoint=LastEpoch("fit", current_ranks()))
            if rank == 0:
                forget("fit")
    return {"done": done, "is_same": digest(model) == expected}


def killed(rank, part, folder, *, dying):
    """Have a rank die in the second epoch."""
    path, save = folder / "killed.checkpoint", checkpoints.Checkpoint.save

    def save_and_die(self, n_epochs):
        save(self, n_epochs)
        if n_epochs == 2 and rank == dying:
            os._exit(1)

    start = time.monotonic()
    with patch.object(checkpoints, "SECONDS", 0), all_ranks():
        try:
            with patch.object(checkpoints.Checkpoint, "save", save_and_die):
                make().fit(part, checkpoint=path)
        except RuntimeError as error:
            seconds = time.monotonic() - start
            return {"error": str(error), "seconds": seconds, "kept": Path(path).exists()}
    return {}
