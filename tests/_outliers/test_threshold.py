import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_ae import AutoencoderOutlierDetector


def draw(n_rows, seed):
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, (n_rows, 1))
    return np.hstack([t, t**2, np.sin(3 * t)]) + rng.normal(scale=0.05, size=(n_rows, 3))


def make(**parameters):
    defaults = {"n_components": 1, "hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0}
    return AutoencoderOutlierDetector(**defaults | parameters)


@pytest.fixture(scope="module")
def fitted():
    return make().fit(draw(400, 0))


# --- p-values -----------------------------------------------------------------------------------


def test_p_values_of_inliers_are_not_too_small():
    # On average over many training and validation sets.
    rates = (0.05, 0.1, 0.3, 0.5)
    found = []
    for seed in range(20):
        p_values = make(max_iter=2).fit(draw(200, seed)).p_values(draw(200, 1000 + seed))
        found.append([(p_values <= rate).mean() for rate in rates])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert (mean <= rates + 2.5 * error).all()
    # Far too large ones would be valid, but useless.
    assert (mean >= 0.5 * np.array(rates)).all()


@pytest.mark.parametrize("kind", ["wide", "tied"])
def test_p_values_are_valid_for_awkward_data(kind):
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        if kind == "wide":
            X, new = rng.normal(size=(2, 60, 80))
        else:
            X, new = np.eye(6)[rng.choice(6, (2, 300), p=[0.4, 0.2, 0.2, 0.1, 0.05, 0.05])]
        detector = make(n_components="auto", max_iter=2, early_stopping=kind == "tied")
        p_values = detector.fit(X).p_values(new)
        found.append([(p_values <= rate).mean() for rate in (0.1, 0.3)])
    assert (np.mean(found, axis=0) <= [0.15, 0.38]).all()


def test_p_values_count_weights():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(900, 2)), 6 * rng.normal(size=(100, 2))])
    weight = np.repeat([1.0, 9.0], [900, 100])
    wide = 6 * rng.normal(size=(300, 2))
    heavy = make().fit(X, sample_weight=weight).p_values(wide)
    assert np.median(heavy) > 2 * np.median(make().fit(X).p_values(wide))


@pytest.mark.parametrize(("early_stopping", "n_known"), [("auto", 400), (True, 40)])
def test_p_values_are_ranks_among_rows_that_were_left_out(early_stopping, n_known):
    fitted = make(early_stopping=early_stopping).fit(draw(400, 0))
    p_values = fitted.p_values(np.vstack([draw(100, 1), [[50.0, 50.0, 50.0]]]))
    assert p_values[-1] == pytest.approx(1 / (n_known + 1))
    assert p_values.max() <= 1
    scores = fitted.score_samples(draw(100, 1))
    assert np.corrcoef(p_values[:-1].argsort().argsort(), scores.argsort().argsort())[0, 1] > 0.8


def test_p_values_need_rows_that_were_left_out():
    # There are no parts to leave out, neither of a few different rows nor by other networks.
    assert make().fit(np.repeat(draw(10, 0), 30, axis=0))._calibration_ is None
    detector = make(early_stopping=False, latent="variational").fit(draw(300, 0))
    for call in (
        lambda: detector.p_values(draw(5, 1)),
        lambda: detector.predict(draw(5, 1), false_discovery_rate=0.1),
    ):
        with pytest.raises(ValueError, match="early_stopping=True"):
            call()
    detector.set_threshold(draw(99, 2), false_positive_rate=0.1)
    assert detector.p_values(draw(5, 1)).min() >= 0.01


def test_false_discoveries_are_rare():
    shares, power = [], []
    for seed in range(10):
        detector = make().fit(draw(1000, seed))
        X = np.vstack([draw(180, 100 + seed), draw(20, 200 + seed)[:, [2, 0, 1]]])
        found = detector.predict(X, false_discovery_rate=0.2) == -1
        shares.append(found[:180].sum() / max(found.sum(), 1))
        power.append(found[180:].mean())
    assert np.mean(shares) < 0.3
    assert np.mean(power) > 0.3


def test_without_outliers_hardly_anything_is_discovered(fitted):
    found = fitted.predict(draw(300, 5), false_discovery_rate=0.05)
    assert (found == -1).mean() < 0.02


@pytest.mark.parametrize("rate", [0, 1, -0.1, 2])
def test_bad_false_discovery_rate(fitted, rate):
    with pytest.raises(ValueError, match="false_discovery_rate"):
        fitted.predict(draw(5, 0), false_discovery_rate=rate)


# --- set_threshold ------------------------------------------------------------------------------


def test_set_threshold_by_contamination():
    detector = make().fit(draw(300, 0))
    X = draw(200, 1)
    scores = detector.score_samples(X)
    assert detector.set_threshold(X, contamination=0.2) is detector
    assert (detector.predict(X) == -1).mean() == pytest.approx(0.2, abs=0.005)
    np.testing.assert_array_equal(detector.score_samples(X), scores)
    detector.set_threshold(X, contamination="auto")
    assert 0 < (detector.predict(X) == -1).mean() < 0.1


