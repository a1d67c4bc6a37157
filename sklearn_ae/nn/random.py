"""Modules that draw random numbers while the network is trained."""

import torch
from torch import Tensor, nn


class RandomModule(nn.Module):
    """A module that draws from a generator that the training gives it.

    PyTorch's own modules draw from its global random state; these leave it alone.

    Attributes
    ----------
    generator : torch.Generator or None
        On the device of the input; None outside training.
    """

    generator: torch.Generator | None = None


class Dropout(RandomModule):
    """Set entries to zero at random in training mode, and scale the others up.

    Parameters
    ----------
    p : float
        Probability of an entry to be set to zero, in [0, 1).

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Dropout
    >>> dropout = Dropout(0.5)
    >>> dropout.generator = torch.Generator().manual_seed(0)
    >>> sorted(set(dropout(torch.ones(100)).tolist()))
    [0.0, 2.0]
    >>> dropout.eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        keep = 1 - self.p
        mask = torch.empty_like(x).bernoulli_(keep, generator=self.generator)
        return x * mask.div_(keep)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Corruption(RandomModule):
    """Corrupt rows wherever there is a generator: in training, and where it is validated.

    A subclass defines ``corrupt``, which maps rows in input units to corrupted ones.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x if self.generator is None else self.corrupt(x)

    def corrupt(self, x: Tensor) -> Tensor:
        """Corrupt rows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Rows in input units.

        Returns
        -------
        corrupted : Tensor of shape (batch, n_features)
            New rows; `x` stays as it is.
        """
        raise NotImplementedError


class GaussianNoise(Corruption):
    """Add normal noise.

    Parameters
    ----------
    scale : Tensor of shape () or (n_features,)
        Standard deviation, in input units.
    """

    scale: Tensor

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)

    def corrupt(self, x: Tensor) -> Tensor:
        noise = torch.empty_like(x).normal_(generator=self.generator)
        return torch.addcmul(x, noise, self.scale)


class MaskingNoise(Corruption):
    """Set entries to zero.

    Parameters
    ----------
    p : float
        Probability of an entry to be set to zero.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def corrupt(self, x: Tensor) -> Tensor:
        return x * torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class SaltAndPepperNoise(Corruption):
    """Set entries to the smallest or the largest value of their column.

    Parameters
    ----------
    p : float
        Probability of an entry to be replaced, half of it by each.
    low, high : Tensor of shape (n_features,)
        The two values of each column.
    """

    low: Tensor
    high: Tensor

    def __init__(self, p: float, low: Tensor, high: Tensor) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def corrupt(self, x: Tensor) -> Tensor:
        draw = torch.empty_like(x).uniform_(generator=self.generator)
        x = torch.where(draw < self.p / 2, self.low, x)
        return torch.where(draw > 1 - self.p / 2, self.high, x)

    def extra_repr(self) -> str:
        return f"p={self.p}"
