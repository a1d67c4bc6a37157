"""L1 penalty, clipped gradients and rates that fall on a plateau, through the estimators."""

from functools import partial

import numpy as np
import pytest
import skorch.callbacks
import torch

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import Convolutional


def make(**parameters):
    return AutoencoderTransformer(
        **{"n_components": 2, "max_iter": 30, "random_state": 0} | parameters
    )


def weights(fitted):
    return {
        name: values.detach().numpy()
        for name, values in fitted.net_.module_.named_parameters()
        if "bias" not in name
    }


def test_l1_penalty_makes_weights_zero(digits):
    plain = weights(make(linear_path=None).fit(digits))
    assert all((values != 0).all() for values in plain.values())
    sizes = []
    for penalty in (0.3, 1.0):
        fitted = make(linear_path=None, l1_penalty=penalty).fit(digits)
        zeros = {name: (values == 0).mean() for name, values in weights(fitted).items()}
        assert zeros["encoder.layers.0.weight"] > 0.3
        sizes.append(sum(np.abs(values).sum() for values in weights(fitted).values()))
        assert fitted.score(digits) > -0.7 * digits.var(axis=0).mean()
    assert sum(np.abs(values).sum() for values in plain.values()) > sizes[0] > sizes[1]


def test_a_step_shrinks_by_penalty_times_rate(digits):
    """Where there is no gradient, the step of the penalty is all that there is."""

    def nothing(x, reconstruction):
        return 0 * reconstruction.sum(dim=-1)

    parameters = {
        "loss": nothing,
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "linear_path": None,
        "architecture": Convolutional((8, 8), channels=(4,)),
    }
    before = make(**parameters).partial_fit(digits)
    after = make(**parameters, l1_penalty=0.1, batch_size=len(digits)).partial_fit(digits)
    for name, values in weights(before).items():
        expected = values
        if values.ndim > 1:  # not the scales of a normalisation
            expected = np.sign(values) * np.maximum(np.abs(values) - 0.001, 0)
        np.testing.assert_allclose(weights(after)[name], expected, atol=1e-9)


def test_penalty_leaves_the_discriminator_alone(digits):
    fitted = make(latent="adversarial", l1_penalty=1000.0).partial_fit(digits)
    for name, values in weights(fitted).items():
        assert (values == 0).all() == (not name.startswith("latent"))


class NormRecorder(skorch.callbacks.Callback):
    def on_train_begin(self, net, **kwargs):
        self.norms = []

    def on_grad_computed(self, net, named_parameters, **kwargs):
        squares = [parameter.grad.square().sum() for _, parameter in named_parameters]
        self.norms.append(float(torch.stack(squares).sum().sqrt()))


def test_longer_gradients_are_shortened(digits):
    recorder = NormRecorder()
    make(callbacks=[recorder], max_iter=2).fit(digits)
    limit = float(np.median(recorder.norms))
    clipped = NormRecorder()
    make(callbacks=[clipped], max_iter=2, max_grad_norm=limit).fit(digits)
    assert max(clipped.norms) == pytest.approx(limit, rel=1e-3)
    assert min(clipped.norms) < 0.95 * limit


def test_rate_falls_on_a_plateau(digits):
    class RateRecorder(skorch.callbacks.Callback):
        def on_train_begin(self, net, **kwargs):
            self.rates = []

        def on_epoch_end(self, net, **kwargs):
            self.rates.append(net.optimizer_.param_groups[0]["lr"])

    for loss_of_zero in (1.0, -1.0):

        def flat(x, reconstruction, level=loss_of_zero):
            return level + 0 * reconstruction.sum(dim=-1)

        recorder = RateRecorder()
        make(
            loss=flat,
            learning_rate=0.5,
            learning_rate_schedule="reduce_on_plateau",
            n_iter_no_change=None,
            max_iter=15,
            callbacks=[recorder],
        ).fit(digits)
        assert recorder.rates == pytest.approx([0.5] * 6 + [0.1] * 6 + [0.02] * 3)
    recorder = RateRecorder()
    make(learning_rate_schedule="reduce_on_plateau", max_iter=10, callbacks=[recorder]).fit(digits)
    assert recorder.rates == [1e-3] * 10  # it still learns


def test_optimizer_with_its_options(digits):
    fitted = make(optimizer=partial(torch.optim.Adam, betas=(0.5, 0.9)), max_iter=2).fit(digits)
    assert fitted.net_.optimizer_.param_groups[0]["betas"] == (0.5, 0.9)


def test_newton_steps_take_gradients_as_they_are(digits):
    with pytest.raises(ValueError, match="max_grad_norm=1 has no meaning with optimizer='lbfgs'"):
        make(optimizer="lbfgs", max_grad_norm=1).fit(digits)
