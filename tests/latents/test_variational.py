import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_digits

from sklearn_ae import AutoencoderTransformer, nn
from sklearn_ae.architectures import MLP, Convolutional
from sklearn_ae.latents import Variational
from tests.latents.common import make


def objective(latent, hidden, loss, *, epoch=0, likelihood="bernoulli", training=False, part=0):
    """Give the objective of a batch, of 5 columns, whose losses are given."""
    module = torch.nn.Module()
    module.likelihood = likelihood
    latent.train(training)
    latent.context = nn.Context(torch.Generator().manual_seed(0), epoch=epoch)
    code = latent(hidden)
    raw = torch.zeros(len(code), 5, dtype=hidden.dtype)
    return latent.objective(module, nn.Output(raw, raw, code, hidden), loss, None)[part]


@pytest.fixture
def hidden(generator):
    return torch.randn(6, 4, generator=generator, dtype=torch.float64).requires_grad_()


def kullback_leibler(hidden):
    normal = torch.distributions.Normal
    mean, log_variance = hidden.chunk(2, dim=-1)
    return torch.distributions.kl_divergence(
        normal(mean, (log_variance / 2).exp()), normal(torch.zeros(()), torch.ones(()))
    )


def test_divergence(hidden):
    torch.testing.assert_close(Variational().build(2).divergence(hidden), kullback_leibler(hidden))


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0])
def test_divergence_counts_with_its_gradient(beta, hidden):
    loss = torch.zeros(6, dtype=torch.float64)
    expected = beta * kullback_leibler(hidden).sum(dim=-1).mean() / 5
    (slope,) = torch.autograd.grad(expected, hidden)
    actual = objective(Variational(beta=beta).build(2), hidden, loss)
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(torch.autograd.grad(actual, hidden)[0], slope)
    assert slope.abs().min() > 0


def test_warm_up_weakens_the_gradient_and_not_the_value(hidden):
    loss = torch.zeros(6, dtype=torch.float64)
    values, slopes = [], []
    for epoch in range(6):
        latent = Variational(warm_up=4).build(2)
        values.append(objective(latent, hidden, loss, epoch=epoch, part=1).item())
        minimised = objective(latent, hidden, loss, epoch=epoch)
        slopes.append(torch.autograd.grad(minimised, hidden)[0])
    assert values == pytest.approx([values[-1]] * 6)
    for epoch, slope in enumerate(slopes):
        torch.testing.assert_close(slope, min(1, (epoch + 1) / 5) * slopes[-1])


def test_free_bits_cost_nothing(hidden):
    loss = torch.zeros(6, dtype=torch.float64)
    nats = kullback_leibler(hidden).mean(dim=0).detach()
    between = float(nats.mean())
    value = objective(Variational(free_bits=between).build(2), hidden, loss)
    torch.testing.assert_close(value, nats.clamp(min=between).sum() / 5)
    slope = torch.autograd.grad(value, hidden)[0].abs().sum(dim=0)
    assert (slope[:2] == 0).tolist() == (slope[2:] == 0).tolist() == (nats < between).tolist()


@pytest.mark.parametrize("n_samples", [2, 7])
def test_importance_weighted_bound(n_samples, hidden, generator):
    latent = Variational(n_samples=n_samples).build(2)
    loss = torch.rand(n_samples * 6, generator=generator, dtype=torch.float64)
    actual = objective(latent, hidden, loss)
    latent.context = nn.Context(torch.Generator().manual_seed(0))
    code = latent(hidden).unflatten(0, (n_samples, 6))
    mean, log_variance = hidden.chunk(2, dim=-1)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros(()), torch.ones(()))
    log_weight = (prior.log_prob(code) - posterior.log_prob(code)).sum(-1) - 5 * loss.view(-1, 6)
    expected = -(log_weight.exp().mean(dim=0).log().mean()) / 5
    torch.testing.assert_close(actual, expected)


def test_more_samples_make_a_tighter_bound(digits):
    weights = make(latent="variational", max_iter=30).fit(digits).net_.module_.state_dict()
    bounds = []
    for n_samples in (1, 5, 50):
        fitted = make(latent=Variational(n_samples=n_samples), max_iter=1).fit(digits)
        fitted.net_.module_.load_state_dict(weights)
        bounds.append(fitted.net_.mean_loss(_rows(digits)))
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == 3


def _rows(X):
    from sklearn_ae._data.rows import Rows

    return Rows(X)


