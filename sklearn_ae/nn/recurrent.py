"""Recurrent encoder and decoder of flat rows."""

from torch import Tensor, nn

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentEncoder(nn.Module):
    """A recurrent network over the steps, and a linear layer from its last output to the code.

    Parameters
    ----------
    sequence_shape : tuple of int
        Number of steps, and of values at each.
    cell : {"gru", "lstm"}
        Kind of network.
    hidden_size : int
        Width of its state.
    n_layers : int
        Number of its layers.
    n_components : int
        Size of the code.

    Notes
    -----
    Shapes: input ``(batch, n_features)``, output ``(batch, n_components)``, where the
    features are a sequence, flattened step after step.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import RecurrentEncoder
    >>> RecurrentEncoder((10, 3), "gru", 16, 1, 2)(torch.zeros(5, 30)).shape
    torch.Size([5, 2])
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
    """A recurrent network that is given the code at every step, and a linear layer to the values.

    Parameters
    ----------
    sequence_shape : tuple of int
        Number of steps, and of values at each.
    cell : {"gru", "lstm"}
        Kind of network.
    hidden_size : int
        Width of its state.
    n_layers : int
        Number of its layers.
    n_components : int
        Size of the code.

    Notes
    -----
    Shapes: input ``(batch, n_components)``, output ``(batch, n_features)``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import RecurrentDecoder
    >>> RecurrentDecoder((10, 3), "gru", 16, 1, 2)(torch.zeros(5, 2)).shape
    torch.Size([5, 30])
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
