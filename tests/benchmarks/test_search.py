import multiprocessing

import pytest

from benchmarks.search import measure


def test_a_contender_that_can_not_start_processes_is_not_measured():
    call = ("rates-decays-seeds", "GridSearchCV(n_jobs=2)", 0)
    with (
        multiprocessing.get_context("spawn").Pool(1) as daemonic,
        pytest.raises(UserWarning, match="Loky-backed"),
    ):
        daemonic.apply(measure, call)
