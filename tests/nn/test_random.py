import pytest
import torch

from sklearn_ae.nn import Dropout, GaussianNoise, MaskingNoise, SaltAndPepperNoise


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_and_mean(p, generator):
    dropout = Dropout(p)
    dropout.generator = generator
    output = dropout(torch.ones(100_000))
    assert (output == 0).float().mean() == pytest.approx(p, abs=0.01)
    assert output.mean() == pytest.approx(1, abs=0.05)


def test_off_outside_training():
    x = torch.ones(10)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_draws_from_its_generator_alone():
    def draw(seed):
        dropout = Dropout(0.5)
        dropout.generator = torch.Generator().manual_seed(seed)
        return dropout(torch.ones(100))

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
def test_corruption_is_off_without_a_generator(corruption):
    corruption.generator = None
    assert corruption.train()(X) is X


@each_corruption
@pytest.mark.parametrize("training", [True, False])
def test_corruption_draws_from_its_generator_alone(corruption, training):
    def draw(seed):
        corruption.generator = torch.Generator().manual_seed(seed)
        return corruption.train(training)(X)

    clean, before = X.clone(), torch.get_rng_state()
    assert draw(0).equal(draw(0))
    assert not draw(0).equal(draw(1))
    assert torch.get_rng_state().equal(before)
    assert X.equal(clean)


def test_gaussian_noise(generator):
    noise = CORRUPTIONS["gaussian"]
    noise.generator = generator
    added = noise(X) - X
    torch.testing.assert_close(added.mean(0), torch.zeros(3), atol=0.05, rtol=0)
    torch.testing.assert_close(added.std(0), noise.scale, rtol=0.03, atol=0)


def test_masking_noise(generator):
    noise = CORRUPTIONS["masking"]
    noise.generator = generator
    corrupted = noise(X)
    assert (corrupted == 0).float().mean() == pytest.approx(0.3, abs=0.01)
    assert corrupted[corrupted != 0].equal(X[corrupted != 0])


def test_salt_and_pepper_noise(generator):
    noise = CORRUPTIONS["salt and pepper"]
    noise.generator = generator
    corrupted = noise(X)
    for value in (0, 1e6):
        assert (corrupted == value).float().mean() == pytest.approx(0.1, abs=0.01)
    kept = (corrupted > 0) & (corrupted < 1e6)
    assert corrupted[kept].equal(X[kept])


def test_corruptions_describe_themselves():
    assert repr(CORRUPTIONS["masking"]) == "MaskingNoise(p=0.3)"
    assert repr(CORRUPTIONS["salt and pepper"]) == "SaltAndPepperNoise(p=0.2)"
