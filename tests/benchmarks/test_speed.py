import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from benchmarks.speed.finding import Finding, Settings
from matplotlib import pyplot as plt

from benchmarks import speed
from benchmarks.__main__ import main
from benchmarks.data import BenchmarkError
from benchmarks.speed import cases, contenders, drawing, epochs, overheads, peers, processes, report
from benchmarks.speed.cases import Case, Problem, make_problem
from benchmarks.speed.contenders import autoencoder
from benchmarks.speed.rounds import interleave, ratio, seconds, use_threads
from benchmarks.variants.study import Aim

CPU = torch.device("cpu")
SETTINGS = Settings(CPU, threads=1, repetitions=1)
TINY = Case("synthetic", 200, (8,), 3, 32, tuple(epochs.CONTENDERS), 1, n_features=12)


@pytest.fixture
def small(monkeypatch):
    """Make every case tiny, every other process unnecessary and no peer present."""
    monkeypatch.setattr(epochs, "_PRODUCT_SIZE", 64)
    monkeypatch.setattr(overheads, "_TINY_EPOCHS", 2)
    monkeypatch.setattr(overheads, "_TINY_REPETITIONS", 1)
    monkeypatch.setattr(overheads, "_N_CALLS", 2)
    monkeypatch.setattr(processes, "_python", lambda code: None)
    monkeypatch.setattr(peers, "missing", lambda: {"PyOD": "pyod", "Keras": "keras"})
    for name, case in cases.CASES.items():
        tiny = replace(TINY, contenders=case.contenders)
        if case.is_convolutional:
            tiny = replace(tiny, hidden_layer_sizes=(), n_rows=40, n_features=64)
        monkeypatch.setitem(cases.CASES, name, tiny)


def problem(case=TINY, **options):
    return make_problem(case, **options)


def run(folder, *arguments):
    common = ["speed", "--output", folder, "--repetitions", 1, "--threads", 1]
    return main([str(argument) for argument in [*common, *arguments]])


def saved(folder):
    return json.loads((folder / "speed.json").read_text())


# --- rounds -------------------------------------------------------------------------------------


def test_ratio_is_the_median_of_the_ratios_of_the_rounds():
    # The ratio of the medians would be 2 / 2.
    found = ratio([1, 2, 9], [2, 1, 3])
    assert found == (2, 0.5, 3)


def test_rounds_begin_with_another_one_each_time():
    order = []
    runs = {name: lambda i, name=name: order.append((i, name)) or i for name in "abc"}
    ticks = []
    assert interleave(runs, 3, lambda: ticks.append(1)) == {name: [0, 1, 2] for name in "abc"}
    assert [name for _, name in order] == list("abcbcacab")
    assert [i for i, _ in order] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len(ticks) == 9


def test_seconds_are_those_of_one_call():
    calls = []
    assert seconds(lambda: calls.append(1), CPU, 5) >= 0
    assert len(calls) == 5


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with use_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


# --- what is trained ----------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(8,), (16, 8, 4)], ids=str)
def test_operations_are_counted(hidden):
    found = problem(replace(TINY, hidden_layer_sizes=hidden)).operations()
    sizes = [12, *hidden, 3, *reversed(hidden), 12]
    products = [2 * m * n for m, n in pairwise(sizes)]
    # One forward, two backward, but no gradient of the input.
    assert found == 200 * (3 * sum(products) - products[0])


def test_operations_of_convolutions_are_counted():
    case = replace(TINY, hidden_layer_sizes=(), n_features=64)
    weights = [5 * 5 * 1 * 16, 5 * 5 * 16 * 32]
    pixels = [16, 4]  # of the outputs of a convolution, 4 x 4 and 2 x 2
    products = [2 * n * m for n, m in zip(weights, pixels, strict=True)]
    products = [*products, 2 * 2 * 2 * 32 * 3]  # and the layer that makes the code
    assert problem(case).operations() == 200 * (2 * 3 * sum(products) - products[0])


