import json
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from skorch.callbacks import BatchScoring
from torch import nn

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer, load
from sklearn_ae._persistence.container import read, write
from sklearn_ae.architectures import MLP, Convolutional, Recurrent

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 6))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def transformer():
    return AutoencoderTransformer(2, hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(X)


@pytest.fixture
def detector():
    return AutoencoderOutlierDetector(2, hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(X)


# --- what is in the file --------------------------------------------------------------------


def test_settings_are_kept(path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = AutoencoderTransformer(
            2, max_iter=2, learning_rate=np.float64(1e-3), random_state=np.random.RandomState(0)
        )
        estimator.set_output(transform="pandas").set_fit_request(sample_weight=True)
        estimator.fit(frame).save(path)
        loaded = load(path)
        assert loaded.get_metadata_routing().fit.requests["sample_weight"] is True
    assert isinstance(loaded.transform(frame), pandas.DataFrame)
    assert list(loaded.feature_names_in_) == list("abcdef")
    assert list(loaded.get_feature_names_out()) == list(estimator.get_feature_names_out())
    assert loaded.random_state.normal() == estimator.random_state.normal()
    assert loaded.learning_rate == 1e-3
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.transform(frame.rename(columns={"a": "z"}))


def test_parameters_may_differ_from_those_of_the_network(transformer, path):
    transformer.set_params(n_components=3, hidden_layer_sizes=(100,)).save(path)
    loaded = load(path)
    assert loaded.n_components == 3
    assert np.array_equal(loaded.transform(X), transformer.transform(X))
    loaded.fit(X)
    assert loaded.transform(X).shape == (60, 3)


def test_the_file_is_readable(transformer, path):
    transformer.save(str(path))
    text, tensors = read(path)
    tree = json.loads(text)
    assert tree["class"] == "AutoencoderTransformer"
    assert tree["parameters"]["n_components"] == 2
    assert tree["versions"].keys() == {"sklearn_ae", "sklearn", "torch"}
    assert torch.equal(
        tensors["net_.module.encoder.layers.0.weight"],
        transformer.net_.module_.encoder.layers[0].weight.detach(),
    )


def test_requests_of_all_methods(path):
    with sklearn.config_context(enable_metadata_routing=True):
        detector = AutoencoderOutlierDetector(2, max_iter=2).set_fit_request(checkpoint="where")
        detector.set_predict_request(false_discovery_rate=True).fit(X).save(path)
        routing = load(path).get_metadata_routing()
        assert routing.predict.requests == {"false_discovery_rate": True}
        assert routing.fit.requests == {"sample_weight": None, "checkpoint": "where"}


def test_parameters_that_are_sequences(path):
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=range(8, 10), max_iter=2).fit(X)
    estimator.save(path)
    assert list(load(path).hidden_layer_sizes) == [8, 9]


def test_the_losses_of_batches_stay_behind(path):
    callbacks = [BatchScoring(lambda *_: 0.0, name="nothing")]
    AutoencoderTransformer(2, batch_size=10, max_iter=9, callbacks=callbacks).fit(X).save(path)
    assert "nothing" not in read(path)[0]


def test_threads_leave_the_filters_of_warnings_alone(path):
    images = Convolutional(channels=(2,), kernel_size=3)  # fit warns that it has no shape
    AutoencoderTransformer(2, architecture=images, max_iter=2).fit(X).save(path)
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: load(path), range(20)))
    assert warnings.filters == before


def test_wide_data(path):
    wide = rng.normal(size=(30, 2100))
    estimator = AutoencoderTransformer(2, max_iter=2, random_state=0).fit(wide)
    assert estimator.net_.module_.axes is not None
    estimator.save(path)
    assert np.array_equal(load(path).reconstruct(wide), estimator.reconstruct(wide))


def test_unfitted(path):
    with pytest.raises(NotFittedError):
        AutoencoderTransformer().save(path)
    assert not path.exists()


def test_an_attribute_that_can_not_be_saved(transformer, path):
    path.write_text("old")
    transformer.notes_ = object()
    with pytest.raises(TypeError, match="notes_, of type object, can not be saved"):
        transformer.save(path)
    assert path.read_text() == "old"
    assert pickle.loads(pickle.dumps(transformer)).n_components_ == 2


# --- devices --------------------------------------------------------------------------------


def test_device(transformer, path):
    transformer.save(path)
    assert load(path, device="cpu").net_.device.type == "cpu"
    with pytest.raises(ValueError, match=r"device='cuda:999' can not be used here"):
        load(path, device="cuda:999")


def test_a_model_of_a_device_that_is_not_there(transformer, path):
    transformer.set_params(device="cuda:999").save(path)
    loaded = load(path)
    assert loaded.net_.device.type == loaded.device == "cpu"
    assert np.array_equal(loaded.transform(X), transformer.transform(X))
    loaded.partial_fit(X)
    assert pickle.loads(pickle.dumps(transformer)).net_.device.type == "cpu"


# --- objects of the user's own --------------------------------------------------------------


