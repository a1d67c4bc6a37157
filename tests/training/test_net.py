import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from scipy import sparse

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.training import Judging, Monitor, Rows


@pytest.fixture
def net(curve):
    estimator = AutoencoderTransformer(n_components=1, max_iter=3, dropout=0.1, random_state=0)
    return estimator.fit(curve).net_


def test_mean_loss_is_the_mean_over_rows(net, curve):
    rows = Rows(curve)
    squares = net.compute(lambda x: net.module_.residual(x).square().mean(dim=-1), curve)
    assert net.mean_loss(rows) == pytest.approx(squares.mean())


def test_mean_loss_of_weighted_rows(net, curve):
    weight = np.linspace(0.5, 1.5, len(curve))
    squares = net.compute(lambda x: net.module_.residual(x).square().mean(dim=-1), curve)
    assert net.mean_loss(Rows(curve, weight)) == pytest.approx((weight * squares).mean())


class BatchWatcher(skorch.callbacks.Callback):
    """Asks for skorch's full epochs."""

    def on_batch_end(self, net, **kwargs):
        pass


@pytest.mark.parametrize("callbacks", [[], [BatchWatcher()]], ids=["lean", "full"])
@pytest.mark.parametrize("n_steps", [0, 4])
def test_held_out_rows_are_judged_at_their_nearest_codes(callbacks, n_steps, curve):
    net = AutoencoderTransformer(n_components=1, max_iter=1, random_state=0).fit(curve).net_
    monitor = Monitor(0.0, None, keep_last=True)
    net.train(
        Rows(curve),
        callbacks=[monitor, *callbacks],
        learning_rate=0.01,
        schedule="constant",
        batch_size=64,
        max_epochs=2,
        verbose=False,
        held_out=Rows(curve[:50]),
        judging=Judging(n_steps),
    )
    module = net.module_
    output = module.approach(module(torch.tensor(curve[:50])), n_steps)
    expected = (module.to_standard_units(output.raw) - output.standard_input).square().mean()
    assert net.history[-1, "valid_loss"] == pytest.approx(expected.item())
    assert monitor.best_loss_ == net.history[-1, "valid_loss"] < monitor.initial_loss_


@pytest.mark.parametrize(("patience", "every"), [(None, 3), (5, 2), (1, 1)])
def test_between_two_judgements_the_last_one_stands(patience, every, curve):
    fitted = AutoencoderTransformer(
        1, max_iter=95, early_stopping=True, n_iter_no_change=patience, random_state=0
    ).fit(curve)
    losses = fitted.validation_curve_
    changes = {i for i in range(2, len(losses) + 1) if losses[i - 1] != losses[i - 2]}
    assert changes == {i for i in range(2, len(losses) + 1) if i % every == 0 or i == 95}


def test_compute_in_batches(net, curve):
    many = np.tile(curve, (20, 1))
    codes = net.compute(net.module_.encode, many)
    assert codes.shape == (6000, 1)
    np.testing.assert_allclose(codes[:300], net.compute(net.module_.encode, curve))
    np.testing.assert_array_equal(net.compute(net.module_.encode, sparse.csr_array(many)), codes)


def test_compute_turns_dropout_off(net, curve):
    net.module_.train()
    one, other = (net.compute(net.module_.encode, curve) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_batches_of_inference_are_narrow_where_data_are_wide(net):
    wide = Rows(sparse.csr_array((5000, 1_000_000), dtype=float))
    assert net.get_iterator(wide).batch_size * 1_000_000 <= 2**23


def test_snapshot_is_independent(net, curve):
    weights = [w.clone() for w in net.weights()]
    snapshot = net.snapshot(weights)
    expected = net.compute(net.module_.encode, curve)
    net.set_weights([torch.ones_like(w) for w in weights])
    np.testing.assert_array_equal(snapshot.compute(snapshot.module_.encode, curve), expected)


def test_after_training_the_module_is_ready_for_use_and_light_to_pickle(net):
    assert not net.module_.training
    generators = [getattr(module, "generator", None) for module in net.module_.modules()]
    assert all(generator is None for generator in generators)
    copy = pickle.loads(pickle.dumps(net))
    for one, other in zip(copy.weights(), net.weights(), strict=True):
        assert one.equal(other)
    assert copy.generator.get_state().equal(net.generator.get_state())


def test_bfloat16_is_for_matrix_products_of_training(curve):
    seen = set()

    class Spy(torch.nn.Linear):
        def forward(self, x):
            output = super().forward(x)
            seen.add((self.training, output.dtype))
            return output

    class Spied:
        def build(self, n_features, n_components):
            return Spy(n_features, n_components), Spy(n_components, n_features)

        def get_params(self, deep=True):
            return {}

    estimator = AutoencoderTransformer(
        n_components=1, max_iter=1, architecture=Spied(), precision="bfloat16"
    )
    estimator.fit(curve).transform(curve)
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
