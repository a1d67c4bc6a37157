"""A fit that is killed goes on from its checkpoint, to the same result bit for bit."""

import hashlib
import io
import multiprocessing
import os
import random
import signal
import time
from fractions import Fraction

import numpy as np
import pytest
import sklearn
import skorch.callbacks
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.latents import Variational
from sklearn_ae.training import checkpoint
from tests.common.instances import instances, outputs

pytest.importorskip("sklearn.callback", reason="its callbacks end the fits: scikit-learn 1.9")

rng = np.random.default_rng(0)
t = rng.uniform(-1, 1, (600, 1))
# Points near a curve.
X = np.hstack([t, t**2, np.sin(3 * t), np.cos(3 * t), t**3, t * np.cos(3 * t), t**4, t**5, -t])
X += rng.normal(scale=0.01, size=X.shape)
few = X[:120]


@pytest.fixture(autouse=True)
def save_every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.checkpoint"


def make(estimator=AutoencoderTransformer, **parameters):
    return estimator(**{"n_components": 2, "max_iter": 6, "random_state": 0} | parameters)


def assert_same_fit(resumed, whole, X):
    for name, values in outputs(whole, X).items():
        np.testing.assert_array_equal(getattr(resumed, name)(X), values, name)
    assert resumed.loss_curve_ == whole.loss_curve_
    assert resumed.validation_curve_ == whole.validation_curve_
    assert (resumed.initial_loss_, resumed.best_loss_) == (whole.initial_loss_, whole.best_loss_)
    courses = [
        [{name: value for name, value in epoch.items() if name != "dur"} for epoch in net.history]
        for net in (resumed.net_, whole.net_)
    ]
    assert courses[0] == courses[1]
    assert resumed.net_.gradients_ == whole.net_.gradients_
    assert checkpoint.digest(*resumed.net_.weights()) == checkpoint.digest(*whole.net_.weights())


# --- killed --------------------------------------------------------------------------------------

TO_KILL = {
    # Its validation rows become training rows after the first kill.
    "transformer": (make(n_components=1, hidden_layer_sizes=(16,), max_iter="auto"), 40),
    "detector": (make(AutoencoderOutlierDetector, hidden_layer_sizes=(16,), max_iter=30), 24),
    "variational": (
        make(latent=Variational(warm_up=20), max_iter=30, dropout=0.1, early_stopping=True),
        24,
    ),
}


