"""Estimators on a fake GPU: no operation mixes devices, and no epoch waits for the GPU half-way.

An epoch may wait where it begins, to send the order of the rows, and where it ends, to read its
loss and the size of the gradients. Between epochs, validation rows may be judged: a refinement step
asks once how many codes go on. L-BFGS is left out: each of its steps reads losses.
"""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn import config_context

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.nn import Corruption
from tests.common.instances import CONFIGURATIONS, ESTIMATORS
from tests.training.fake_gpu import GPU, fake_gpu

pytest.importorskip("torch", "2.13", reason="the FakeTensorMode of PyTorch 2.5 asks for CUDA")
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),  # made-up losses
    pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor"),  # by deepcopy
]

N_EPOCHS, N_STEPS = 2, 2
EPOCHS = {"_train_epoch", "AutoencoderNet.run_single_epoch"}
# What comes before the first epoch, and after each.
BETWEEN = {
    "Judge.begin",
    "Judge.see",
    "Validation.errors",
    "Validation.mean",
    "_Watched.is_certain",
    "_mean_loss",
}
X = np.random.default_rng(0).normal(size=(48, 9)).astype(np.float32)
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def make(estimator=AutoencoderTransformer, **parameters):
    defaults = {
        "n_components": 2,
        "hidden_layer_sizes": (8,),
        "batch_size": 16,
        "early_stopping": False,
        "random_state": 0,
        "device": GPU,
    }
    if estimator is AutoencoderTransformer:
        defaults["n_refinement_steps"] = 0  # they would take most of the time
    return estimator(**defaults | parameters | {"max_iter": N_EPOCHS})


def waits_in_epochs(waits):
    """Count the waits inside epochs by kind and function, but for the rows that are sent once."""
    return Counter(
        (wait.kind, wait.stack[0])
        for wait in waits
        if EPOCHS.intersection(wait.stack)
        and not BETWEEN.intersection(wait.stack)
        and "Batches._kept" not in wait.stack
    )


def waits_of_epochs(*, by_engine, n_epochs=N_EPOCHS):
    """Count the waits that epochs may have."""
    ends = ["_train_epoch"] if by_engine else ["AutoencoderNet._mean_loss", "gradient_sizes"]
    return Counter({("send", "Batches.iterate"): n_epochs, **{("read", e): n_epochs for e in ends}})


# --- the fake GPU itself --------------------------------------------------------------------


def test_devices_do_not_mix():
    with fake_gpu():
        x = torch.ones(3, device=GPU)
        for operation in (lambda: x + torch.ones(3), lambda: torch.stack([x, torch.ones(3)])):
            with pytest.raises(RuntimeError, match="two devices, cuda:0 and cpu"):
                operation()


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("read", lambda x: x[0].item()),
        ("read", lambda x: float(x.sum())),
        ("read", lambda x: bool((x > 0).any())),
        ("read", lambda x: x.tolist()),
        ("read", lambda x: x.cpu().numpy()),
        ("read", lambda x: torch.zeros(3).copy_(x)),
        ("shape", lambda x: x.nonzero()),
        ("shape", lambda x: x[x > 0]),
        ("send", lambda x: torch.zeros(3).to(GPU)),
        ("send", lambda x: x.copy_(torch.zeros(3))),
        ("send", lambda x: torch.tensor([1.0], device=GPU)),
    ],
)
def test_waits_are_noted(kind, operation):
    with fake_gpu() as waits:
        x = torch.ones(3, device=GPU)
        assert not waits
        operation(x)
        assert [wait.kind for wait in waits] == [kind]


def test_generator_is_of_the_device():
    with fake_gpu():
        x = torch.ones(3, device=GPU)
        x.normal_(generator=torch.Generator(GPU).manual_seed(0))
        with pytest.raises(RuntimeError, match="generator of the CPU"):
            x.normal_(generator=torch.Generator().manual_seed(1))


class Planted(Corruption):
    """A corruption with a mistake."""

    def __init__(self, corrupt):
        super().__init__()
        self.corrupt = corrupt

    def build(self, X, scale):
        return self


def test_mixed_devices_in_an_epoch_are_found():
    with fake_gpu(), pytest.raises(RuntimeError, match="two devices"):
        make(corruption=Planted(lambda x, context: x + torch.ones(9))).fit(X)


def test_wait_in_an_epoch_is_found():
    with fake_gpu() as waits:
        make(corruption=Planted(lambda x, context: x * x.max().item())).fit(X)
    found = waits_in_epochs(waits) - waits_of_epochs(by_engine=False)
    assert found.total() == N_EPOCHS * 3  # a wait in each batch


# --- training -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (AutoencoderOutlierDetector, "defaults"),
        (AutoencoderOutlierDetector, "dropout"),
        *((AutoencoderTransformer, name) for name in CONFIGURATIONS if name != "newton"),
    ],
)
def test_epochs_do_not_wait(estimator, name):
    with fake_gpu() as waits:
        fitted = make(estimator, **CONFIGURATIONS[name]).fit(X)
        by_engine = any("_train_epoch" in wait.stack for wait in waits)
        assert waits_in_epochs(waits) == waits_of_epochs(by_engine=by_engine)
        assert {each.device for each in fitted.net_.weights()} == {GPU}


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nesterov", "rmsprop", "adagrad"])
def test_optimizers_do_not_wait(optimizer):
    with fake_gpu() as waits:
        make(optimizer=optimizer, max_grad_norm=1.0).fit(X)
    assert waits_in_epochs(waits) == waits_of_epochs(by_engine=optimizer == "adam")


