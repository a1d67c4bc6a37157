import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris

from benchmarks import machine
from benchmarks.__main__ import main
from benchmarks.data import BenchmarkError
from benchmarks.speed import cases, defaults, epochs, peers
from benchmarks.speed.cases import Case, Problem, make_problem
from benchmarks.speed.rounds import Settings, interleave, ratio

CPU = torch.device("cpu")
TINY = Case("synthetic", 200, (8,), 3, 32, tuple(epochs.CONTENDERS), 1, n_features=12)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning:keras")


@pytest.fixture
def small(monkeypatch):
    """Make every case and table tiny, other processes unnecessary, and no peer present."""
    monkeypatch.setattr(peers, "missing", lambda: {"PyOD": "pyod", "Keras": "keras"})
    monkeypatch.setattr(defaults.subprocess, "run", lambda *args, **kwargs: None)
    for name in ("digits", "wine"):
        monkeypatch.setitem(defaults.TABLES, name, (load_iris, 2))
    monkeypatch.setitem(cases.CASES, "A", replace(TINY, contenders=cases.CASES["A"].contenders))
    tiny = replace(TINY, hidden_layer_sizes=(), n_rows=40, n_features=64)
    monkeypatch.setitem(cases.CASES, "E", replace(tiny, contenders=("hand-written", "ours")))


def run(folder, *arguments):
    common = ["speed", "--output", folder, "--repetitions", 1, "--threads", 1]
    return main([str(argument) for argument in [*common, *arguments]])


def saved(folder):
    return json.loads((folder / "speed.json").read_text())


def measured(**times):
    """Give what one round would have measured, an epoch of each contender taking so long."""
    return {
        name.replace("_", "-"): {"seconds": [[9, t, t]], "loss": [1.0]} for name, t in times.items()
    }


def judge(name, found):
    result = epochs.judge(name, "title", found, [])
    return {aim.text: aim for aim in result.aims}, result


def test_ratio_is_the_median_of_the_ratios_of_the_rounds():
    # The ratio of the medians would be 2 / 2.
    assert ratio([1, 2, 9], [2, 1, 3]) == (2, 0.5, 3)


def test_rounds_begin_with_another_one_each_time():
    order = []
    runs = {name: lambda i, name=name: order.append((i, name)) or i for name in "abc"}
    assert interleave(runs, 3) == {name: [0, 1, 2] for name in "abc"}
    assert [name for _, name in order] == list("abcbcacab")
    assert [i for i, _ in order] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with machine.use_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_units_have_unit_variance():
    made = make_problem(TINY, max_rows=50)
    assert made.standard.shape == (50, 12)
    assert made.standard.dtype == np.float32
    np.testing.assert_allclose(made.standard.mean(axis=0), 0, atol=1e-5)
    assert made.standard.var(axis=0).mean() == pytest.approx(1, rel=1e-4)


def test_something_takes_the_place_of_images(monkeypatch):
    def offline(name):
        raise BenchmarkError("not at hand")

    monkeypatch.setattr(cases, "load", offline)
    monkeypatch.setattr(cases, "synthetic", lambda n, m: np.linspace(-9, 9, 100)[:, None])
    cases.images.cache_clear()
    made = make_problem(replace(TINY, dataset="mnist", n_rows=50))
    cases.images.cache_clear()
    assert "in place of MNIST" in made.source
    np.testing.assert_allclose(255 * made.X, np.round(255 * made.X), atol=1e-4)
    assert 0 <= made.X.min() < made.X.max() <= 1


@pytest.fixture(scope="module")
def curved():
    """Draw grey levels, which one of the contenders reads as such."""
    rows = cases.synthetic(400, 12)
    X = np.round(255 / (1 + np.exp(-rows))).astype(np.float32) / np.float32(255)
    return Problem(replace(TINY, hidden_layer_sizes=(24,), batch_size=8), X, "rows")


@pytest.fixture(scope="module")
def loss_by_hand(curved):
    return epochs.CONTENDERS["hand-written"](curved, CPU, 25, 1).loss(curved.judged)


