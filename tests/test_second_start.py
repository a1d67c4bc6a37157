"""Codes of one or two numbers, trained from principal components and from random weights."""

import numpy as np
import pytest
from sklearn.datasets import make_s_curve

import sklearn_ae._fitting as fitting
import sklearn_ae._fitting.folds as folds
from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from tests.test_training_length import Trained, lengths

# A sheet that bends back over itself: its principal plane cuts it twice.
SHEET = make_s_curve(500, random_state=0)[0]


def make(**parameters):
    return AutoencoderTransformer(**{"n_components": 2, "random_state": 0} | parameters)


@pytest.fixture(autouse=True)
def fewer_epochs(monkeypatch):
    monkeypatch.setattr(fitting, "_MAX_EPOCHS", 80)


@pytest.fixture
def trainings(monkeypatch):
    """Whether there is a linear path, for every training that takes place."""
    train, train_together, with_path = fitting.AutoencoderNet.train, folds.train_together, []

    def watch(net, *args, **settings):
        with_path.append(net.module_.linear_path is not None)
        train(net, *args, **settings)

    def watch_all(nets, *args, **settings):
        with_path.extend(net.module_.linear_path is not None for net in nets)
        train_together(nets, *args, **settings)

    monkeypatch.setattr(fitting.AutoencoderNet, "train", watch)
    monkeypatch.setattr(folds, "train_together", watch_all)
    return with_path


def test_a_sheet_that_principal_components_fold():
    fitted = make().fit(SHEET)
    from_components = make(linear_path="pca").fit(SHEET)
    assert fitted.net_.module_.linear_path is None
    assert fitted.score(SHEET) > 0.5 * from_components.score(SHEET)
    # The same rows are held out: what is said of them can be compared.
    assert fitted.initial_loss_ == from_components.initial_loss_
    assert fitted.best_loss_ == min(fitted.validation_curve_) < 0.5 * from_components.best_loss_
    assert fitted.n_iter_ == len(fitted.loss_curve_) == len(fitted.net_.history)


def test_noise_is_left_to_principal_components(trainings):
    X = np.random.default_rng(0).normal(size=(600, 10))
    fitted = make(transform_max_iter=0).fit(X)
    assert trainings == [False, True]
    assert fitted.net_.module_.linear_path is not None
    assert fitted.best_loss_ == fitted.initial_loss_


@pytest.mark.filterwarnings("ignore:The loss was still falling")
def test_the_better_one_of_two_that_help(monkeypatch):
    monkeypatch.setattr(fitting, "_MAX_EPOCHS", 20)
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(600, 2))
    X = np.hstack([plane @ rng.normal(size=(2, 8)), 0.3 * plane**2])
    fitted, plain = make().fit(X), make(linear_path=None).fit(X)
    assert fitted.net_.module_.linear_path is not None
    assert fitted.best_loss_ < plain.best_loss_ < 0.1 * fitted.initial_loss_


@pytest.mark.parametrize("is_beaten", [True, False])
def test_folds_have_both_starts(is_beaten, trainings, curve, monkeypatch):
    X = curve[:20]
    from_components = make(n_components=1, linear_path="pca").fit(X)
    trainings.clear()
    monkeypatch.setattr(folds.TrainingLength, "is_beaten_by", lambda *lengths: is_beaten)
    fitted = make(n_components=1).fit(X)
    assert trainings == [True] * 5 + [False] * 5 + [not is_beaten]
    # Of the principal components, whichever is kept.
    assert fitted.initial_loss_ == from_components.initial_loss_


@pytest.mark.filterwarnings("ignore:The loss was still falling")
def test_a_warm_start_goes_on_with_what_was_kept(trainings, monkeypatch):
    monkeypatch.setattr(fitting, "_MAX_EPOCHS", 3)
    X = np.random.default_rng(0).normal(size=(600, 10))
    make(warm_start=True).fit(X).fit(X)
    assert trainings == [False, True, True]


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_components": 3},
        {"linear_path": "pca"},
        {"max_iter": 3},
        {"early_stopping": False},
        {"latent": "variational"},
    ],
)
@pytest.mark.filterwarnings("ignore:The loss was still falling")
def test_one_start_is_enough(parameters, trainings, monkeypatch):
    monkeypatch.setattr(fitting, "_MAX_EPOCHS", 3)
    make(**parameters).fit(np.random.default_rng(0).normal(size=(600, 10)))
    assert len(trainings) == 1


@pytest.mark.parametrize("n_rows", [300, 500])
def test_detectors_are_not_judged_by_reconstruction(n_rows, trainings):
    AutoencoderOutlierDetector(n_components=2, random_state=0).fit(SHEET[:n_rows])
    assert trainings == [True]


def interrupted_where(with_path, monkeypatch):
    train = fitting.AutoencoderNet.train

    def interrupt(net, *args, **settings):
        train(net, *args, **settings)
        net.interrupted_ = (net.module_.linear_path is not None) == with_path

    monkeypatch.setattr(fitting.AutoencoderNet, "train", interrupt)


@pytest.mark.parametrize("with_path", [True, False])
def test_what_is_interrupted_is_kept(with_path, monkeypatch):
    interrupted_where(with_path, monkeypatch)
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = make().fit(SHEET)
    assert (fitted.net_.module_.linear_path is not None) == with_path
    assert fitted.best_loss_ < 0.5 * fitted.initial_loss_


def test_a_length_is_beaten_by_more_than_chance():
    length = lengths(*[Trained(1.0, [0.9, 0.7])] * 5)
    assert length.is_beaten_by(lengths(*[Trained(3.0, [0.8, 0.6])] * 5))
    assert not length.is_beaten_by(lengths(*[Trained(3.0, [0.8, 0.7])] * 5))
    # Below principal components by chance.
    uncertain = lengths(*[Trained(1.0, [1.1])] * 5)
    others = [Trained(3.0, [value]) for value in (1.4, 1.3, 0.1, 0.9, 1.2)]
    assert uncertain.n_epochs == 0
    assert not uncertain.is_beaten_by(lengths(*others))
