import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from scipy import sparse
from sklearn.base import clone

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._data.rows import Rows


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


@pytest.mark.parametrize("callbacks", [None, [skorch.callbacks.EpochTimer()], [BatchWatcher()]])
def test_validation_rows_are_judged_at_refined_codes(callbacks, digits):
    fitted = AutoencoderTransformer(
        8, max_iter=3, early_stopping=True, callbacks=callbacks, random_state=0
    )
    encoded = clone(fitted).set_params(n_refinement_steps=0).fit(digits)
    fitted.fit(digits)
    assert fitted.validation_curve_[0] < encoded.validation_curve_[0]


def test_engine_and_skorch_train_alike(curve):
    parameters = {
        "n_components": 1,
        "max_iter": 3,
        "early_stopping": True,
        "learning_rate": 1e-3,
        "batch_size": 64,
        "weight_decay": 0.0,
        "random_state": 0,
    }
    engine = AutoencoderTransformer(**parameters).fit(curve.astype(float))
    skorch_ = AutoencoderTransformer(callbacks=[skorch.callbacks.EpochTimer()], **parameters)
    skorch_.fit(curve.astype(float))
    assert engine.initial_loss_ == pytest.approx(skorch_.initial_loss_)
    assert engine.loss_curve_[0] == pytest.approx(skorch_.loss_curve_[0], rel=0.05)


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
    snapshot = net.snapshot()
    expected = net.compute(net.module_.encode, curve)
    net.set_weights([torch.ones_like(w) for w in net.weights()])
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
        n_components=1,
        max_iter=1,
        architecture=Spied(),
        precision="bfloat16",
    )
    estimator.fit(curve).transform(curve)
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