@pytest.mark.parametrize(
    ("likelihood", "distribution"), [("gaussian", stats.norm), ("laplace", stats.laplace)]
)
def test_scale_of_the_noise_is_that_of_the_errors(likelihood, distribution, hidden):
    errors = np.random.default_rng(0).normal(size=(6, 5))
    power = 2 if likelihood == "gaussian" else 1
    loss = torch.tensor(np.abs(errors) ** power).mean(dim=-1)
    latent = Variational(beta=0).build(2)
    value = objective(latent, hidden, loss, likelihood=likelihood, training=True)
    scale = (np.abs(errors) ** power).mean() ** (1 / power)
    assert value.item() == pytest.approx(-distribution(scale=scale).logpdf(errors).mean())
    assert latent.noise_scale.item() == pytest.approx(1 + 0.1 * (loss.mean().item() - 1))


def test_likelihood_of_a_linear_decoder_is_known(generator):
    """Probabilistic PCA: rows are normal with a covariance that can be written down."""
    X = np.random.default_rng(0).normal(size=(500, 2)) @ np.array(
        [[2.0, 1.0, 0.0, 0.5], [0.0, 1.0, -1.0, 0.3]]
    ) + np.random.default_rng(1).normal(scale=0.5, size=(500, 4))
    fitted = AutoencoderTransformer(
        2,
        architecture=MLP(()),
        latent="variational",
        learning_rate=0.02,
        max_iter=150,
        early_stopping=False,
        random_state=0,
    ).fit(X)
    module = fitted.net_.module_
    weight = module.decoder.layers[0].weight.detach().numpy()  # (2, 4)
    bias = module.decoder.layers[0].bias.detach().numpy().ravel()
    scale, variance = module.scale.item(), module.latent.noise_scale.item()
    mean = module.shift.numpy() + scale * bias
    covariance = scale**2 * (weight.T @ weight + variance * np.eye(4))
    exact = stats.multivariate_normal(mean, covariance).logpdf(X)
    estimate = fitted.log_likelihood(X, 2000)
    np.testing.assert_allclose(estimate, exact, atol=0.15)
    assert estimate.mean() == pytest.approx(exact.mean(), abs=0.02)
    # And it is about the best such model.
    truth = stats.multivariate_normal(X.mean(axis=0), np.cov(X.T)).logpdf(X).mean()
    assert estimate.mean() > truth - 0.1


def test_likelihood_of_bits_sums_to_one():
    X = np.random.default_rng(0).integers(2, size=(200, 3)).astype(float)
    X[:, 2] = X[:, 1]
    fitted = AutoencoderTransformer(
        1, latent="variational", loss="binary_cross_entropy", max_iter=100, random_state=0
    ).fit(X)
    every = np.array(np.meshgrid(*[[0.0, 1.0]] * 3)).reshape(3, -1).T
    assert np.exp(fitted.log_likelihood(every, 5000)).sum() == pytest.approx(1, abs=0.03)


def test_likelihood_is_deterministic_and_in_input_units(digits):
    X = digits[:300]
    fitted = make(latent="variational", max_iter=5).fit(X)
    nats = fitted.log_likelihood(X)
    np.testing.assert_array_equal(nats, fitted.log_likelihood(X))
    np.testing.assert_allclose(nats[:1], fitted.log_likelihood(X[:1]), rtol=1e-10)
    np.testing.assert_allclose(fitted.log_likelihood(X, 400).mean(), nats.mean(), rtol=0.05)
    larger = make(latent="variational", max_iter=5).fit(16 * X)
    np.testing.assert_allclose(
        larger.log_likelihood(16 * X), nats - 64 * np.log(16), rtol=1e-6, atol=1e-3
    )


def test_rare_rows_are_less_likely(digits):
    fitted = make(latent="variational", max_iter=40).fit(digits)
    shuffled = np.random.default_rng(0).permuted(digits, axis=1)
    assert fitted.log_likelihood(digits).mean() > fitted.log_likelihood(shuffled).mean() + 20


def test_greater_beta_uses_less_of_the_code(digits):
    nats = []
    for beta in (0.1, 1.0, 10.0):
        fitted = make(latent=Variational(beta=beta), max_iter=20).fit(digits)
        module = fitted.net_.module_
        with torch.no_grad():
            hidden = module.hidden(module.standardize(torch.tensor(digits)))
        nats.append(module.latent.divergence(hidden).mean(dim=0).sum().item())
    assert nats == sorted(nats, reverse=True)
    assert nats[0] > 2 * nats[-1]


def test_only_a_variational_code_has_a_likelihood(digits):
    fitted = make(max_iter=1).fit(digits)
    assert not hasattr(fitted, "log_likelihood")
    assert hasattr(make(latent=Variational()), "log_likelihood")
    with pytest.raises(ValueError, match="n_samples == 0"):
        make(latent="variational", max_iter=1).fit(digits).log_likelihood(digits, 0)


def test_combinations_that_are_not_supported(digits):
    with pytest.raises(ValueError, match=r"loss='huber' is not supported with Variational\(\)"):
        make(latent="variational", loss="huber").fit(digits)
    with pytest.raises(
        ValueError, match="share weights, is not supported with a latent that takes"
    ):
        make(latent="variational", architecture=MLP(tied=True)).fit(digits)
    with pytest.raises(ValueError, match=r"linear_path='pca' is not supported with .*ariational"):
        make(latent="variational", linear_path="pca").fit(digits)


