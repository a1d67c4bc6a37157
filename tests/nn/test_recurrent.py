import pytest
import torch

from sklearn_ae.nn import CELLS, RecurrentDecoder, RecurrentEncoder


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("n_layers", [1, 2])
def test_shapes(cell, n_layers):
    parameters = ((7, 3), cell, 5, n_layers, 2)
    code = RecurrentEncoder(*parameters)(torch.zeros(4, 21))
    assert code.shape == (4, 2)
    assert RecurrentDecoder(*parameters)(code).shape == (4, 21)


def test_reads_step_after_step():
    torch.manual_seed(0)
    encoder = RecurrentEncoder((3, 2), "gru", 4, 1, 2)
    x = torch.rand(5, 6)
    state = None
    for step in (x[:, 0:2], x[:, 2:4], x[:, 4:6]):
        output, state = encoder.recurrent(step[:, None], state)
    torch.testing.assert_close(encoder(x), encoder.to_code(output[:, 0]))


def test_a_step_is_written_before_the_next():
    torch.manual_seed(0)
    short, long = (RecurrentDecoder((n, 2), "lstm", 4, 1, 3) for n in (3, 5))
    long.load_state_dict(short.state_dict())
    code = torch.rand(2, 3)
    torch.testing.assert_close(long(code)[:, :6], short(code))
