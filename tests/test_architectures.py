import pickle
import re

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP, Convolutional, Recurrent, build_modules
from sklearn_ae.nn import Linear


def test_decoder_mirrors_encoder():
    encoder, decoder = MLP((7, 5)).build(n_features=9, n_components=3)
    widths = [
        [tuple(layer.weight.shape) for layer in network.modules() if isinstance(layer, Linear)]
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
    assert MLP(np.array([8, 4])) == MLP(np.array([8, 4]))
    assert MLP(np.array([8, 4])) != MLP(np.array([8, 5]))
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
    """An architecture as a user would write it: plain PyTorch with its own initialisation."""

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
    assert estimator.best_loss_ < 0.7 * estimator.initial_loss_
    estimator.set_params(architecture__width=3)
    assert estimator.fit(curve).net_.module_.encoder[0].out_features == 3


def test_own_architecture_is_seeded():
    weights = [
        build_modules(Own(), 4, 2, torch.Generator().manual_seed(seed), n_hidden=2)[0][0].weight
        for seed in (0, 0, 1)
    ]
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])


def test_build_has_to_give_two_modules(curve):
    class Bad(BaseEstimator):
        def build(self, n_features, n_components):
            return [nn.Identity()]

    with pytest.raises(TypeError, match="must give an encoder and a decoder"):
        AutoencoderTransformer(architecture=Bad(), max_iter=1).fit(curve)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ((nn.Linear(5, 2), nn.Linear(1, 5)), r"encoder must map .* to \(2, 2\)"),
        ((nn.Linear(5, 1), nn.Linear(1, 4)), r"decoder must map .* to \(2, 4\)"),
        ((nn.Identity(), nn.Identity()), "encoder must map"),
        (
            (nn.Sequential(nn.Linear(5, 1), nn.BatchNorm1d(1)), nn.Linear(1, 5)),
            "must not contain BatchNorm1d.* Use LayerNorm or GroupNorm",
        ),
    ],
)
def test_modules_have_to_fit(curve, modules, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderTransformer(1, architecture=modules, max_iter=1).fit(curve)


def test_modules_without_parameters():
    modules = (nn.Unflatten(1, (5,)), nn.Unflatten(1, (5,)))
    with pytest.raises(ValueError, match="has no parameters to train"):
        build_modules(modules, 5, 5, torch.Generator(), n_hidden=5)


@pytest.mark.parametrize("parameter", ["architecture", "latent", "corruption"])
def test_class_in_place_of_an_instance(parameter, curve):
    class Own(BaseEstimator):
        def build(self):
            raise NotImplementedError

    with pytest.raises(TypeError, match=rf"pass an instance: {parameter}=Own\(\)"):
        AutoencoderTransformer(1, **{parameter: Own}).fit(curve)


def test_two_modules(curve):
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1))
    decoder = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 5))
    before = [parameter.clone() for parameter in encoder.parameters()]
    estimator = AutoencoderTransformer(
        1,
        architecture=(encoder, decoder),
        linear_path=None,
        learning_rate=0.02,
        max_iter=80,
        random_state=0,
    )
    codes = estimator.fit_transform(curve)
    assert estimator.best_loss_ < 0.2 * estimator.initial_loss_
    # The modules are the starting point of every fit, and stay as they are.
    assert all(p.equal(b) for p, b in zip(encoder.parameters(), before, strict=True))
    np.testing.assert_array_equal(clone(estimator).fit_transform(curve), codes)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(estimator)).transform(curve), codes)


def test_modules_that_find_their_input_width_themselves(curve):
    class Lazy(BaseEstimator):
        def build(self, n_features, n_components):
            return nn.LazyLinear(n_components), nn.LazyLinear(n_features)

    before = torch.get_rng_state()
    fits = [AutoencoderTransformer(1, architecture=Lazy(), random_state=0) for _ in range(2)]
    one, other = (fit.set_params(max_iter=2).fit_transform(curve) for fit in fits)
    np.testing.assert_array_equal(one, other)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("where", ["encoder", "decoder"])
def test_linear_path_needs_modules_that_can_start_at_zero(curve, where):
    encoder, decoder = nn.Linear(5, 1), nn.Linear(1, 5)
    if where == "encoder":
        encoder = nn.Sequential(encoder, nn.Sigmoid())
    else:
        decoder = nn.Sequential(decoder, nn.Sigmoid())
    estimator = AutoencoderTransformer(1, architecture=(encoder, decoder), max_iter=1)
    assert estimator.fit(curve).net_.module_.linear_path is None
    with pytest.raises(ValueError, match="its modules do not end in a layer"):
        estimator.set_params(linear_path="pca").fit(curve)