def test_pair_of_modules_gives_mean_and_variance(digits):
    pair = (torch.nn.Linear(64, 16), torch.nn.Linear(8, 64))
    assert make(latent="variational", architecture=pair, max_iter=2).fit_transform(
        digits
    ).shape == (len(digits), 8)
    narrow = (torch.nn.Linear(64, 8), torch.nn.Linear(8, 64))
    with pytest.raises(ValueError, match=r"encoder must map \(batch, 64\) to \(batch, 16\)"):
        make(latent="variational", architecture=narrow).fit(digits)


@pytest.mark.parametrize("n_samples", [1, 3])
def test_denoising_convolutional_variational(n_samples):
    X = load_digits().data
    fitted = make(
        architecture=Convolutional((8, 8)),
        latent=Variational(n_samples=n_samples),
        corruption="masking",
        dropout=0.1,
        max_iter=3,
    ).fit(X)
    assert fitted.initial_loss_ > fitted.best_loss_
    assert fitted.sample(2, random_state=0).shape == (2, 64)


def test_own_loss_is_taken_as_likelihood(digits):
    def poisson(x, reconstruction):
        return torch.nn.functional.poisson_nll_loss(
            reconstruction, x, log_input=True, reduction="none"
        ).mean(dim=-1)

    fitted = make(latent=Variational(n_samples=2), loss=poisson, max_iter=5).fit(digits)
    assert np.isfinite(fitted.log_likelihood(digits)).all()


def test_scale_of_several_draws_is_weighted_as_the_bound_weighs_them():
    """A plain mean of the errors is too large, and lets the codes blur."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 10)) + 0.05 * rng.normal(size=(500, 10))
    likelihoods = [
        make(n_components=2, latent=Variational(n_samples=k), learning_rate=3e-3, max_iter=50)
        .fit(X)
        .log_likelihood(X, 300)
        .mean()
        for k in (1, 10)
    ]
    assert likelihoods[1] > likelihoods[0] - 1


def test_training_does_not_stop_while_it_warms_up(digits):
    fitted = make(latent=Variational(beta=4.0, warm_up=30), max_iter=60, n_iter_no_change=5).fit(
        digits[:600]
    )
    assert fitted.n_iter_ > 30
    assert fitted.score(digits) > -0.7 * digits.var(axis=0).mean()


@pytest.mark.parametrize(
    "options", [{}, {"corruption": "masking"}, {"latent": Variational(warm_up=5)}], ids=str
)
def test_newton_steps_under_noise(options, digits):
    options = {"latent": "variational"} | options
    fitted = make(optimizer="lbfgs", learning_rate=1, max_iter=10, **options)
    fitted.fit(digits[:400])
    assert fitted.best_loss_ < 0.85 * fitted.initial_loss_
    assert fitted.net_.module_.latent.noise_scale < 1


def test_far_rows_are_impossible(digits):
    fitted = make(latent="variational", max_iter=3).fit(digits.astype(np.float32))
    far = np.full((1, 64), 1e30, dtype=np.float32)
    assert fitted.log_likelihood(far) == -np.inf
    bits = make(latent="variational", loss="binary_cross_entropy", max_iter=1).fit(digits)
    with pytest.raises(ValueError, match=r"X must be in \[0, 1\]"):
        bits.log_likelihood(-digits)


def test_likelihood_belongs_to_the_fitted_network(digits):
    fitted = make(max_iter=1).fit(digits).set_params(latent="variational")
    assert not hasattr(fitted, "log_likelihood")


def test_without_divergence_there_is_no_prior(digits):
    fitted = make(latent=Variational(beta=0), max_iter=20).fit(digits)
    samples = fitted.sample(500, random_state=0)
    np.testing.assert_allclose(samples.std(), fitted.reconstruct(digits).std(), rtol=0.1)


def test_game_is_not_searched_along_lines(digits):
    with pytest.raises(ValueError, match=r"'adversarial' is not supported with L-BFGS"):
        make(latent="adversarial", optimizer="lbfgs").fit(digits)


def test_weights_that_are_only_tried_leave_no_trace(hidden):
    latent = Variational().build(2).train()
    latent.context = nn.Context(torch.Generator().manual_seed(0))
    latent.context.is_trial = True
    module = torch.nn.Module()
    module.likelihood = "gaussian"
    raw = torch.zeros(6, 5, dtype=hidden.dtype)
    output = nn.Output(raw, raw, latent(hidden), hidden)
    latent.objective(module, output, torch.full((6,), 1e6, dtype=hidden.dtype), None)
    assert latent.noise_scale == 1