class Waiting:
    """Waits to be killed once some epochs are done: a process is never too fast for that."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == self.n_epochs:
            time.sleep(3600)

    def on_fit_task_end(self, estimator, context):
        pass


def fit_until_killed(name, path, n_epochs):
    torch.set_num_threads(1)
    checkpoint.SECONDS = 0.0
    estimator = clone(TO_KILL[name][0]).set_callbacks(Waiting(n_epochs))
    estimator.fit(X, checkpoint=path)


def processes():
    context = multiprocessing.get_context("forkserver")
    # Once for all processes, with what a fit imports.
    context.set_forkserver_preload([__name__, "torch._dynamo", "sklearn.cluster"])
    return context


def n_epochs_saved(path):
    return checkpoint.read(path)["n_epochs"] if path.exists() else 0


needs_sigkill = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")


@needs_sigkill
@pytest.mark.parametrize("name", TO_KILL)
def test_fit_goes_on_after_each_of_three_kills(name, path):
    estimator, n_epochs = TO_KILL[name]
    draw = random.Random(name)
    moments = sorted(draw.sample(range(1, n_epochs), 3))
    for moment in moments:
        n_before = n_epochs_saved(path)
        moment = max(moment, n_before + 1)
        process = processes().Process(
            target=fit_until_killed, args=(name, path, moment - n_before + 3)
        )
        process.start()
        while process.is_alive() and n_epochs_saved(path) < moment:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.02))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert moment <= n_epochs_saved(path) <= moment + 3
    resumed = clone(estimator).fit(X, checkpoint=path)
    assert_same_fit(resumed, clone(estimator).fit(X), X)
    assert list(path.parent.iterdir()) == []
    if name == "transformer":
        assert moments[0] < len(resumed.validation_curve_) < moments[1]


def fit_until_killed_at_a_rename(path, n_saves):
    torch.set_num_threads(1)
    checkpoint.SECONDS, rename = 0.0, os.replace

    def kill(*args):
        if n_epochs_saved(path) == n_saves:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*args)

    os.replace = kill
    clone(TO_KILL["variational"][0]).fit(few, checkpoint=path)


@needs_sigkill
def test_kill_within_a_save_leaves_the_one_before(path):
    process = processes().Process(target=fit_until_killed_at_a_rename, args=(path, 3))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert n_epochs_saved(path) == 3
    assert len(list(path.parent.iterdir())) == 2
    estimator = TO_KILL["variational"][0]
    resumed = clone(estimator).fit(few, checkpoint=path)
    assert_same_fit(resumed, clone(estimator).fit(few), few)
    assert list(path.parent.iterdir()) == []


# --- every configuration -------------------------------------------------------------------------


class StopError(Exception):
    pass


class Failing(Waiting):
    """Ends a fit by an error, which leaves the checkpoint as a kill does."""

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == self.n_epochs:
            raise StopError


class Interrupting(Waiting):
    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == self.n_epochs:
            raise KeyboardInterrupt


def fit_in_part(estimator, X, path, n_epochs=2, **fit_params):
    with pytest.raises(StopError):
        clone(estimator).set_callbacks(Failing(n_epochs)).fit(X, checkpoint=path, **fit_params)
    assert n_epochs_saved(path) == n_epochs


def assert_resumes(estimator, X, path, n_epochs=2, **fit_params):
    fit_in_part(estimator, X, path, n_epochs, **fit_params)
    resumed = clone(estimator).fit(X, checkpoint=path, **fit_params)
    assert_same_fit(resumed, clone(estimator).fit(X, **fit_params), X)
    assert not path.exists()


@pytest.mark.parametrize("estimator", instances(), ids=str)
def test_every_configuration_resumes(estimator, path):
    max_iter = {} if estimator.max_iter == "auto" else {"max_iter": 4}
    assert_resumes(estimator.set_params(random_state=0, **max_iter), few, path)


@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer": "lbfgs", "learning_rate": 1, "hidden_layer_sizes": (4,)},
        {"optimizer": "rmsprop"},
        {"optimizer": torch.optim.RAdam, "weight_decay": 0.0},
        {"learning_rate_schedule": "reduce_on_plateau", "learning_rate": 0.5},
        {"learning_rate_schedule": "step", "latent": "noisy"},
        {"max_grad_norm": 0.01, "optimizer": "adam"},
        # Patience, which ends the training after 16 epochs.
        {
            "n_iter_no_change": 4,
            "tol": np.float64(0.1),
            "early_stopping": True,
            "learning_rate_schedule": "constant",
            "max_iter": 60,
        },
        # The best epoch is before the kill.
        {
            "n_components": 1,
            "learning_rate": 0.1,
            "learning_rate_schedule": "constant",
            "weight_decay": 0.0,
            "max_iter": 14,
        },
        {"batch_size": 7, "precision": "float64", "corruption": "masking"},
        {"callbacks": [skorch.callbacks.GradientNormClipping(0.1)]},
    ],
    ids=",".join,
)
def test_state_of_every_part_is_kept(parameters, path):
    assert_resumes(make(**{"max_iter": 16} | parameters), few, path, n_epochs=13)


@pytest.mark.parametrize("max_iter", ["auto", 20])
def test_weights_sparse_rows_and_wide_data(max_iter, path):
    weight = rng.integers(1, 3, len(few)).astype(float)
    assert_resumes(make(max_iter=max_iter), few, path, sample_weight=weight)
    assert_resumes(make(max_iter=max_iter), sparse.csr_array(few), path)
    wide = few @ rng.normal(size=(9, 2001))
    assert_resumes(make(max_iter=max_iter), wide.astype(np.float32), path)


def test_warm_start_resumes(path):
    first = {"max_iter": 3, "warm_start": True}
    whole, killed, resumed = (make(**first).fit(few) for _ in range(3))
    whole.set_params(max_iter=6).fit(few)
    with pytest.raises(StopError):
        killed.set_params(max_iter=6).set_callbacks(Failing(2)).fit(few, checkpoint=path)
    resumed.set_params(max_iter=6).fit(few, checkpoint=path)
    assert resumed.n_iter_ == 9
    assert_same_fit(resumed, whole, few)


def test_seed_is_that_of_the_killed_fit(path):
    estimator = make(random_state=None)
    fit_in_part(estimator, few, path)
    saved = checkpoint.read(path)["fingerprint"]["random_state"]
    resumed = clone(estimator).fit(few, checkpoint=path)
    assert_same_fit(resumed, make(random_state=int(saved)).fit(few), few)


def test_callbacks_see_the_epochs_that_are_run(path):
    class Counter(skorch.callbacks.Callback):
        n_epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.n_epochs += 1
            net.history.record("own", np.float32(self.n_epochs))

    fit_in_part(make(callbacks=[Counter()]), few, path)
    counter = Counter()
    resumed = make(callbacks=[counter]).fit(few, checkpoint=path)
    assert counter.n_epochs == 4
    assert resumed.net_.history[:, "own"] == [1, 2, 1, 2, 3, 4]


def test_interrupted_fit_keeps_the_best_weights_and_the_file(path):
    interrupted = make().set_callbacks(Interrupting(4))
    with pytest.warns(UserWarning, match="interrupt"):
        interrupted.fit(few, checkpoint=path)
    assert interrupted.n_iter_ == 4
    assert_same_fit(make().fit(few, checkpoint=path), make().fit(few), few)


def test_no_file_without_need(path, monkeypatch):
    make().fit(few, checkpoint=str(path))
    assert not path.exists()
    monkeypatch.setattr(checkpoint, "SECONDS", 3600.0)
    with pytest.raises(StopError):
        make().set_callbacks(Failing(2)).fit(few, checkpoint=path)
    assert not path.exists()


@pytest.mark.parametrize("routed", [True, False])
def test_within_a_pipeline(routed, path):
    whole = make_pipeline(StandardScaler(), make()).fit(few)
    fit_in_part(make(), StandardScaler().fit_transform(few), path)
    with sklearn.config_context(enable_metadata_routing=routed):
        pipeline = make_pipeline(StandardScaler(), make())
        if routed:
            pipeline[-1].set_fit_request(checkpoint=True)
            pipeline.fit(few, checkpoint=path)
        else:
            pipeline.fit(few, autoencodertransformer__checkpoint=path)
    np.testing.assert_array_equal(pipeline.transform(few), whole.transform(few))
    assert not path.exists()


# --- other fits, and what is no checkpoint -------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda: make(max_iter=7).fit(few, checkpoint="fit"), "max_iter, plan"),
        (lambda: make(learning_rate=0.1).fit(few, checkpoint="fit"), "learning_rate, plan"),
        (lambda: make(random_state=1).fit(few, checkpoint="fit"), "random_state"),
        (lambda: make(latent=Variational(beta=3)).fit(few, checkpoint="fit"), "latent__beta"),
        (lambda: make(loss=own_loss).fit(few, checkpoint="fit"), "loss"),
        (lambda: make().fit(few + 1e-9, checkpoint="fit"), "X"),
        (lambda: make().fit(few.astype(np.float32), checkpoint="fit"), "X"),
        (lambda: make().fit(few, sample_weight=t[:120, 0] + 1, checkpoint="fit"), "sample_weight"),
        (
            lambda: make(AutoencoderOutlierDetector).fit(few, checkpoint="fit"),
            "class",
        ),
    ],
)
def test_checkpoint_of_another_fit(change, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit_in_part(make(latent=Variational()) if "latent" in named else make(), few, tmp_path / "fit")
    before = (tmp_path / "fit").read_bytes()
    with pytest.raises(ValueError, match=f"'fit' is of another fit, .* in (.*, )?{named}[:,]"):
        change()
    assert (tmp_path / "fit").read_bytes() == before


def own_loss(output, target):
    return (output - target).square()


def test_network_of_ones_own_with_other_weights(path):
    def modules():
        return torch.nn.Linear(9, 2), torch.nn.Linear(2, 9)

    fit_in_part(make(architecture=modules(), linear_path=None), few, path)
    with pytest.raises(ValueError, match="differs in initial weights"):
        make(architecture=modules(), linear_path=None).fit(few, checkpoint=path)


def test_checkpoint_of_another_version(path, monkeypatch):
    fit_in_part(make(), few, path)
    monkeypatch.setattr(checkpoint, "version", lambda name: f"{name} 9")
    with pytest.raises(ValueError, match="differs in the version of sklearn-ae, the version of t"):
        make().fit(few, checkpoint=path)


def test_damaged_checkpoint(path):
    fit_in_part(make(), few, path)
    content = path.read_bytes()
    places = random.Random(0).sample(range(len(content)), 30)
    damaged = [b"", b"else", content[: len(content) // 2], content + b" "]
    damaged += [content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :] for i in places]
    for each in damaged:
        path.write_bytes(each)
        with pytest.raises(ValueError, match="is not a checkpoint of a fit, or it is damaged"):
            make().fit(few, checkpoint=path)


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_loading_executes_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    torch.save({"fingerprint": Hostile()}, buffer)
    payload = buffer.getvalue()
    head = b"sklearn_ae checkpoint 1\n" + hashlib.blake2b(payload, digest_size=16).digest()
    (tmp_path / "fit").write_bytes(head + payload)
    with pytest.raises(ValueError, match="is not a checkpoint that can be loaded safely"):
        make().fit(few, checkpoint="fit")
    assert not (tmp_path / "executed").exists()


def test_state_that_could_not_be_loaded_is_noticed_at_the_first_save(path):
    class Odd(torch.optim.SGD):
        def state_dict(self):
            return super().state_dict() | {"odd": Fraction(1, 2)}

    estimator = make(optimizer=Odd, weight_decay=0.0)
    with pytest.raises(ValueError, match="can not be saved safely"):
        estimator.fit(few, checkpoint=path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("bad", ["", ".", "nowhere/fit"])
def test_path_is_that_of_a_file(bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"file in an existing folder, got '{bad}'"):
        make().fit(few, checkpoint=bad)


@pytest.mark.parametrize(
    "callback",
    [
        skorch.callbacks.EarlyStopping,
        skorch.callbacks.LRScheduler("StepLR", step_size=1),
        ("freezer", skorch.callbacks.Freezer("encoder.*")),
    ],
)
def test_callbacks_with_a_state_of_their_own(callback, path):
    estimator = make(callbacks=[callback], learning_rate_schedule="constant")
    with pytest.raises(ValueError, match="checkpoint is not supported with"):
        estimator.fit(few, checkpoint=path)


def test_failing_save_leaves_the_one_before(path, monkeypatch):
    fit_in_part(make(), few, path)
    before = path.read_bytes()

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        make().fit(few, checkpoint=path)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1
