import pytest
import torch

from sklearn_ae.nn import Context, Dropout, GaussianNoise, MaskingNoise, SaltAndPepperNoise


def context(generator, rows):
    context = Context(generator)
    context.begin(rows)
    return context


@pytest.mark.parametrize("kind", ["normal", "uniform", "bernoulli"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_rows_get_the_same_noise(kind, dtype):
    def draw(rows, n_copies=1, lead=()):
        begun = context(torch.Generator().manual_seed(0), rows)
        like = torch.empty(*lead, n_copies * len(rows), 50, dtype=dtype)
        return getattr(begun, kind)(like, *([0.5] if kind == "bernoulli" else []))

    rows = torch.tensor([[1.0, 2.0], [3.0, 1.0], [2.0, 1.0], [0.5, 0.5]], dtype=dtype)
    noise = draw(rows)
    assert noise.dtype == dtype
    assert noise.unique(dim=0).shape == noise.shape
    order = [3, 1, 1, 0, 2, 3, 3]
    assert draw(rows[order]).equal(noise[order])
    copies = draw(rows[order], n_copies=2).unflatten(0, (2, -1))
    assert not copies[0].equal(copies[1])
    assert copies[:, 1].equal(copies[:, 2])
    members = draw(rows[order], lead=(3,))
    assert not members[0].equal(members[1])
    assert members[:, 1].equal(members[:, 2])


@pytest.mark.parametrize("scale", [1.0, 255.0, 1e-30])
def test_few_different_rows_are_taken_for_the_same(scale, generator):
    # Of round numbers, whose floating-point bits hardly differ.
    rows = torch.randint(17, (4000, 8), generator=generator) * scale
    noise = context(generator, rows).normal(torch.empty(len(rows), 1))
    assert noise.unique(dim=0).shape[0] >= rows.unique(dim=0).shape[0] - 20


def test_numbers_do_not_depend_on_the_units(generator):
    rows = torch.randn(50, 3, generator=generator, dtype=torch.float64)

    def draw(rows, standardize):
        begun = Context(torch.Generator().manual_seed(0), standardize=standardize)
        begun.begin(rows)
        return begun.normal(rows)

    units = torch.tensor([1.0, 10.0, 100.0])
    other = draw(units * rows + 1, lambda rows: (rows - 1) / units)
    assert other.equal(draw(rows, None))
    assert not other.equal(draw(units * rows + 1, None))


def test_every_draw_is_another(generator):
    begun = context(generator, X[:5])
    assert not begun.normal(X[:5]).equal(begun.normal(X[:5]))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_and_mean(p, generator):
    dropout = Dropout(p)
    x = torch.ones(1, 100_000)
    dropout.context = context(generator, x)
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
        dropout.context = context(torch.Generator().manual_seed(seed), x)
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
        corruption.context = context(torch.Generator().manual_seed(seed), X)
        return corruption.train(training)(X)

    clean, before = X.clone(), torch.get_rng_state()
    assert draw(0).equal(draw(0))
    assert not draw(0).equal(draw(1))
    assert torch.get_rng_state().equal(before)
    assert X.equal(clean)


def test_gaussian_noise(generator):
    noise = CORRUPTIONS["gaussian"]
    noise.context = context(generator, X)
    added = noise(X) - X
    torch.testing.assert_close(added.mean(0), torch.zeros(3), atol=0.05, rtol=0)
    torch.testing.assert_close(added.std(0), noise.scale, rtol=0.03, atol=0)


def test_masking_noise(generator):
    noise = CORRUPTIONS["masking"]
    noise.context = context(generator, X)
    corrupted = noise(X)
    assert (corrupted == 0).float().mean() == pytest.approx(0.3, abs=0.01)
    assert corrupted[corrupted != 0].equal(X[corrupted != 0])


def test_salt_and_pepper_noise(generator):
    noise = CORRUPTIONS["salt and pepper"]
    noise.context = context(generator, X)
    corrupted = noise(X)
    for value in (0, 1e6):
        assert (corrupted == value).float().mean() == pytest.approx(0.1, abs=0.01)
    kept = (corrupted > 0) & (corrupted < 1e6)
    assert corrupted[kept].equal(X[kept])


def test_corruptions_describe_themselves():
    assert repr(CORRUPTIONS["masking"]) == "MaskingNoise(p=0.3)"
    assert repr(CORRUPTIONS["salt and pepper"]) == "SaltAndPepperNoise(p=0.2)"


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 7), (6, 4, 3, 3), (12, 4), (2, 6, 4)])
def test_dropout_of_any_shape(shape, generator):
    dropout = Dropout(0.5)
    rows = torch.arange(12.0).reshape(6, 2)
    rows[4] = rows[1]
    dropout.context = context(generator, rows)
    output = dropout(torch.ones(shape))
    assert output.shape == shape
    output = output.movedim(1, 0) if shape == (2, 6, 4) else output
    assert output[1].equal(output[4])
    assert not output[1].equal(output[2])
