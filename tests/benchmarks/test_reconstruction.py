import json

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA

from benchmarks import reconstruction
from benchmarks.__main__ import main
from benchmarks.reconstruction import contenders, drawing, measuring, report, summary
from benchmarks.reconstruction.cases import ROUNDING, ZERO, Case
from benchmarks.reconstruction.measuring import Job, Measured, Settings, gather, split

SETTINGS = Settings(1, (0.5,), 1000, ("PCA", "ours"))


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("SKLEARN_AE_DATA", raising=False)


def run(output, *arguments):
    common = ["reconstruction", "--output", output, "--seeds", 2, "--contenders", "PCA", "ours"]
    return main([str(argument) for argument in [*common, *arguments]])


def saved(output):
    return json.loads((output / "reconstruction.json").read_text())


def case(*ratios, table="t", rows=1000, columns=20, k=2, pca=0.1, others=None, seconds=1.0):
    """Make what would have been measured, ours being so many times the error of PCA."""
    mse = {"PCA": [pca] * len(ratios), "ours": [pca * ratio for ratio in ratios]}
    mse |= {name: [pca * ratio] * len(ratios) for name, ratio in (others or {}).items()}
    times = {name: [seconds] * len(ratios) for name in mse}
    return Case(table, rows, columns, k, [1.0] * len(ratios), mse, times)


def aims(*cases):
    return {aim.text: aim for aim in summary.aims(list(cases))}


# --- contenders ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", contenders.CONTENDERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_contenders_reconstruct(name):
    X_train, X_test = split("digits", 0, 300)
    reconstruct = contenders.CONTENDERS[name](X_train, 16, 0)
    error = np.square(reconstruct(X_test) - X_test).mean()
    assert error < 0.7 * X_test.var(axis=0).mean()


def test_kernel_pca_has_its_limit():
    assert contenders.taking_part(["PCA", "KernelPCA"], 2000) == ["PCA", "KernelPCA"]
    assert contenders.taking_part(["PCA", "KernelPCA"], 2001) == ["PCA"]


def test_measured_by_hand():
    measured = measuring.measure(Job("iris", 2, 0), SETTINGS)
    X_train, X_test = split("iris", 0, 1000)
    pca = PCA(2).fit(X_train)
    residuals = pca.inverse_transform(pca.transform(X_test)) - X_test
    assert measured.mse["PCA"] == pytest.approx(np.square(residuals).mean(), rel=1e-4)
    assert measured.variance == pytest.approx(X_test.var(axis=0).mean(), rel=1e-4)
    assert (measured.n_rows, measured.n_features) == (150, 4)
    assert set(measured.seconds) == set(measured.mse) == {"PCA", "ours"}


def test_parameters_are_those_of_ours(monkeypatch):
    seen = {}

    def ours(X, n_components, seed, **parameters):
        seen.update(parameters)
        return lambda rows: rows

    monkeypatch.setitem(contenders.CONTENDERS, "ours", ours)
    settings = Settings(1, (0.5,), 1000, ("PCA", "ours"), {"tol": 0.5})
    assert measuring.measure(Job("iris", 1, 0), settings).mse["ours"] == 0
    assert seen == {"tol": 0.5}


def test_splits_are_gathered():
    found = {
        Job("t", k, seed): Measured(9, 4, 1.0, {"PCA": k + seed / 10}, {"PCA": 1.0})
        for seed in (0, 1)
        for k in (1, 2)
    }
    first, second = gather(found)
    assert (first.n_components, first.mse["PCA"]) == (1, [1, 1.1])
    assert (second.n_components, second.mse["PCA"]) == (2, [2, 2.1])
    assert first.variance == [1, 1]


# --- what it says -------------------------------------------------------------------------------


def test_ratio_is_taken_split_by_split():
    made = Case("t", 9, 4, 1, [1, 1], {"PCA": [1, 4], "ours": [2, 2]}, {})
    # The ratio of the means would be 4 / 5.
    assert made.ratio("ours").mean == pytest.approx((2 + 0.5) / 2)
    assert made.ratio("ours").error == pytest.approx(1.5 / np.sqrt(2) / np.sqrt(2))
    assert made.ratio("PCA") == (1, 0)


@pytest.mark.parametrize(
    ("ratios", "is_worse"),
    [
        ([1, 1, 1], False),
        ([0.9, 1.1, 1.1], False),  # 1.033 with a standard error of 0.067
        ([1.05, 1.1, 1.1], True),
        ([1 + ROUNDING / 2] * 3, False),
        ([1 + 2 * ROUNDING] * 3, True),
        ([1.01], True),  # of one split
        ([0.99], False),
    ],
    ids=str,
)
def test_standard_error(ratios, is_worse):
    assert case(*ratios).ratio("ours").is_worse is is_worse
    assert summary.worse([case(*ratios)]) == [case(*ratios)] * is_worse


