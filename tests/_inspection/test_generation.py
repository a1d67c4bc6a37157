import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae._inspection.density import CodeDensity
from sklearn_ae.latents import Sparse, TopK
from tests.common.instances import instances


def make(**parameters):
    return AutoencoderTransformer(
        **{"n_components": 4, "max_iter": 30, "random_state": 0} | parameters
    )


@pytest.mark.parametrize(
    "estimator", [each for each in instances() if isinstance(each, AutoencoderTransformer)]
)
def test_every_autoencoder_makes_rows(estimator):
    X = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    fitted = estimator.set_params(random_state=0).fit(X)
    rows = fitted.sample(7, random_state=0)
    assert rows.shape == (7, 6)
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(rows, fitted.sample(7, random_state=0))
    assert not np.array_equal(rows, fitted.sample(7, random_state=1))
    path = fitted.interpolate(X[0], X[1], 5)
    assert path.shape == (5, 6)
    np.testing.assert_allclose(path[[0, -1]], fitted.reconstruct(X[:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("latent", [None, "variational", "wasserstein"])
def test_samples_are_like_the_data(latent, digits):
    fitted = make(latent=latent, n_components=8, max_iter=60).fit(digits)
    samples = fitted.sample(1000, random_state=0)
    reconstructions = fitted.reconstruct(digits)
    assert np.abs(samples.mean(axis=0) - reconstructions.mean(axis=0)).max() < 0.16
    np.testing.assert_allclose(samples.std(), reconstructions.std(), rtol=0.1)
    # Each is near to some row: nearer than rows made column by column.
    independent = np.random.default_rng(0).permuted(reconstructions, axis=0)[:1000]

    def distance(rows):
        return np.mean([((digits - row) ** 2).sum(axis=1).min() for row in rows[:200]])

    assert distance(samples) < 0.6 * distance(independent)


def test_mixture_follows_clusters():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    hidden = np.repeat(centres, 100, axis=0) + rng.normal(size=(300, 2))
    drawn = CodeDensity(hidden).sample(2000, np.random.RandomState(0))
    distance = np.linalg.norm(drawn[:, None] - centres, axis=-1)
    assert (distance.min(axis=1) < 4).mean() > 0.99
    assert np.bincount(distance.argmin(axis=1)) == pytest.approx(2000 / 3, rel=0.15)
    assert (np.diff(distance.argmin(axis=1)) != 0).mean() > 0.5  # in random order


@pytest.mark.parametrize("n", [2, 5])
def test_mixture_of_few_or_constant_codes(n):
    hidden = np.ones((n, 3))
    np.testing.assert_allclose(CodeDensity(hidden).sample(4, np.random.RandomState(0)), 1, atol=0.1)


@pytest.mark.parametrize(
    ("latent", "is_code"),
    [
        (TopK(3), lambda codes: ((codes != 0).sum(dim=1) == 3).all()),
        (Sparse(), lambda codes: (codes >= 0).all()),
        (Sparse("kl"), lambda codes: ((codes > 0) & (codes < 1)).all()),
    ],
    ids=["k-sparse", "l1", "kl"],
)
def test_sampled_codes_keep_what_is_asked_of_codes(latent, is_code, digits):
    fitted = make(latent=latent, n_components=20, max_iter=3).fit(digits)
    seen = []
    fitted.net_.module_.decoder.register_forward_pre_hook(lambda _, args: seen.append(*args))
    fitted.sample(50, random_state=0)
    assert len(seen) == 1
    assert is_code(seen[0])


def test_the_detector_makes_no_rows():
    for name in ("sample", "interpolate", "log_likelihood"):
        assert not hasattr(AutoencoderOutlierDetector, name)


def test_samples_of_periodic_rows_spread_like_them():
    hours = np.arange(24_000)[:, None]
    phases, sizes = np.linspace(0, 3, 6), np.array([1, 2, 0.5, 3, 1, 1])
    daily = sizes * np.sin(2 * np.pi * hours / 24 + phases)
    X = np.hstack([daily, np.cos(2 * np.pi * hours / 168)])
    X += np.random.default_rng(0).normal(scale=0.1, size=X.shape)
    fitted = make(n_components=3, max_iter=2).fit(X)
    samples = fitted.sample(5000, random_state=0)
    np.testing.assert_allclose(samples.std(axis=0), X.std(axis=0), rtol=0.2)


def test_samples_follow_further_training(digits):
    fitted = make(n_components=2, max_iter=3, warm_start=True).fit(digits)
    before = fitted.sample(5, random_state=0)
    fitted.partial_fit(digits)
    after = fitted.sample(5, random_state=0)
    assert not np.allclose(before, after)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.sample(5, random_state=0), after)


def test_interpolation_is_straight_in_the_code(digits):
    fitted = make(max_iter=5).fit(digits)
    a, b = fitted.transform(digits[:2])
    expected = fitted.inverse_transform(np.linspace(a, b, 4))
    np.testing.assert_allclose(fitted.interpolate(digits[0], digits[1], 4), expected, atol=1e-12)
    assert fitted.interpolate(digits[0].tolist(), digits[1]).shape == (10, 64)


def test_bad_input(digits):
    with pytest.raises(NotFittedError):
        make().sample()
    with pytest.raises(NotFittedError):
        make().interpolate(digits[0], digits[1])
    fitted = make(max_iter=1).fit(digits)
    with pytest.raises(ValueError, match="n_samples == 0"):
        fitted.sample(0)
    with pytest.raises(TypeError, match="n_samples must be an instance of int"):
        fitted.sample(2.5)
    with pytest.raises(ValueError, match="n == 1"):
        fitted.interpolate(digits[0], digits[1], 1)
    with pytest.raises(ValueError, match=r"b must be one row of 64 features, got .* \(2, 64\)"):
        fitted.interpolate(digits[0], digits[:2])
    with pytest.raises(ValueError, match=r"a must be one row of 64 features, got .* \(63,\)"):
        fitted.interpolate(digits[0, 1:], digits[1])
    with pytest.raises(ValueError, match="Input a contains NaN"):
        fitted.interpolate(np.full(64, np.nan), digits[1])


def clusters():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 5)) - 5, rng.normal(size=(200, 5)) + 5