class Wide(BaseEstimator):
    def __init__(self, width=4):
        self.width = width

    def build(self, n_features, n_components):
        return (
            nn.Sequential(nn.Linear(n_features, self.width), nn.Linear(self.width, n_components)),
            nn.Linear(n_components, n_features),
        )


def cube(input, reconstruction):
    return (input - reconstruction).abs().pow(3).mean(dim=-1)


PAIR = (nn.Linear(6, 2), nn.Linear(2, 6))


@pytest.mark.parametrize(
    ("parameters", "custom"),
    [
        ({"architecture": Wide(5)}, {"architecture": Wide}),
        ({"architecture": Wide(5)}, {"architecture": Wide(5)}),
        ({"architecture": PAIR}, {"architecture": PAIR}),
        ({"loss": cube}, {"loss": cube}),
        # It has a moment in float32, whatever the type of the weights.
        ({"optimizer": torch.optim.NAdam}, {"optimizer": torch.optim.NAdam}),
    ],
)
def test_objects_of_ones_own(parameters, custom, path):
    estimator = AutoencoderTransformer(2, max_iter=2, random_state=0, **parameters).fit(X)
    estimator.save(path)
    (name,) = parameters
    message = rf"The parameter {name} is [\w. ]*, which is not a part of sklearn_ae\. Pass it"
    with pytest.raises(ValueError, match=message):
        load(path)
    loaded = load(path, custom=custom)
    assert np.array_equal(loaded.transform(X), estimator.transform(X))
    assert np.array_equal(loaded.partial_fit(X).transform(X), estimator.partial_fit(X).transform(X))
    other = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(other.transform(X), estimator.transform(X))


def test_a_parameter_that_there_is_not(path):
    AutoencoderTransformer(2, architecture=Wide(5), max_iter=2).fit(X).save(path)
    with pytest.raises(ValueError, match="custom has 'arch', which is no parameter of a Autoenc"):
        load(path, custom={"arch": Wide})


