import dataclasses

import numpy as np
import pytest

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae._fitting.plan import make_plan


def plan(n_rows, n_features, estimator=None, **parameters):
    estimator = AutoencoderTransformer(**parameters) if estimator is None else estimator
    is_detector = isinstance(estimator, AutoencoderOutlierDetector)
    return make_plan(
        estimator,
        n_rows,
        n_features,
        is_detector=is_detector,
        is_plain=not is_detector and estimator.latent is None and estimator.corruption is None,
        n_refinement_steps=0 if is_detector else estimator.n_refinement_steps,
    )


@pytest.mark.parametrize(
    ("n_rows", "n_features", "expected"),
    [
        (499, 2, (64, 32)),
        (500, 2, (128, 64)),
        (4999, 49, (128, 64)),
        (5000, 1, (256, 128)),
        (2000, 50, (256, 128)),
        (9999, 100, (256, 128)),
        (10_000, 100, (512, 256)),
    ],
)
def test_widths(n_rows, n_features, expected):
    assert plan(n_rows, n_features).hidden_layer_sizes == expected


@pytest.mark.parametrize(("n_rows", "n_features", "expected"), [(300, 3, 0.3), (100, 50, 0.4)])
def test_weight_decay(n_rows, n_features, expected):
    assert plan(n_rows, n_features).weight_decay == pytest.approx(expected)
    assert plan(n_rows, n_features, optimizer="adam").weight_decay == 0


@pytest.mark.parametrize("noise", [{"corruption": "masking"}, {"latent": "neighbors"}])
def test_weights_hardly_decay_with_noise(noise):
    assert plan(100, 50, **noise).weight_decay == pytest.approx(0.01)
    detector = AutoencoderOutlierDetector(corruption="gaussian")
    assert plan(100, 50, detector).weight_decay == pytest.approx(0.01)


def test_a_wide_map_has_as_many_steps_as_its_columns_ask_for():
    few, many = (plan(20_000, n, n_components=2, latent="neighbors").max_iter for n in (101, 800))
    assert many > 2 * few


@pytest.mark.parametrize(
    ("n_rows", "parameters", "expected"),
    [
        (499, {}, "trial"),
        (500, {}, "split"),
        (99, {"max_iter": 5}, "none"),
        (100, {"max_iter": 5}, "split"),
        (20, {"early_stopping": True}, "split"),
        (20_000, {"early_stopping": False}, "none"),
    ],
)
def test_validation(n_rows, parameters, expected):
    assert plan(n_rows, 5, **parameters).validation == expected


@pytest.mark.parametrize(
    ("n_rows", "parameters", "joins"),
    [
        (499, {}, False),
        (500, {}, True),
        (4999, {}, True),
        (5000, {}, False),
        (1000, {"early_stopping": True}, False),
        (1000, {"max_iter": 50}, False),
        (1000, {"n_iter_no_change": 50}, False),
        (1000, {"learning_rate": 0.3}, False),
    ],
)
def test_whether_validation_rows_join(n_rows, parameters, joins):
    assert (plan(n_rows, 5, **parameters).join_certainty is not None) == joins


def test_the_trial_of_few_rows_has_folds():
    assert [plan(n, 5).n_folds for n in (499, 500)] == [3, 0]
    few = plan(300, 5)
    assert 0 < few.n_trial_epochs < few.max_iter / 4


def test_the_networks_of_the_detector_leave_out_rows_and_those_of_textbooks_have_them_split_off():
    default, textbook = AutoencoderOutlierDetector(), AutoencoderOutlierDetector(latent="noisy")
    assert plan(300, 5, default).denoises
    assert plan(300, 5, default).validation == "none"
    assert not plan(300, 5, textbook).denoises
    assert plan(300, 5, textbook).validation == "split"
    assert plan(99, 5, textbook).validation == "none"


@pytest.mark.parametrize("n_features", [5, 50])
def test_more_rows_have_more_steps_but_few_epochs(n_features):
    plans = [plan(n, n_features) for n in (1000, 10_000, 100_000, 1_000_000)]
    steps = [
        p.max_iter * n / p.batch_size for p, n in zip(plans, (1e3, 1e4, 1e5, 1e6), strict=True)
    ]
    assert steps == sorted(steps)
    assert plans[-1].max_iter < 10 < plans[0].max_iter < 110


def test_a_plan_is_of_plain_values_and_what_is_given_is_taken():
    given = plan(1000, 5, max_iter=7, batch_size=10, learning_rate=0.1, n_refinement_steps=3)
    assert (given.max_iter, given.batch_size, given.learning_rate) == (7, 10, 0.1)
    assert given.n_refinement_steps == 3
    for value in dataclasses.asdict(given).values():
        assert isinstance(value, (int, float, str, tuple, type(None)))


def test_weights_count_as_rows():
    X = np.random.default_rng(0).normal(size=(30, 4))
    weighted = AutoencoderTransformer(2, random_state=0).fit(X, sample_weight=np.full(30, 3))
    repeated = AutoencoderTransformer(2, random_state=0).fit(np.repeat(X, 3, axis=0))
    assert weighted.plan_ == repeated.plan_
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-6, atol=1e-8)