def share_of_the_second(rows):
    return (rows.mean(axis=1) > 0).mean()


def test_samples_follow_weights():
    X = np.concatenate(clusters())
    weight = np.repeat([1.0, 9.0], 200)
    fitted = make(max_iter=3).fit(X, sample_weight=weight)
    assert share_of_the_second(fitted.sample(1000, random_state=0)) == pytest.approx(0.9, abs=0.05)


def test_samples_follow_the_last_part_of_a_stream():
    one, other = clusters()
    fitted = make(max_iter=3).partial_fit(np.concatenate([one, other])).partial_fit(other)
    assert share_of_the_second(fitted.sample(1000, random_state=0)) > 0.95


def test_one_row_at_a_time(digits):
    fitted = make().partial_fit(digits[:2])
    for row in digits[2:6]:
        fitted.partial_fit(row[None])
    assert np.isfinite(fitted.sample(3, random_state=0)).all()


def test_draws_differ_and_leave_the_global_state_alone(digits):
    fitted = make(max_iter=2).fit(digits)
    np.random.seed(0)  # noqa: NPY002
    one, other = fitted.sample(3), fitted.sample(3)
    assert not np.array_equal(one, other)
    after = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    assert after == np.random.random()  # noqa: NPY002


def test_wide_codes_have_small_mixtures():
    hidden = np.random.default_rng(0).normal(size=(500, 300))
    assert len(CodeDensity(hidden).weights) == 1


def test_the_density_is_small():
    hidden = np.random.default_rng(0).normal(size=(500, 10))
    density = CodeDensity(hidden)
    assert len(pickle.dumps(density)) < 12_500
    assert all(isinstance(value, np.ndarray) for value in vars(density).values())
