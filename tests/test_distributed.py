"""Fits of several ranks: as good as those of one process, the same on all, and never hanging."""

import multiprocessing
import re

import numpy as np
import pytest
import torch

from sklearn_ae.distributed import all_ranks
from tests.ranks import make, make_data, run

SAME = [
    *("plain", "sockets", "weighted", "none", "few", "one batch", "lbfgs", "wide"),
    *("sparse codes", "modules"),
]
NOISY = ["variational", "salt", "denoising"]


def start(folder, size, scenario):
    """Start the processes of a scenario, and give what each reports; None of one that died."""
    # Each is a fork of a process that has imported everything: no other threads, no imports.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.ranks"])
    processes = [
        context.Process(target=run, args=(rank, size, folder, scenario)) for rank in range(size)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
        process.kill()
    reports = []
    for rank in range(size):
        path = folder / f"{rank}.pt"
        reports.append(torch.load(path) if path.exists() else None)
        assert not (reports[-1] and "error" in reports[-1]), reports[-1]["error"]
    return reports


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    return start(tmp_path_factory.mktemp("two"), 2, "two_ranks")


@pytest.fixture(scope="module")
def report(reports):
    return reports[0]


@pytest.mark.parametrize("name", [*SAME, *NOISY, "seedless", "adversarial", "stream", "further"])
def test_ranks_end_with_the_same_bits(reports, name):
    assert reports[0][name]["digest"] == reports[1][name]["digest"]


@pytest.mark.parametrize("name", SAME)
def test_equals_one_process_but_for_rounding(report, name):
    alone = report[name]["alone"]
    assert report[name]["loss"] == pytest.approx(alone["loss"], rel=1e-6)
    assert report[name]["best_loss"] == pytest.approx(alone["best_loss"], rel=1e-6)
    np.testing.assert_allclose(report[name]["scores"], alone["scores"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NOISY)
def test_is_as_good_as_one_process_under_noise(report, name):
    assert report[name]["loss"] == pytest.approx(report[name]["alone"]["loss"], rel=0.02)


def test_few_rows_give_the_bits_of_one_process(report):
    few = report["few"]
    assert (few["loss"], few["scores"]) == (few["alone"]["loss"], few["alone"]["scores"])


def test_sums_the_gradient_once_a_step(report):
    sizes, n_weights = report["reduced"]["sizes"], report["reduced"]["n_weights"]
    n_steps = 3 * -(-5400 // 375)
    assert sizes.count(n_weights) == n_steps
    others = [size for size in sizes if size != n_weights]
    assert len(others) < 20  # statistics, and the losses of an epoch
    assert max(others) <= 4096  # validation rows


def test_trains_further(report):
    assert report["further"]["n_iter"] == 2


def test_one_rank_equals_an_ordinary_fit(reports):
    found = reports[0]["one rank"]
    assert found["loss"] == pytest.approx(found["alone"]["loss"], rel=1e-6)
    assert "no member of the process group" in reports[1]["one rank"]


@pytest.mark.parametrize(
    ("name", "on_first", "on_second"),
    [
        ("NaN on rank 1", "Rank 1 raised ValueError: Input X contains NaN", "^Input X contains"),
        ("columns", "Rank 1 differs from rank 0 in the number of columns: 7, not 8", None),
        ("types", "X has types .*float32.*float64.* on different ranks", None),
        ("kinds", "Rank 1 differs from rank 0 in the kind of X: a sparse matrix", None),
        ("parameters", "Rank 1 differs from rank 0 in max_iter: 4, not 3", None),
        ("too few", "Found 1 sample.* on all ranks together while a minimum of 2", None),
        ("batches", "Callbacks that watch batches are not supported with several ranks", None),
    ],
)
def test_an_error_on_one_rank_is_raised_on_all(reports, name, on_first, on_second):
    for report, pattern in zip(reports, (on_first, on_second or on_first), strict=True):
        assert re.search(pattern, report["errors"][name])


@pytest.mark.parametrize("name", ["plain", "variational"])
def test_resumes_from_a_checkpoint(report, name):
    assert report["resumed"][name] == {"was_kept": True, "is_same": True, "is_removed": True}


def test_goes_on_from_the_last_epoch_that_a_rank_remembers(report):
    assert report["goes on"] == {"done": [1, 2, 3, 4], "is_same": True}


def test_the_other_rank_is_told_of_a_killed_one(report):
    killed = report["killed"]
    assert "failed or was killed" in killed["error"]
    assert killed["seconds"] < 60
    assert killed["kept"]


def test_four_ranks_of_which_one_has_no_rows(tmp_path):
    reports = start(tmp_path, 4, "four_ranks")
    assert len({report["digest"] for report in reports}) == 1
    assert reports[0]["loss"] == pytest.approx(make().fit(make_data()).loss_, rel=1e-6)
    for report in reports[:3]:  # the fourth was killed in the end, while they used sockets
        assert "failed or was killed" in report["killed"]["error"]
        assert report["killed"]["seconds"] < 60


def test_without_a_process_group():
    with pytest.raises(RuntimeError, match="There is no process group"), all_ranks():
        pass
