"""L1 penalty, clipped gradients and rates that fall on a plateau, through the estimators."""

from functools import partial

import numpy as np
import pytest
import skorch.callbacks
import torch

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.training import Rows
from sklearn_ae.training.magnitude import magnitude


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


def test_l1_penalty_makes_weights_small(digits):
    fits = [make(linear_path=None, l1_penalty=p).fit(digits) for p in (0.0, 1e-5, 1e-4)]
    sizes, zeros = [], []
    for fitted in fits:
        values = weights(fitted).values()
        sizes.append(sum(np.abs(value).sum() for value in values))
        zeros.append(np.mean([(np.abs(value) < 1e-3).mean() for value in values]))
    assert sizes == sorted(sizes, reverse=True)
    assert zeros == sorted(zeros)
    assert zeros[-1] > 5 * zeros[0]
    assert fits[0].score(digits) > -0.6 * digits.var(axis=0).mean()


def test_penalty_is_part_of_the_loss(digits):
    for penalty in (0.0, 1e-4):
        fitted = make(
            l1_penalty=penalty, max_iter=2, early_stopping=False, transform_max_iter=0
        ).fit(digits)
        total = sum(np.abs(v).sum() for v in weights(fitted).values() if v.ndim > 1)
        error = -fitted.score(digits) / fitted.net_.module_.scale.item() ** 2
        assert fitted.net_.mean_loss(Rows(digits)) == pytest.approx(
            error + penalty * total, rel=1e-3
        )


def test_penalty_leaves_the_discriminator_alone(digits):
    fitted = make(latent="adversarial", l1_penalty=1e-4, max_iter=1).fit(digits)
    own = sum(
        np.abs(values).sum()
        for name, values in weights(fitted).items()
        if values.ndim > 1 and not name.startswith("latent.")
    )
    assert magnitude(fitted.net_._own_parameters()).item() == pytest.approx(own, rel=1e-3)


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
    assert recorder.rates == [3e-3] * 10  # it still learns


def test_the_linear_path_does_not_decay(digits):
    # So strong that nothing else is left.
    fitted = make(n_components=8, weight_decay=100.0, early_stopping=False, max_iter=60).fit(digits)
    module = fitted.net_.module_
    first = module.encoder.layers[0].weight.detach()
    assert first.abs().mean() < 1e-6
    lengths = torch.linalg.norm(module.linear_path.decoder_weight.detach(), dim=1)
    assert (lengths > 0.9).all()


def test_optimizer_with_its_options(digits):
    fitted = make(optimizer=partial(torch.optim.Adam, betas=(0.5, 0.9)), max_iter=2).fit(digits)
    assert fitted.net_.optimizer_.param_groups[0]["betas"] == (0.5, 0.9)


def test_newton_steps_take_gradients_as_they_are(digits):
    with pytest.raises(ValueError, match="max_grad_norm=1 has no meaning with L-BFGS"):
        make(optimizer="lbfgs", max_grad_norm=1).fit(digits)