@pytest.mark.parametrize("name", epochs.CONTENDERS)
def test_all_train_to_the_same_loss(name, curved, loss_by_hand):
    if name in peers.missing():
        pytest.skip(f"{name} is not installed")
    trained = epochs.CONTENDERS[name](curved, CPU, 25, 0)
    assert len(trained.seconds) == 25
    assert min(trained.seconds) > 0
    by_hand = np.square(trained.reconstruct(curved.judged) - curved.judged).mean()
    assert trained.loss(curved.judged) == pytest.approx(by_hand, rel=1e-4)
    # One has an activation more, and one starts at the principal components.
    tolerance = {"MLPRegressor": 0.25, "ours, linear path": 0.25}.get(name, 0.08)
    assert by_hand == pytest.approx(loss_by_hand, rel=tolerance)


@pytest.mark.parametrize(("t", "is_met"), [(1.0, True), (1.03, True), (1.04, False)])
def test_bar_beside_the_hand_written_loop(t, is_met):
    assert epochs.seconds_an_epoch({"seconds": [[9, 1, 3], [9, 2, 2]]}) == [2, 2]
    aims, _ = judge("D", measured(ours=t, hand_written=1.0))
    aim = aims["time, ours / hand-written"]
    assert aim.value == pytest.approx(t)
    assert aim.is_met is is_met


def test_nobody_wins_by_doing_less():
    found = measured(ours=1.0, hand_written=1.0, skorch=2.0)
    found["ours"]["loss"], found["skorch"]["loss"] = [1.06], [0.9]
    aims, result = judge("C", found)
    assert not aims["loss, ours / hand-written"].is_met
    assert "skorch: its loss differs from the hand-written loop's" in result.notes


def test_defaults_are_measured(small, tmp_path, capsys, monkeypatch):
    parts = ["fit", "transform", "wide", "import"]
    assert run(tmp_path, "--cases", "--rows", 60, "--parts", *parts) == 0
    printed = capsys.readouterr().out
    assert "processor seconds on one thread" in printed
    found = saved(tmp_path)["parts"]
    assert list(found) == parts
    assert [line[""] for line in found["fit"]["measured"]] == list(defaults.TABLES)
    for line in found["fit"]["measured"] + found["wide"]["measured"]:
        assert line["rows"] == 60
        assert min(line["fit s"], line["transform s"], line["fit / it"]) > 0
    assert found["fit"]["raw"]["iris"]["MLPRegressor"][0] > 0
    assert all(line["error"] > 0 for line in found["transform"]["measured"])


def test_many_rows_and_sparse_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(defaults, "synthetic", lambda n, m: cases.synthetic(100, m))
    sparse = defaults.scipy.sparse.random_array((50, 20), density=0.2, format="csr", random_state=0)
    monkeypatch.setattr(
        defaults.scipy.sparse, "random_array", lambda *args, **kwargs: sparse.astype(np.float32)
    )
    monkeypatch.setattr(defaults, "AutoencoderTransformer", lambda k, **_: defaults.TruncatedSVD(2))
    settings = Settings(CPU, 1, 2, large=True)
    assert len(defaults.rows(settings).lines) == 3
    (line,) = defaults.sparse(settings).lines
    assert line["TruncatedSVD s"] > 0


def test_cases_are_measured_and_kept(small, tmp_path, capsys):
    assert run(tmp_path, "--cases", "A", "E", "--parts") == 0
    printed = capsys.readouterr().out
    for expected in (
        "12-8-3, batches of 32, 200 synthetic rows",
        "convolutional, code of 3",
        'PyOD: pip install "sklearn-ae[peers]"',
        "time, ours / hand-written",
        "bars are met",
    ):
        assert expected in printed
    assert run(tmp_path, "--cases", "--parts", "import") == 0
    found = saved(tmp_path)
    assert found["threads"] == 1
    assert list(found["parts"]) == ["A", "E", "import"]
    names = [name for name in cases.CASES["A"].contenders if name not in ("PyOD", "Keras")]
    assert [line[""] for line in found["parts"]["A"]["measured"]] == names
    assert len(found["parts"]["A"]["raw"]["ours"]["seconds"][0]) == 2
    assert plt.imread(tmp_path / "speed.png").std() > 0.01