def test_a_folder(transformer, path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        transformer.save(path.parent)
    with pytest.raises(FileNotFoundError, match=r"The folder .* does not exist"):
        transformer.save(path.parent / "none" / "model")


def test_another_object_than_the_saved_one(path):
    AutoencoderTransformer(2, architecture=Wide(5), max_iter=2).fit(X).save(path)
    with pytest.raises(ValueError, match=r"has shape \(5, 6\) .* shape \(7, 6\)"):
        load(path, custom={"architecture": Wide(7)})


class Named(AutoencoderTransformer):
    pass


def test_a_subclass(path):
    Named(2, max_iter=2, random_state=0).fit(X).save(path)
    with pytest.raises(ValueError, match=r"holds a Named, .* custom=\{'Named': Named\}"):
        load(path)
    assert type(load(path, custom={"Named": Named})) is Named
    for wrong in (print, Wide):
        with pytest.raises(ValueError, match="holds a Named, which is not a class of sklearn_ae"):
            load(path, custom={"Named": wrong})


def test_a_class_without_parameters(path):
    AutoencoderTransformer(2, architecture=PAIR, max_iter=2).fit(X).save(path)
    with pytest.raises(ValueError, match="can not be loaded"):
        load(path, custom={"architecture": Wide})


# --- hostile files --------------------------------------------------------------------------


def test_mutants(detector, path):
    """Whatever single bytes change: an error, or the same result."""
    detector.save(path)
    content, expected = path.read_bytes(), detector.score_samples(X)
    mutations = np.random.default_rng(0)
    for _ in range(500):
        mutant = bytearray(content)
        for place in mutations.integers(0, len(mutant), mutations.integers(1, 4)):
            mutant[place] = mutations.integers(0, 256)
        path.write_bytes(mutant)
        try:
            loaded = load(path)
        except ValueError:
            continue
        assert np.array_equal(loaded.score_samples(X), expected)


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize(
    "content",
    [b"", b"text", pickle.dumps(Evil()), b"\xff" * 100, b"PK\x03\x04" + bytes(100)],
)
def test_other_files(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a file that `save` of sklearn_ae wrote"):
        load(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 1_000_000,
        '{"a":' * 1_000_000,
        "9" * 100_000,
        "null",
        "[]",
        "{}",
        '{"class": "AutoencoderTransformer"}',
        '{"class": "os.system", "parameters": {}}',
        '{"class": ["AutoencoderTransformer"], "parameters": {}}',
    ],
)
def test_other_text(path, text):
    write(path, text, {"weights": torch.zeros(1)})
    with pytest.raises(ValueError, match="can not be loaded"):
        load(path)


def forge(path, change):
    """Change the content of a file, and give it a right checksum."""
    text, tensors = read(path)
    tree = json.loads(text)
    change(tree, tensors)
    write(path, json.dumps(tree), tensors)


def set_value(*place, value):
    def change(tree, tensors):
        for key in place[:-1]:
            tree = tree[key]
        assert place[-1] in tree or isinstance(tree, list)
        tree[place[-1]] = value

    return change


def set_tensor(name, tensor):
    def change(tree, tensors):
        assert name in tensors
        tensors[name] = tensor

    return change


def remove_tensor(name):
    return lambda tree, tensors: tensors.pop(name)


DEEP = {"object": ["Recurrent", {"n_layers": 10**12, "sequence_shape": {"tuple": [3, 2]}}]}
LARGE = "net_.module.encoder.layers.0.weight"
ATTRIBUTES = ("fitted", "attributes")
PLAN = (*ATTRIBUTES, "plan_", "object", 1)


@pytest.mark.parametrize(
    "change",
    [
        set_value("fitted", "net", "n_components", value=10**12),
        set_value("fitted", "net", "n_components", value=-1),
        set_value("fitted", "net", "is_double", value=False),
        set_value(*PLAN, "hidden_layer_sizes", value={"tuple": [10**12]}),
        set_value(*PLAN, "hidden_layer_sizes", value=None),
        set_value(*PLAN, "denoises", value=True),
        set_value("fitted", "built_with", "activation", value="no such"),
        set_value("fitted", "built_with", "latent", value={"object": ["system", {}]}),
        set_value("fitted", "built_with", "architecture", value=DEEP),
        set_value(*ATTRIBUTES, "n_features_in_", value=5),
        set_value(*ATTRIBUTES, "plan_", value=None),
        set_value("requests", value={"__init__": {}}),
        set_value("output", value="no such"),
        lambda tree, tensors: tree["fitted"]["attributes"].update(transform=1),
        lambda tree, tensors: tree["fitted"].pop("net"),
        set_tensor("net_.module.shift", torch.zeros(5, dtype=torch.float64)),
        set_tensor("net_.module.shift", torch.zeros(0, dtype=torch.float64)),
        set_tensor("net_.module.shift", torch.zeros(10**15, 0, dtype=torch.float64)),
        set_value(*PLAN, "hidden_layer_sizes", value={"tuple": [1] * 100_000}),
        set_value(*ATTRIBUTES, "_density_", "object", 1, "scale", value={"array": LARGE}),
        set_tensor("net_.module.encoder.layers.0.weight", torch.zeros(6, 5, dtype=torch.float64)),
        set_tensor("net_.generator", torch.zeros(3, dtype=torch.uint8)),
        set_tensor("_density_.means", torch.zeros(1, 7, dtype=torch.float64)),
        remove_tensor("net_.module.scale"),
        remove_tensor("net_.module.encoder.layers.0.weight"),
    ],
)
def test_forged_transformers(transformer, path, change):
    transformer.save(path)
    forge(path, change)
    with pytest.raises(ValueError, match="can not be loaded"):
        load(path)


@pytest.mark.parametrize(
    "change",
    [
        set_tensor("net_.module.gaussians.mean", torch.zeros(10**6, 6, dtype=torch.float64)),
        set_tensor("net_.module.gaussians.mean", torch.zeros(10**6, 0, dtype=torch.float64)),
        set_tensor("net_.module.denoisers.box", torch.zeros(2, 4, 5, dtype=torch.float64)),
        set_value(*ATTRIBUTES, "_abnormality_", "object", 1, "median", value={"tensor": LARGE}),
        set_value(*ATTRIBUTES, "_abnormality_", "object", 1, "weight", value=1),
        set_tensor("_usual_", torch.zeros(2, 1, dtype=torch.float64)),
        set_value(*ATTRIBUTES, "offset_", value={"tensor": LARGE}),
        set_tensor("_abnormality_.typical", torch.zeros(2, 3, dtype=torch.float64)),
        set_value(*ATTRIBUTES, "_calibration_", value=3),
        remove_tensor("net_.module.cuts"),
    ],
)
def test_forged_detectors(detector, path, change):
    detector.save(path)
    forge(path, change)
    with pytest.raises(ValueError, match="can not be loaded"):
        load(path)


def test_forged_random_state(path):
    estimator = AutoencoderTransformer(2, max_iter=1, random_state=np.random.RandomState(0))
    estimator.fit(X).save(path)

    def change(tree, tensors):
        text = json.dumps(tree).replace('["pos", ', '["pos", 1000000')
        tree.update(json.loads(text))

    forge(path, change)
    with pytest.raises(ValueError, match="random state is not one of NumPy"):
        load(path)


def test_forged_sizes_of_a_model_with_a_loss_of_ones_own(path):
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=(4,), loss=cube, max_iter=1).fit(X)
    estimator.save(path)
    forge(path, set_value(*PLAN, "hidden_layer_sizes", value={"tuple": [10**9, 10**9]}))
    with pytest.raises(ValueError, match="can not be loaded"):
        load(path, custom={"loss": cube})


def test_the_forgery_itself_does_no_harm(transformer, path):
    transformer.save(path)
    forge(path, lambda tree, tensors: None)
    assert np.array_equal(load(path).transform(X), transformer.transform(X))


@pytest.mark.parametrize("architecture", [MLP((3,)), Recurrent((3, 2), hidden_size=3)])
def test_known_architectures_need_nothing(path, architecture):
    estimator = AutoencoderTransformer(2, architecture=architecture, max_iter=1, random_state=0)
    estimator.fit(X).save(path)
    assert load(path).architecture == architecture
