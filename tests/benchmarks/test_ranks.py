import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy.stats import f, friedmanchisquare

from benchmarks import ranks


def test_highest_score_has_the_first_rank():
    scores = [[0.9, 0.5, 1.0], [0.8, 0.7, 1.0], [0.7, 0.6, 0.2]]
    np.testing.assert_array_equal(ranks.rank(scores), [[1, 3, 1.5], [2, 1, 1.5], [3, 2, 3]])


def test_friedman_test_is_that_of_the_paper():
    # Demšar 2006, example of section 3.2.2: mean ranks of four classifiers on 14 data sets give
    # F = 3.69 with 3 and 39 degrees of freedom.
    means = np.array([3.143, 2.000, 2.893, 1.964])
    found = ranks.friedman_p_value(np.tile(means[:, None], 14))
    assert found == pytest.approx(f.sf(3.69, 3, 39), rel=0.01)


def test_friedman_test_agrees_with_scipy_where_there_are_many_tables():
    scores = np.random.default_rng(0).random((3, 2000))
    scores[2] += 0.02
    assert ranks.friedman_p_value(ranks.rank(scores)) == pytest.approx(
        friedmanchisquare(*scores).pvalue, rel=0.05
    )


def test_friedman_test_at_its_ends():
    same = np.tile([[1.0], [2.0], [3.0]], 5)
    assert ranks.friedman_p_value(same) == 0
    assert ranks.friedman_p_value(same[:, :1]) == 1
    assert ranks.friedman_p_value(np.full((3, 5), 2.0)) == 1


def test_critical_difference_is_that_of_the_paper():
    # Demšar 2006, table 5: q of 2.343 for 3 and 2.569 for 4 classifiers.
    assert ranks.critical_difference(4, 14) == pytest.approx(2.569 * np.sqrt(20 / 84), rel=1e-3)
    assert ranks.critical_difference(3, 10) == pytest.approx(2.343 * np.sqrt(12 / 60), rel=1e-3)


def test_picture_joins_what_chance_may_explain():
    def n_bars(found):
        figure, axis = plt.subplots()
        ranks.draw_ranks(axis, list("abcd"), found, "title", ["a"])
        texts = [text.get_text().split() for text in axis.texts]
        assert ["a", f"{found[0].mean():.1f}"] in texts
        plt.close(figure)
        return sum(line.get_linewidth() == 3 for line in axis.lines)

    apart = np.tile(np.arange(1.0, 5)[:, None], 100)
    assert n_bars(apart) == 0
    assert n_bars(apart[:, :2]) == 1
