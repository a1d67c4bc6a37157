import numpy as np
import pytest

from sklearn_ae.training import SCHEDULES


@pytest.mark.parametrize("name", SCHEDULES)
def test_stays_within_the_learning_rate(name):
    shares = np.array([SCHEDULES[name](p) for p in np.linspace(0, 1, 101)])
    assert shares.min() >= 0
    assert shares.max() == pytest.approx(1)


def test_shapes():
    grid = np.linspace(0, 1, 101)
    constant, cosine, one_cycle = (
        np.array([SCHEDULES[name](p) for p in grid]) for name in ("constant", "cosine", "one_cycle")
    )
    assert [SCHEDULES["step"](p) for p in (0, 0.49, 0.5, 0.74, 0.75, 1)] == [
        1,
        1,
        0.1,
        0.1,
        0.01,
        0.01,
    ]
    assert (constant == 1).all()
    assert (np.diff(cosine) < 0).all()
    assert one_cycle[0] == pytest.approx(1 / 25)
    assert one_cycle.argmax() == 25
    assert cosine[-1] == pytest.approx(0)
    assert one_cycle[-1] == pytest.approx(0)


def test_is_followed_step_by_step(curve):
    import skorch.callbacks

    from sklearn_ae import AutoencoderTransformer

    class RateRecorder(skorch.callbacks.Callback):
        def on_train_begin(self, net, **kwargs):
            self.rates = []

        def on_batch_end(self, net, training=False, **kwargs):
            if training:
                self.rates.append(net.optimizer_.param_groups[0]["lr"])

    recorder = RateRecorder()
    AutoencoderTransformer(
        n_components=1,
        max_iter=4,
        batch_size=100,
        early_stopping=False,
        learning_rate=0.5,
        learning_rate_schedule="cosine",
        callbacks=[recorder],
    ).fit(curve)
    expected = [0.5 * SCHEDULES["cosine"](step / 12) for step in range(12)]
    np.testing.assert_allclose(recorder.rates, expected)
