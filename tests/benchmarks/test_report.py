import json

import numpy as np
import pytest

from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.report import Aim, Result


@pytest.mark.parametrize(
    ("relation", "bound", "is_met"),
    [("<", 2, False), ("<", 3, True), ("<=", 2, True), ("<=", 1, False), (">", 2, False),
     (">", 1, True), (">=", 2, True), (">=", 3, False), ("=", 2, True), ("=", 1, False)],
)  # fmt: skip
def test_aims_are_judged_in_the_right_direction(relation, bound, is_met):
    aim = Aim("text", 2, relation, bound)
    assert aim.is_met is is_met
    assert aim.to_json()["met"] is is_met
    (cell,) = report.aims_table([aim]).columns[0].cells
    assert ("missed" in cell) is not is_met
    assert not Aim("text", np.nan, relation, bound).is_met


def test_table_leaves_out_what_is_a_list_and_what_is_missing():
    lines = [{"": "a", "x": 1234, "each": [1, 2]}, {"": "ours", "y": 0.12345}]
    made = report.table(lines)
    assert [column.header for column in made.columns] == ["", "x", "y"]
    assert [list(column.cells) for column in made.columns[1:]] == [["1,234", ""], ["", "0.1235"]]


def test_result_of_everything():
    result = Result("settings", [{"x": 1}], [Aim("a", 1, "<", 2)], ["note"], {"times": [1]})
    found = json.loads(json.dumps(result.to_json()))
    assert list(found) == ["settings", "measured", "aims", "notes", "raw"]
    console = report.make_console()
    with console.capture() as captured:
        console.print(report.show("title", result))
    assert all(text in captured.get() for text in ("title", "settings", "note", "met"))


def test_parts_are_kept_beside_those_of_the_same_run(tmp_path):
    file = tmp_path / "new" / "a.json"
    assert report.merge(file, {"seed": 0}, "parts", {"a": 1}) == {"a": 1}
    assert report.merge(file, {"seed": 0}, "parts", {"b": 2}) == {"a": 1, "b": 2}
    assert json.loads(file.read_text()) == {"seed": 0, "parts": {"a": 1, "b": 2}}
    assert report.merge(file, {"seed": 1}, "parts", {"c": 3}) == {"c": 3}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("ablation --max-rows 0", "--max-rows must be at least 1"),
        ("mnist --seeds 0", "--seeds must be at least 1"),
        ("outliers --max-train 0", "--max-train must be at least 1"),
        ("outliers --only nothing", "No table nothing: there are digits"),
        ("outliers --contenders nobody", "No contender nobody: there are ours"),
        ("pca --dataset nowhere.csv", "There is no data set 'nowhere.csv'"),
        ("pca --n-components 65", "between 1 and the number of columns, 64"),
        ("reconstruction --jobs 0", "--jobs must be at least 1"),
        ("reconstruction --sizes 1.1", "--sizes must be shares"),
        ("reconstruction --only nothing", "No table nothing: there are digits"),
        ("speed --repetitions 0", "--repetitions must be at least 1"),
        ("speed --device nowhere", "--device nowhere can not be used"),
        ("variants --max-iter 0", "--max-iter must be at least 1"),
    ],
    ids=lambda value: value.replace(" ", "_"),
)
def test_sentence_instead_of_a_traceback(command, message, capsys):
    assert main(command.split()) == 1
    assert message in capsys.readouterr().err
