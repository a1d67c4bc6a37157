import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP, build_modules
from sklearn_ae.nn import Linear


def test_decoder_mirrors_encoder():
    encoder, decoder = MLP((7, 5)).build(n_features=9, n_components=3)
    widths = [
        [tuple(layer.weight.shape[1:]) for layer in network.modules() if isinstance(layer, Linear)]
        for network in (encoder, decoder)
    ]
    assert widths == [[(9, 7), (7, 5), (5, 3)], [(3, 5), (5, 7), (7, 9)]]


@pytest.mark.parametrize("sizes", [4, (4,), [4], np.array([4])])
def test_forms_of_the_sizes(sizes):
    encoder, _ = MLP(sizes).build(3, 2)
    assert encoder(torch.zeros(5, 3)).shape == (5, 2)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"hidden_layer_sizes": (0,)}, ValueError),
        ({"hidden_layer_sizes": (2.5,)}, TypeError),
        ({"activation": "step"}, ValueError),
        ({"dropout": 1.0}, ValueError),
    ],
)
def test_bad_parameters(parameters, error):
    with pytest.raises(error, match=next(iter(parameters))):
        MLP(**parameters).build(3, 2)


def test_is_a_parameter_object():
    architecture = MLP((4,), "tanh")
    assert clone(architecture) == architecture
    assert hash(clone(architecture)) == hash(architecture)
    assert architecture != MLP((4,), "relu")
    assert architecture != "mlp"
    assert architecture.set_params(dropout=0.1) == MLP((4,), "tanh", 0.1)


def test_flat_parameters_are_those_of_the_mlp(curve):
    flat = {"hidden_layer_sizes": (6,), "activation": "elu", "dropout": 0.1}
    common = {"n_components": 1, "max_iter": 5, "random_state": 0}
    np.testing.assert_array_equal(
        AutoencoderTransformer(**flat, **common).fit_transform(curve),
        AutoencoderTransformer(architecture=MLP(**flat), **common).fit_transform(curve),
    )


class Own(BaseEstimator):
    """What a user would write: plain PyTorch, initialised as PyTorch does."""

    def __init__(self, width=8):
        self.width = width

    def build(self, n_features, n_components):
        encoder = nn.Sequential(
            nn.Linear(n_features, self.width), nn.Tanh(), nn.Linear(self.width, n_components)
        )
        return encoder, nn.Sequential(
            nn.Linear(n_components, self.width), nn.Tanh(), nn.Linear(self.width, n_features)
        )


@pytest.mark.parametrize("linear_path", ["pca", None])
def test_own_architecture(curve, linear_path):
    estimator = AutoencoderTransformer(
        n_components=1,
        architecture=Own(),
        linear_path=linear_path,
        learning_rate=0.02,
        max_iter=30,
        random_state=0,
    )
    before = torch.get_rng_state()
    codes = estimator.fit_transform(curve)
    assert torch.get_rng_state().equal(before)
    np.testing.assert_array_equal(clone(estimator).fit_transform(curve), codes)
    assert estimator.best_loss_ < 0.5 * estimator.initial_loss_
    estimator.set_params(architecture__width=3)
    assert estimator.fit(curve).net_.module_.encoder[0].out_features == 3


def test_own_architecture_is_seeded():
    weights = [
        build_modules(Own(), 4, 2, torch.Generator().manual_seed(seed))[0][0].weight
        for seed in (0, 0, 1)
    ]
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])


def test_build_has_to_give_two_modules(curve):
    class Bad(BaseEstimator):
        def build(self, n_features, n_components):
            return [nn.Identity()]

    with pytest.raises(TypeError, match=r"Bad\.build must return an encoder and a decoder"):
        AutoencoderTransformer(architecture=Bad(), max_iter=1).fit(curve)