def test_aims_beside_pca():
    found = aims(case(0.2), case(0.6), case(1.02))
    assert found["not worse than PCA within the standard error, share"].value == pytest.approx(
        2 / 3
    )
    assert found["worst ratio to PCA"].value == pytest.approx(1.02)
    assert found["median ratio to PCA"].value == pytest.approx(0.6)
    assert not any(aim.is_met for text, aim in found.items() if "PCA" in text)
    assert all(aim.is_met for aim in aims(case(0.2), case(0.4), case(1)).values())


def test_aims_beside_the_best_of_the_others():
    # Half of the better one, and as much again more than the better one.
    cases = case(0.2, others={"plain": 0.4, "KernelPCA": 3}), case(0.9, others={"plain": 0.6})
    found = aims(*cases, case(0.1))
    assert found["median ratio to the best of the others"].value == pytest.approx((0.5 + 1.5) / 2)
    assert found["better than the best of the others, share"].value == pytest.approx(0.5)
    text = "\n".join(summary.figures([*cases, case(0.1)]))
    assert "PCA among them: median 1.000, below 1 in 50% of the cases" in text


def test_geometric_mean():
    text = summary.figures([case(0.25), case(1, rows=100)])
    assert "geometric mean of the ratio to PCA, all: 0.500" in text
    assert "geometric mean of the ratio to PCA, 30 to 300 rows: 1.000" in text


def test_where_pca_is_exact_there_is_no_ratio():
    exact = case(100, 1, pca=ZERO / 1000)
    assert exact.is_exact
    found = aims(exact)
    # The worst of the splits counts.
    aim = found["PCA is exact: largest share of variance left"]
    assert aim.value == pytest.approx(ZERO / 10)
    assert aim.is_met
    assert not any("ratio" in text for text in found)
    assert not aims(case(2000, 1, pca=ZERO / 1000))[aim.text].is_met
    assert not case(1, pca=2 * ZERO).is_exact
    assert (
        summary.figures([exact])[0]
        == "0 cases (table x code size), and 1 that PCA leaves nothing of"
    )


def test_noise_and_small_tables_have_aims_of_their_own():
    found = aims(case(1.004, table="noise"), case(1.006, table="noise"), case(1.2, rows=300))
    assert found["noise: largest ratio to PCA"].value == pytest.approx(1.006)
    assert found["30 to 300 rows: worst ratio to PCA"].value == pytest.approx(1.2)
    assert "30 to 300 rows: worst ratio to PCA" not in aims(case(1, rows=29), case(1, rows=301))


def test_seconds_are_those_of_small_tables():
    (aim,) = (
        aim
        for text, aim in aims(
            case(1, rows=2000, columns=50, seconds=3),
            case(1, rows=2001, seconds=9),
            case(1, columns=51, seconds=9),
        ).items()
        if "seconds" in text
    )
    assert aim.value == 3
    assert not aim.is_met


def test_lines():
    cases = [
        case(0.5, 0.7, others={"plain": 12}),
        case(1.5, 1.5, k=3, others={"plain": 12345}),
        case(9, pca=1e-9, table="u", others={"plain": 1e8}),
    ]
    columns = report.lines(cases, ("PCA", "ours", "plain")).columns
    cells = [[cell.replace("[/bold", "[bold") for cell in column.cells] for column in columns]
    assert cells[0] == ["t", "", "u"]
    assert cells[3] == ["2", "3", "2"]
    assert cells[4] == ["10.0%", "10.0%", "1e-09"]
    assert cells[5] == ["[bold]0.600±0.100[bold]", "[bold red]1.500±0.000[bold red]", "= 9e-09"]
    assert cells[6] == ["12.0±0.0", "1e+04", "= 1e-01"]
    single = report.lines([case(0.5)], ("PCA", "ours"))
    assert list(single.columns[5].cells) == ["[bold]0.500[/bold]"]


@pytest.mark.parametrize("n_cases", [1, 200])
def test_picture_is_drawn(tmp_path, n_cases):
    cases = [case(0.01 + i / 100, others={"plain": 1e5, "KernelPCA": 1}) for i in range(n_cases)]
    drawing.draw_ratios([*cases, case(1, pca=1e-9)], tmp_path / "a.png")
    assert plt.imread(tmp_path / "a.png").std() > 0.01


# --- from the command line ----------------------------------------------------------------------