def test_units_are_those_of_the_estimator():
    made = problem()
    assert made.standard.dtype == np.float32
    np.testing.assert_allclose(made.standard.mean(axis=0), 0, atol=1e-5)
    assert made.standard.var(axis=0).mean() == pytest.approx(1, rel=1e-4)
    fitted = autoencoder(made, CPU, 1, 0).fit(made.X)
    x = fitted.net_.module_.standardize(torch.from_numpy(made.X)).numpy()
    np.testing.assert_allclose(x, made.standard, atol=1e-5)


@pytest.mark.parametrize("activation", cases.ACTIVATIONS)
def test_network_is_that_of_the_estimator(activation):
    made = problem(activation=activation)
    fitted = autoencoder(made, CPU, 1, 0, linear_path=None).fit(made.X)
    module = fitted.net_.module_
    theirs, expected = (
        [layer for layer in network.modules() if not list(layer.children())]
        for network in (made.network(), torch.nn.Sequential(module.encoder, module.decoder))
    )
    assert len(theirs) == len(expected)
    for a, b in zip(theirs, expected, strict=True):
        assert type(a).__name__ == type(b).__name__
        assert sum(w.numel() for w in a.parameters()) == sum(w.numel() for w in b.parameters())


def test_rows_for_a_quick_look():
    made = problem(max_rows=50)
    assert made.X.shape == (50, 12)
    assert made.X_test.shape[1] == 12


def test_something_takes_the_place_of_images(monkeypatch):
    def offline(name):
        raise BenchmarkError("not at hand")

    monkeypatch.setattr(cases, "load", offline)
    monkeypatch.setattr(cases, "synthetic", lambda n, m: np.linspace(-9, 9, 70_000)[:, None])
    cases.images.cache_clear()
    cases._random_images.cache_clear()
    made = problem(replace(TINY, dataset="mnist", n_rows=60_000))
    cases.images.cache_clear()
    cases._random_images.cache_clear()
    assert "in place of MNIST" in made.source
    assert (len(made.X), len(made.X_test)) == (60_000, 10_000)
    pixels = 255 * np.concatenate([made.X, made.X_test])
    np.testing.assert_allclose(pixels, np.round(pixels), atol=1e-4)
    assert 0 <= pixels.min() < pixels.max() <= 255.001


# --- who trains it ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def curved():
    """Draw grey levels, which one of the contenders reads as such."""
    rows = cases.synthetic(480, 12)
    X = np.round(255 / (1 + np.exp(-rows))).astype(np.float32) / np.float32(255)
    case = replace(TINY, n_rows=400, hidden_layer_sizes=(24,), batch_size=8)
    return Problem(case, X[:400], X[400:], "rows", "tanh")


@pytest.fixture(scope="module")
def loss_by_hand(curved):
    return contenders.hand_written(curved, CPU, 25, 1).loss(curved.judged)