def test_own_architectures_are_reproducible_in_threads(curve):
    estimator = AutoencoderTransformer(1, architecture=Own(), max_iter=2, random_state=0)
    expected = clone(estimator).fit_transform(curve)
    jobs = [delayed(clone(estimator).fit_transform)(curve) for _ in range(8)]
    for codes in Parallel(n_jobs=4, backend="threading")(jobs):
        np.testing.assert_array_equal(codes, expected)


# --- tied weights --------------------------------------------------------------------------------


def n_parameters(architecture, n_features=64, n_components=8):
    encoder, decoder = architecture.build(n_features, n_components)
    return sum(p.numel() for p in {*encoder.parameters(), *decoder.parameters()})


def test_tied_weights_halve_the_parameters():
    tied, free = (n_parameters(MLP((128, 32), tied=tied)) for tied in (True, False))
    biases = 128 + 32 + 8 + 32 + 128 + 64
    assert tied - biases == (free - biases) / 2


def test_tied_weights_learn_and_have_no_linear_path(digits):
    estimator = AutoencoderTransformer(8, architecture=MLP(tied=True), max_iter=30, random_state=0)
    fitted = estimator.fit(digits)
    assert fitted.net_.module_.linear_path is None
    assert fitted.best_loss_ < 0.5
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.transform(digits), fitted.transform(digits))
    module = copy.partial_fit(digits).net_.module_
    assert module.encoder.layers[0].weight is module.decoder.layers[-1].weight
    with pytest.raises(ValueError, match="linear_path='pca' is not supported with MLP"):
        estimator.set_params(linear_path="pca").fit(digits)


# --- convolutional and recurrent -----------------------------------------------------------------


def test_convolutions_beat_the_mlp_at_equal_parameters(all_digits):
    convolutional = Convolutional(channels=(12, 24), kernel_size=3)
    mlp = MLP((49,))
    assert n_parameters(mlp) == pytest.approx(n_parameters(convolutional), rel=0.01)
    loss = [
        # Clipping brings both down to the same error here.
        AutoencoderTransformer(
            8,
            architecture=architecture,
            max_iter=30,
            learning_rate=1e-3,
            output_activation="identity",
            n_refinement_steps=0,
            random_state=0,
        )
        .fit(all_digits)
        .best_loss_
        for architecture in (convolutional, mlp)
    ]
    assert loss[0] < loss[1]


def test_image_shape_of_square_images_is_found():
    assert Convolutional().build(784, 2)[0].image_shape == (1, 28, 28)


@pytest.mark.parametrize(("n_features", "shape"), [(60, (6, 10)), (7, (1, 7))])
def test_warns_of_an_assumed_image_shape(n_features, shape):
    message = f"{n_features} columns are no square image. It assumes image_shape={shape}"
    with pytest.warns(UserWarning, match=re.escape(message)):
        encoder, _ = Convolutional().build(n_features, 2)
    assert encoder.image_shape == (1, *shape)
    Convolutional(shape).build(n_features, 2)  # no warning


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_recurrent_networks_learn(cell):
    rng = np.random.default_rng(0)
    phase, speed = rng.uniform(0, 2 * np.pi, (2, 300, 1))
    X = np.sin(phase + speed * np.linspace(0, 1, 30))
    fitted = AutoencoderTransformer(
        2,
        architecture=Recurrent((15, 2), cell, hidden_size=24),
        linear_path=None,
        learning_rate=0.03,
        max_iter=60,
        random_state=0,
    ).fit(X)
    assert fitted.best_loss_ < 0.2


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (Convolutional((3, 4)), r"image_shape=\(3, 4\) needs 12 columns, but X has 5 features"),
        (Convolutional((5,)), "image_shape must have 2 or 3 sizes"),
        (Convolutional((1, -5)), "image_shape == -5"),
        (Convolutional(kernel_size=4), "kernel_size must be odd"),
        (Convolutional(kernel_size=3, stride=4), "kernel_size == 3"),
        (Convolutional(channels=()), "channels must have at least one"),
        (Convolutional(channels=(0,)), "channels == 0"),
        (Convolutional(activation="step"), "activation must be one of"),
        (Recurrent((3, 4)), r"sequence_shape=\(3, 4\) needs 12 columns"),
        (Recurrent((5,)), "sequence_shape must have 2 sizes"),
        (Recurrent(cell="GRU "), r"one of \['gru', 'lstm'\], got 'GRU '. Did you mean 'gru'\?"),
        (Recurrent(hidden_size=0), "hidden_size == 0"),
        (Recurrent(n_layers=0), "n_layers == 0"),
    ],
    ids=repr,
)
def test_bad_parameters_of_convolutional_and_recurrent(curve, architecture, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderTransformer(2, architecture=architecture).fit(curve)
