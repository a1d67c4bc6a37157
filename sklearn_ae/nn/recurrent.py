"""Recurrent encoder and decoder for flattened sequences."""

from torch import Tensor, nn

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentEncoder(nn.Module):
    """Recurrent layers over the steps, and a linear layer from their last output to the code.

    Parameters
    ----------
    sequence_shape : tuple of int
        Number of steps, and number of values per step.
    cell : {"gru", "lstm"}
        Kind of recurrent layer.
    hidden_size : int
        Size of the hidden state.
    n_layers : int
        Number of recurrent layers.
    n_components : int
        Size of the code.

    Notes
    -----
    Shapes: input ``(batch, n_features)``, output ``(batch, n_components)``. Each row is a
    sequence, flattened step after step.

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
    """Recurrent layers whose input is the code at each step, and a linear layer to the values.

    Parameters
    ----------
    sequence_shape : tuple of int
        Number of steps, and number of values per step.
    cell : {"gru", "lstm"}
        Kind of recurrent layer.
    hidden_size : int
        Size of the hidden state.
    n_layers : int
        Number of recurrent layers.
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
