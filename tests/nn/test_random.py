import pytest
import torch

from sklearn_ae.nn import Context, Dropout, GaussianNoise, MaskingNoise, SaltAndPepperNoise

KINDS = {"normal": (0, 1), "uniform": (0.5, 1 / 12**0.5), "bernoulli": (0.3, 0.21**0.5)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_have_their_distribution(kind, dtype, generator):
    like = torch.zeros(3, 20_000, 2, dtype=dtype, requires_grad=True)
    arguments = [0.3] if kind == "bernoulli" else []
    noise = getattr(Context(generator), kind)(like, *arguments)
    assert noise.shape == like.shape
    assert noise.dtype == dtype
    assert not noise.requires_grad
    mean, std = KINDS[kind]
    assert noise.mean().item() == pytest.approx(mean, abs=0.01)
    assert noise.std().item() == pytest.approx(std, abs=0.01)


def test_every_draw_is_another(generator):
    context = Context(generator)
    assert not context.normal(X[:5]).equal(context.normal(X[:5]))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_and_mean(p, generator):
    dropout = Dropout(p)
    x = torch.ones(1, 100_000)
    dropout.context = Context(generator)
    output = dropout(x)
    assert (output == 0).float().mean() == pytest.approx(p, abs=0.01)
    assert output.mean() == pytest.approx(1, abs=0.05)


def test_off_outside_training():
    x = torch.ones(10)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_draws_from_its_generator_alone():
    def draw(seed):
        dropout, x = Dropout(0.5), torch.ones(1, 100)
        dropout.context = Context(torch.Generator().manual_seed(seed))
        return dropout(x)

    before = torch.get_rng_state()
    assert draw(0).equal(draw(0))
    assert not draw(0).equal(draw(1))
    assert torch.get_rng_state().equal(before)


def test_describes_itself():
    assert repr(Dropout(0.5)) == "Dropout(p=0.5)"


X = torch.arange(1, 60_001, dtype=torch.float32).reshape(20_000, 3)
CORRUPTIONS = {
    "gaussian": GaussianNoise(torch.tensor([0.0, 1.0, 2.0])),
    "masking": MaskingNoise(0.3),
    "salt and pepper": SaltAndPepperNoise(0.2, torch.zeros(3), torch.full((3,), 1e6)),
}
each_corruption = pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)


@each_corruption
def test_corruption_is_off_without_a_context(corruption):
    corruption.context = None
    assert corruption.train()(X) is X


@each_corruption
@pytest.mark.parametrize("training", [True, False])
def test_corruption_draws_from_its_generator_alone(corruption, training):
    def draw(seed):
        corruption.context = Context(torch.Generator().manual_seed(seed))
        return corruption.train(training)(X)

    clean, before = X.clone(), torch.get_rng_state()
    assert draw(0).equal(draw(0))
    assert not draw(0).equal(draw(1))
    assert torch.get_rng_state().equal(before)
    assert X.equal(clean)


def test_gaussian_noise(generator):
    noise = CORRUPTIONS["gaussian"]
    noise.context = Context(generator)
    added = noise(X) - X
    torch.testing.assert_close(added.mean(0), torch.zeros(3), atol=0.05, rtol=0)
    torch.testing.assert_close(added.std(0), noise.scale, rtol=0.03, atol=0)


def test_masking_noise(generator):
    noise = CORRUPTIONS["masking"]
    noise.context = Context(generator)
    corrupted = noise(X)
    assert (corrupted == 0).float().mean() == pytest.approx(0.3, abs=0.01)
    assert corrupted[corrupted != 0].equal(X[corrupted != 0])


def test_salt_and_pepper_noise(generator):
    noise = CORRUPTIONS["salt and pepper"]
    noise.context = Context(generator)
    corrupted = noise(X)
    for value in (0, 1e6):
        assert (corrupted == value).float().mean() == pytest.approx(0.1, abs=0.01)
    kept = (corrupted > 0) & (corrupted < 1e6)
    assert corrupted[kept].equal(X[kept])


def test_corruptions_describe_themselves():
    assert repr(CORRUPTIONS["masking"]) == "MaskingNoise(p=0.3)"
    assert repr(CORRUPTIONS["salt and pepper"]) == "SaltAndPepperNoise(p=0.2)"


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 7), (6, 4, 3, 3), (2, 6, 4)])
def test_dropout_of_any_shape(shape, generator):
    dropout = Dropout(0.5)
    dropout.context = Context(generator)
    assert set(dropout(torch.ones(shape)).unique().tolist()) == {0, 2}