@pytest.mark.parametrize("name", epochs.CONTENDERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
def test_all_train_to_the_same_loss(name, curved, loss_by_hand):
    if name in peers.missing():
        pytest.skip(f"{name} is not installed")
    trained = epochs.CONTENDERS[name](curved, CPU, 25, 0)
    assert len(trained.seconds) == 25
    assert min(trained.seconds) > 0
    reconstructions = trained.reconstruct(curved.judged)
    assert reconstructions.shape == curved.judged.shape
    by_hand = np.square(reconstructions - curved.judged).mean()
    assert trained.loss(curved.judged) == pytest.approx(by_hand, rel=1e-4)
    # One has an activation more, and one starts at the principal components.
    tolerance = {"MLPRegressor": 0.12, "ours, linear path": 0.12}.get(name, 0.02)
    assert by_hand == pytest.approx(loss_by_hand, rel=tolerance)
    assert loss_by_hand < 0.25


def test_stopwatch_leaves_training_lean(curved):
    stopwatch = contenders.Stopwatch(CPU)
    fitted = autoencoder(curved, CPU, 3, 0, callbacks=[stopwatch]).fit(curved.X)
    assert not fitted.net_._watches_batches
    assert stopwatch.begin < stopwatch.ends[0] < stopwatch.ends[1] < stopwatch.ends[2]
    assert sum(stopwatch.seconds) == pytest.approx(stopwatch.ends[-1] - stopwatch.begin)


def test_convolutions_are_the_very_same(small):
    made = problem(cases.CASES["E"])
    losses = [epochs.CONTENDERS[name](made, CPU, 5, 0).loss(made.judged) for name in
              ("ours", "hand-written")]  # fmt: skip
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


# --- what is said -------------------------------------------------------------------------------


def measured(**times):
    """Give what one round would have measured, an epoch of each contender taking so long."""
    return {
        "contenders": {
            name.replace("_", "-"): {"seconds": [[9, t, t]], "loss": [1.0], "test_loss": [1.0]}
            for name, t in times.items()
        },
        "operations": 10**6,
        "product_rate": [10**7],
    }


def judged(name, raw):
    finding = epochs.judge(name, problem(), raw, [])
    return {aim.text.partition(" (")[0]: aim for aim in finding.aims}, finding


def test_first_epoch_does_not_count():
    assert epochs.seconds_an_epoch({"seconds": [[9, 1, 3], [9, 2, 2]]}) == [2, 2]


@pytest.mark.parametrize(("t", "is_met"), [(1.0, True), (1.03, True), (1.04, False)])
def test_bar_beside_the_hand_written_loop(t, is_met):
    aims, _ = judged("D", measured(ours=t, hand_written=1.0))
    aim = aims["time, ours / hand-written"]
    assert aim.value == pytest.approx(t)
    assert aim.is_met is is_met


def test_nobody_wins_by_doing_less():
    raw = measured(ours=1.0, hand_written=1.0, skorch=2.0)
    raw["contenders"]["ours"]["loss"] = [1.06]
    raw["contenders"]["skorch"]["loss"] = [0.9]
    aims, finding = judged("C", raw)
    assert not aims["loss, ours / hand-written"].is_met
    assert "skorch: its loss differs from the hand-written loop's" in finding.notes
    assert finding.lines[2]["differs"] == pytest.approx(-0.1)


def test_share_of_the_arithmetic():
    aims, finding = judged("B1024", measured(ours=0.125, hand_written=1.0))
    # 10^6 operations in 1/8 s, where 10^7 a second are possible.
    assert aims["arithmetic, share of a large product's"].value == pytest.approx(0.8)
    assert any("80% of a large product's" in note for note in finding.notes)


@pytest.mark.parametrize("units", [["AMX"], ["AVX-512"], []], ids=str)
def test_bfloat16_is_judged_where_the_processor_has_it(units, monkeypatch):
    monkeypatch.setattr(epochs.machine, "bfloat16_units", lambda: units)
    raw = measured(ours=1.0, hand_written=1.0)
    raw["contenders"]["ours, bfloat16"] = {"seconds": [[9, 0.3]], "loss": [1], "test_loss": [1.01]}
    aims, finding = judged("B1024", raw)
    assert aims["test error, bfloat16 / float32"].is_met
    assert ("time, bfloat16 / float32" in aims) == ("AMX" in units)
    assert any("this processor has" in note for note in finding.notes)


def test_report_names_the_bars_that_are_missed():
    found = Finding("title", [{"": "ours", "ms": 1234.5}], [Aim("a", 1, "<=", 2)], notes=["note"])
    other = replace(found, aims=[Aim("b", 3, ">=", 4)])
    text = report.summary({"x": found, "y": other})
    assert text == "1 of 2 bars are met\nmissed  y: b 3.000"
    table = report.table(found)
    assert list(table.columns[1].cells) == ["1,234"]


def test_picture_is_drawn(tmp_path):
    raw = measured(ours=1.0, hand_written=2.0, skorch=3.0)["contenders"]
    drawing.draw_epochs({"first": raw, "second": raw}, "machine", tmp_path / "a.png")
    assert plt.imread(tmp_path / "a.png").std() > 0.01


# --- from the command line ----------------------------------------------------------------------


def test_report_is_written(small, tmp_path, capsys):
    case_names, parts = ["A", "B1024", "E"], ["tiny", "transform", "components", "import"]
    assert run(tmp_path, "--cases", *case_names, "--parts", *parts) == 0
    printed = capsys.readouterr().out
    for expected in (
        "A: 12-8-3, batches of 32, 200 synthetic rows",
        "E: convolutional",
        'PyOD is not installed: pip install "sklearn-ae[peers]"',
        "time, ours / hand-written",
        "bars are met",
    ):
        assert expected in printed
    found = saved(tmp_path)
    assert found["threads"] == 1
    assert found["machine"]["torch"]
    assert list(found["parts"]) == [*case_names, *parts]
    a = found["parts"]["A"]
    assert [line[""] for line in a["measured"]] == [
        name for name in cases.CASES["A"].contenders if name not in ("PyOD", "Keras")
    ]
    assert len(a["raw"]["contenders"]["ours"]["seconds"][0]) == 2
    for name in [*case_names, *parts]:
        for aim in found["parts"][name]["aims"]:
            assert np.isfinite(aim["value"])
    assert plt.imread(tmp_path / "speed.png").std() > 0.01


def test_parts_are_kept_beside_each_other(small, tmp_path, capsys):
    assert run(tmp_path, "--cases", "C", "--parts") == 0
    assert run(tmp_path, "--cases", "--parts", "tiny") == 0
    assert list(saved(tmp_path)["parts"]) == ["C", "tiny"]
    assert run(tmp_path, "--cases", "--parts", "tiny", "--rows", 100) == 0
    assert list(saved(tmp_path)["parts"]) == ["tiny"]


def test_contender_that_does_not_know_the_activation(small, tmp_path, capsys):
    assert run(tmp_path, "--cases", "C", "--parts", "--activation", "gelu") == 0
    assert "MLPRegressor has no activation gelu" in capsys.readouterr().out
    assert "MLPRegressor" not in saved(tmp_path)["parts"]["C"]["raw"]["contenders"]


def test_memory_of_a_fit(small, monkeypatch):
    class SameProcess:
        def __init__(self, *args, **kwargs):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def submit(self, function, *arguments):
            found = function(*arguments)
            return type("Future", (), {"result": lambda self: found})()

    monkeypatch.setattr(processes, "ProcessPoolExecutor", SameProcess)
    finding = processes.memory(SETTINGS)
    assert finding.lines[0]["MiB"] == pytest.approx(200 * 12 * 4 / 2**20)
    assert finding.aims[0].value >= 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--repetitions", 0), "--repetitions must be at least 1"),
        (("--threads", 0), "--threads must be at least 1"),
        (("--rows", 0), "--rows must be at least 1"),
        (("--device", "nowhere"), "--device nowhere can not be used"),
    ],
    ids=str,
)
def test_sentence_instead_of_a_traceback(arguments, message, tmp_path, capsys):
    assert run(tmp_path, *arguments) == 1
    assert message in capsys.readouterr().err


def test_versions_of_the_peers_that_are_there(monkeypatch):
    monkeypatch.setattr(peers, "missing", lambda: {"PyOD": "pyod", "Keras": "keras"})
    assert peers.versions() == {}


def test_parts_and_cases_have_names_of_their_own():
    assert not set(speed.PARTS) & set(cases.CASES)
    for name in cases.CASES.values():
        assert set(name.contenders) <= set(epochs.CONTENDERS)
