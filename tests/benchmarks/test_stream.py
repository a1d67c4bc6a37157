import json

import numpy as np
import pytest

from benchmarks import stream
from benchmarks.__main__ import main


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr(stream, "in_process", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(stream, "N_TEST_ROWS", 500)


def test_memory_and_stream(tmp_path, capsys, in_this_process):
    sizes = ["--rows", "3000", "--large", "4000", "--seeds", "1"]
    assert main(["stream", "--output", str(tmp_path), "--folder", str(tmp_path), *sizes]) == 0
    parts = json.loads((tmp_path / "stream.json").read_text())["parts"]
    names = [line[""] for line in parts["compare, 3,000 rows"]["measured"]]
    kinds = [f"{kind}, {order}" for kind in stream.FORMATS for order in ("shuffled", "sorted")]
    assert names == ["in memory", *kinds]
    assert list(parts) == ["compare, 3,000 rows", *(f"large {kind}" for kind in stream.FORMATS)]
    for line in (line for part in parts.values() for line in part["measured"]):
        assert min(line[key] for key in ("epoch, s", "fit, s", "peak, MB", "error")) > 0
    assert "peak memory" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["stream.json"]  # the files are gone


@pytest.mark.parametrize("kind", stream.FORMATS)
def test_files_hold_the_same_rows(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_ROWS", 64)
    rows = np.concatenate(list(stream.make_rows(150)))
    for is_sorted in (False, True):
        found = stream.read(kind, stream.write(kind, tmp_path, 150, is_sorted), 150)
        if kind == "parquet":
            found = np.column_stack([column.to_numpy() for column in found.to_table().columns])
        expected = rows[np.argsort(rows[:, 0])] if is_sorted else rows
        np.testing.assert_array_equal(found, expected)