def test_report_is_written(tmp_path, capsys):
    assert run(tmp_path, "--only", "iris", "--parameters", "{'max_iter': 3}") == 0
    printed = capsys.readouterr().out
    assert "bars are met" in printed
    assert max(map(len, printed.splitlines())) <= 100
    found = saved(tmp_path)
    assert found["parameters"] == {"max_iter": 3}
    assert found["machine"]["torch"]
    assert [(it["table"], it["n_components"]) for it in found["cases"]] == [
        ("iris", 1),
        ("iris", 2),
    ]
    first = found["cases"][0]
    assert len(first["mse"]["ours"]) == len(first["seconds"]["PCA"]) == 2
    assert first["ratio"]["PCA"] == [1, 0]
    assert all(np.isfinite(aim["value"]) for aim in found["aims"])
    assert plt.imread(tmp_path / "reconstruction.png").std() > 0.01
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "reconstruction.json",
        "reconstruction.png",
    ]


@pytest.fixture
def stand_in(monkeypatch):
    """Measure nothing, and fail or be interrupted where a test wants it."""
    on_table = {}

    def measure(job, settings):
        if job.table in on_table:
            raise on_table[job.table]
        return Measured(150, 4, 1.0, {"PCA": 0.5, "ours": 0.25}, {"PCA": 1.0, "ours": 1.0})

    monkeypatch.setattr(measuring, "measure", measure)
    return on_table


def test_interrupted_run_keeps_what_it_had(tmp_path, stand_in, capsys):
    stand_in["wine"] = KeyboardInterrupt()
    assert run(tmp_path, "--only", "wine") == 1
    assert "No table was finished" in capsys.readouterr().err
    stand_in["diabetes"] = stand_in.pop("wine")
    assert run(tmp_path, "--only", "wine", "diabetes", "iris") == 1
    assert "--resume goes on from there" in capsys.readouterr().err
    assert {it["table"] for it in saved(tmp_path)["cases"]} == {"wine"}
    # What is there is not measured again.
    stand_in.clear()
    stand_in["wine"] = AssertionError()
    assert run(tmp_path, "--only", "wine", "diabetes", "iris", "--resume") == 0
    found = saved(tmp_path)["cases"]
    assert list(dict.fromkeys(it["table"] for it in found)) == ["wine", "diabetes", "iris"]
    assert found[0]["ratio"]["ours"] == [0.5, 0]
    # Without the option, all begins anew.
    assert run(tmp_path, "--only", "iris") == 0
    assert {it["table"] for it in saved(tmp_path)["cases"]} == {"iris"}


def test_only_the_same_run_is_resumed(tmp_path, stand_in, capsys):
    assert run(tmp_path, "--only", "iris", "--resume") == 0
    assert run(tmp_path, "--only", "wine", "--resume", "--max-rows", 99) == 1
    assert "its max_rows is 20000, not 99" in capsys.readouterr().err
    assert {it["table"] for it in saved(tmp_path)["cases"]} == {"iris"}


def test_failure_loses_no_other_table(tmp_path, stand_in, capsys):
    stand_in["wine"] = RuntimeError("out of luck")
    assert run(tmp_path, "--only", "wine", "iris") == 1
    printed = capsys.readouterr()
    assert "out of luck" in printed.out
    assert "Failed, see above: wine." in printed.err
    assert {it["table"] for it in saved(tmp_path)["cases"]} == {"iris"}


def test_pca_and_ours_always_take_part(tmp_path, stand_in):
    assert (
        main(["reconstruction", "--output", str(tmp_path), "--only", "iris", "--contenders"]) == 0
    )
    assert saved(tmp_path)["contenders"] == ["PCA", "ours"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"tol": 0.003, "linear_path": null}', {"tol": 0.003, "linear_path": None}),
        ("{'hidden_layer_sizes': (8,), 'tol': None}", {"hidden_layer_sizes": (8,), "tol": None}),
    ],
    ids=["JSON", "Python"],
)
def test_parameters_of_the_command_line(text, expected):
    assert reconstruction._parameters(text) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--parameters", "{'speed': 1}"), "no parameter speed"),
        (("--parameters", "{'n_components': 1}"), "no parameter n_components"),
        (("--parameters", "open('x')"), "neither JSON nor Python for a dict"),
        (("--parameters", "[1]"), "neither JSON nor Python for a dict"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_bad_parameters(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit):
        run(tmp_path, *arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seeds", 0), "--seeds must be at least 1"),
        (("--max-rows", 0), "--max-rows must be at least 1"),
        (("--jobs", 0), "--jobs must be at least 1"),
        (("--sizes", 0.1, 1.1), "--sizes must be shares"),
        (("--only", "nothing"), "No table nothing"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_sentence_instead_of_a_traceback(tmp_path, capsys, arguments, message):
    assert run(tmp_path, *arguments) == 1
    assert message in capsys.readouterr().err
