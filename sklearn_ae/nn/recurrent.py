"""Recurrent encoder and decoder for flattened sequences."""

from torch import Tensor, nn

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentEncoder(nn.Module):
    """Recurrent layers over the steps, then a linear layer from their last output to the code.

    Each row ``(n_features,)`` is a sequence, flattened step after step. `sequence_shape` is
    ``(n_steps, n_values)``, and `cell` is a key of ``CELLS``.
    """

    def __init__(
        self,
        sequence_shape: tuple[int, int],
        cell: str,
        hidden_size: int,
        n_layers: int,
        n_components: int,
    ) -> None:
        super().__init__()
        self.sequence_shape = sequence_shape
        self.recurrent = CELLS[cell](sequence_shape[1], hidden_size, n_layers, batch_first=True)
        self.to_code = nn.Linear(hidden_size, n_components)

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.recurrent(x.unflatten(-1, self.sequence_shape))
        return self.to_code(outputs[..., -1, :])


class RecurrentDecoder(nn.Module):
    """Recurrent layers with the code as input at each step, then a linear layer to the values.

    The arguments are those of the :class:`RecurrentEncoder`.
    """

    def __init__(
        self,
        sequence_shape: tuple[int, int],
        cell: str,
        hidden_size: int,
        n_layers: int,
        n_components: int,
    ) -> None:
        super().__init__()
        self.n_steps = sequence_shape[0]
        self.recurrent = CELLS[cell](n_components, hidden_size, n_layers, batch_first=True)
        self.to_values = nn.Linear(hidden_size, sequence_shape[1])

    def forward(self, code: Tensor) -> Tensor:
        steps = code.unsqueeze(-2).expand(*code.shape[:-1], self.n_steps, code.shape[-1])
        outputs, _ = self.recurrent(steps)
        return self.to_values(outputs).flatten(-2)
