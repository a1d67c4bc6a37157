import pytest
import torch

from sklearn_ae.nn import Dropout


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