@pytest.mark.parametrize("n_outliers", [5, 25])
def test_auto_finds_half_a_percent_of_outliers(n_outliers):
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(200 * n_outliers, 4)), 6 + rng.normal(size=(n_outliers, 4))])
    found = AutoencoderOutlierDetector(random_state=0).fit_predict(X) == -1
    assert found[-n_outliers:].all()
    assert found.sum() <= 3 * n_outliers


@pytest.mark.parametrize("n_rows", [50, 200, 2000])
def test_p_values_are_valid_for_any_number_of_rows(n_rows):
    rates = np.array([0.05, 0.1, 0.3])
    found = []
    for seed in range(400 // n_rows + 2):
        p_values = make().fit(draw(n_rows, seed)).p_values(draw(1000, 1000 + seed))
        assert p_values.min() >= 1 / (n_rows + 1) * (1 - 1e-9)
        found.append([(p_values <= rate).mean() for rate in rates])
    # By chance, the rows of one fit may be less spread than most.
    chance = 2.5 * np.sqrt(rates / (n_rows * len(found)))
    assert (np.mean(found, axis=0) <= rates + chance).all()
    assert (np.mean(found, axis=0) >= 0.4 * rates).all()


def test_set_threshold_by_weights():
    detector = make().fit(draw(300, 0))
    X = draw(200, 1)
    weight = np.repeat([1.0, 3.0], 100)
    detector.set_threshold(X, contamination=0.2, sample_weight=weight)
    found = detector.predict(X) == -1
    assert weight[found].sum() / weight.sum() == pytest.approx(0.2, abs=0.01)


def test_fitting_with_the_same_contamination_is_the_same():
    X = draw(300, 0)
    offset = make(contamination=0.1).fit(X).offset_
    assert make().fit(X).set_threshold(X, contamination=0.1).offset_ == offset


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5])
def test_false_positive_rate_holds_on_other_rows(rate):
    found = []
    for seed in range(15):
        detector = make(max_iter=2).fit(draw(200, seed))
        detector.set_threshold(draw(100, 500 + seed), false_positive_rate=rate)
        found.append((detector.predict(draw(300, 900 + seed)) == -1).mean())
    assert rate - 0.06 < np.mean(found) < rate + 0.02


def test_false_positive_rate_is_the_p_value():
    detector = make().fit(draw(300, 0))
    detector.set_threshold(draw(199, 1), false_positive_rate=0.1)
    X = draw(500, 2)
    np.testing.assert_array_equal(detector.predict(X) == -1, detector.p_values(X) <= 0.1)


def test_false_positive_rate_of_equal_scores():
    rng = np.random.default_rng(0)
    kinds = np.array([[0.0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]])
    X, reference, new = (kinds[rng.choice(4, n, p=[0.5, 0.25, 0.15, 0.1])] for n in (300, 200, 999))
    detector = make().fit(X).set_threshold(reference, false_positive_rate=0.05)
    assert (detector.predict(new) == -1).mean() <= 0.05


def test_shares_are_numbers(fitted):
    nan = float("nan")
    for call in (
        lambda: fitted.set_threshold(draw(50, 0), contamination=nan),
        lambda: fitted.set_threshold(draw(50, 0), false_positive_rate=nan),
        lambda: fitted.predict(draw(5, 0), false_discovery_rate=nan),
        lambda: fitted.set_threshold(draw(50, 0), contamination="most"),
    ):
        with pytest.raises(ValueError, match="must be"):
            call()


def test_too_few_rows_for_the_rate(fitted):
    before = fitted.offset_
    with pytest.raises(ValueError, match="at least 99 rows are needed; got 98"):
        fitted.set_threshold(draw(98, 1), false_positive_rate=0.01)
    assert fitted.offset_ == before


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "exactly one"),
        ({"contamination": 0.1, "false_positive_rate": 0.1}, "exactly one"),
        ({"contamination": 0.6}, "contamination"),
        ({"contamination": -0.1}, "contamination"),
        ({"false_positive_rate": 0}, "false_positive_rate"),
        ({"false_positive_rate": 1.5}, "false_positive_rate"),
        ({"false_positive_rate": 0.1, "sample_weight": np.ones(300)}, "not supported with"),
    ],
)
def test_bad_thresholds(fitted, parameters, message):
    before = fitted.offset_
    with pytest.raises(ValueError, match=message):
        fitted.set_threshold(draw(300, 0), **parameters)
    assert fitted.offset_ == before


def test_not_fitted():
    for call in (
        lambda: make().set_threshold(draw(5, 0), contamination=0.1),
        lambda: make().p_values(draw(5, 0)),
        lambda: make().predict(draw(5, 0), false_discovery_rate=0.1),
    ):
        with pytest.raises(NotFittedError):
            call()