@pytest.mark.parametrize("latent", [None, "variational"])
def test_weighted_rows(latent):
    with fake_gpu() as waits:
        make(latent=latent).fit(X, sample_weight=np.linspace(1, 2, len(X)))
    assert waits_in_epochs(waits) == waits_of_epochs(by_engine=latent is None)


@pytest.mark.parametrize("latent", [None, "variational"])
@pytest.mark.parametrize(
    ("rows", "memory"), [(X, 0), (sparse.csr_array(X), 2**30)], ids=["large", "sparse"]
)
def test_rows_that_do_not_stay_on_the_gpu_are_sent_in_blocks(latent, rows, memory):
    with fake_gpu(memory) as waits:
        make(latent=latent).fit(rows)
    expected = waits_of_epochs(by_engine=latent is None)
    del expected["send", "Batches.iterate"]
    expected["send", "to_tensor"] = N_EPOCHS  # all batches are one block
    assert waits_in_epochs(waits) == expected


@pytest.mark.parametrize("latent", [None, "variational"])
def test_a_buffer_of_a_stream_is_sent_once(latent):
    with fake_gpu() as waits, config_context(working_memory=0.004):  # two buffers
        make(latent=latent).fit(lambda: iter([X[:30], X[30:]]))
    expected = waits_of_epochs(by_engine=latent is None)
    expected["send", "Batches.iterate"] *= 2
    assert waits_in_epochs(waits) == expected


@pytest.mark.parametrize("architecture", [None, MLP((8,), tied=True)], ids=["engine", "skorch"])
def test_validation_rows_wait_once_a_refinement_step(architecture):
    with fake_gpu() as waits:
        make(architecture=architecture, early_stopping=True, n_refinement_steps=N_STEPS).fit(X)
    judged = {"Validation.errors", "AutoencoderNet.validation_step"}
    in_judging = Counter(
        (wait.kind, wait.stack[0]) for wait in waits if judged.intersection(wait.stack)
    )
    n_judgements = 1 + N_EPOCHS  # the first is before all epochs
    assert in_judging == {("shape", "refine_codes"): N_STEPS * n_judgements}


def test_trial_of_few_rows_does_not_wait():
    with fake_gpu() as waits:
        few = AutoencoderTransformer(2, hidden_layer_sizes=8, random_state=0, device=GPU)
        few.set_params(n_refinement_steps=N_STEPS).fit(X)
    in_trial = [wait for wait in waits if "run_trial" in wait.stack]
    expected = {("read", "_train_epoch"): few.plan_.n_trial_epochs}
    assert waits_in_epochs(in_trial) == expected  # a single batch has no order


def test_weights_are_stored_with_one_wait():
    with fake_gpu() as waits:
        make().fit(X)
    assert Counter(wait.stack[0] for wait in waits)["Members.store"] == 1


@each_estimator
def test_training_further(estimator):
    with fake_gpu() as waits:
        further = make(estimator, warm_start=True).fit(X).fit(X).partial_fit(X)
        by_engine = estimator is AutoencoderTransformer
        expected = waits_of_epochs(by_engine=by_engine, n_epochs=2 * N_EPOCHS + 1)
        assert waits_in_epochs(waits) == expected
        assert further.n_iter_ == 2 * N_EPOCHS + 1


# --- the state of a net ---------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "momentum"])
def test_state_stays_on_the_gpu(optimizer):
    with fake_gpu() as waits:
        net = make(optimizer=optimizer).fit(X).net_
        del waits[:]
        state, snapshot = net.state(), net.snapshot()
        net.restore(state)
        moments = [
            each
            for of_parameter in state["optimizer"]["state"].values()
            for each in of_parameter.values()
            if isinstance(each, torch.Tensor)
        ]
        assert moments
        assert {each.device for each in [*moments, *state["weights"], *snapshot.weights()]} == {GPU}
        assert not waits


# --- after training -------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", [None, MLP((8,), tied=True)], ids=["coded", "autograd"])
def test_transform_waits_once_a_refinement_step(architecture):
    with fake_gpu() as waits:
        fitted = make(architecture=architecture, n_refinement_steps=N_STEPS).fit(X)
        del waits[:]
        assert fitted.transform(X).shape == (len(X), 2)
    assert [wait.kind for wait in waits] == ["send", *["shape"] * N_STEPS, "read"]


METHODS = {
    AutoencoderTransformer: ("transform", "reconstruct", "score", "score_samples"),
    AutoencoderOutlierDetector: (
        *("score_samples", "decision_function", "predict", "p_values"),
        *("feature_errors", "explain"),
    ),
}


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [
        (AutoencoderTransformer, {}),
        (AutoencoderTransformer, {"latent": "variational"}),
        (AutoencoderTransformer, CONFIGURATIONS["convolutional"]),
        (AutoencoderOutlierDetector, {}),
        (AutoencoderOutlierDetector, {"latent": "variational", "early_stopping": True}),
    ],
)
def test_methods_do_not_mix_devices(estimator, parameters):
    with fake_gpu():
        fitted = make(estimator, **parameters).fit(X)
        for method in METHODS[estimator]:
            if hasattr(fitted, method):
                getattr(fitted, method)(X)
        fitted.diagnose()
        if estimator is AutoencoderTransformer:
            fitted.inverse_transform(fitted.transform(X))
            fitted.interpolate(X[0], X[1])
            fitted.sample(3)
        if hasattr(fitted, "log_likelihood"):
            fitted.log_likelihood(X, n_samples=5)


def test_wide_data_do_not_mix_devices():
    wide = np.random.default_rng(0).normal(size=(20, 2100))
    with fake_gpu():
        fitted = make(n_refinement_steps=N_STEPS).fit(wide)
        assert fitted.plan_.n_projected is not None
        fitted.inverse_transform(fitted.transform(wide))
