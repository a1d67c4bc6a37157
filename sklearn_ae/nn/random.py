"""Modules that draw random numbers in training, and their source."""

import torch
from torch import Tensor, nn


class Context:
    """The state of the training that modules may read, and the source of their random numbers.

    Parameters
    ----------
    generator : torch.Generator
        Source of the random numbers, on the device of the rows.
    epoch : int, default=0
        Number of finished epochs.

    Attributes
    ----------
    weight : Tensor of shape (batch,) or None
        Sample weights of the batch.
    target : Tensor of shape (batch, n_components) or None
        What the latent wants the codes of the batch to be, see ``Latent.targets``.
    is_trial : bool
        Whether the batch is only evaluated, for example in a line search. Modules must not
        update their buffers then.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Context
    >>> context = Context(torch.Generator().manual_seed(0))
    >>> context.bernoulli(torch.empty(2, 4), 0.5).unique()
    tensor([0., 1.])
    """

    def __init__(self, generator: torch.Generator, *, epoch: int = 0) -> None:
        self.generator = generator
        self.epoch = epoch
        self.weight: Tensor | None = None
        self.target: Tensor | None = None
        self.is_trial = False

    def begin(self, weight: Tensor | None, target: Tensor | None = None) -> None:
        """Begin a batch.

        Parameters
        ----------
        weight : Tensor of shape (batch,) or None
            Sample weights of its rows.
        target : Tensor of shape (batch, n_components) or None, default=None
            What the latent wants their codes to be.
        """
        self.weight, self.target = weight, target

    def normal(self, like: Tensor) -> Tensor:
        """Draw from the standard normal distribution.

        Parameters
        ----------
        like : Tensor
            Gives shape, type and device.

        Returns
        -------
        noise : Tensor
        """
        return torch.empty_like(like).normal_(generator=self.generator)

    def uniform(self, like: Tensor) -> Tensor:
        """Draw from the uniform distribution over [0, 1).

        Parameters
        ----------
        like : Tensor
            Gives shape, type and device.

        Returns
        -------
        noise : Tensor
        """
        return torch.empty_like(like).uniform_(generator=self.generator)

    def bernoulli(self, like: Tensor, p: float) -> Tensor:
        """Draw ones with probability `p`, else zeros.

        Parameters
        ----------
        like : Tensor
            Gives shape, type and device.
        p : float
            The probability.

        Returns
        -------
        noise : Tensor
        """
        return torch.empty_like(like).bernoulli_(p, generator=self.generator)


class ContextModule(nn.Module):
    """A module that draws its random numbers from a context.

    PyTorch's own modules draw from the global random state instead.

    Attributes
    ----------
    context : Context or None
        Set in training, also while validation rows are scored. None otherwise.
    """

    context: Context | None = None


class Dropout(ContextModule):
    """Set entries to zero at random in training mode, and scale the others up.

    Parameters
    ----------
    p : float
        Probability that an entry is set to zero, in [0, 1).

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Context, Dropout
    >>> dropout, x = Dropout(0.5), torch.ones(1, 100)
    >>> dropout.context = Context(torch.Generator().manual_seed(0))
    >>> dropout(x).unique()
    tensor([0., 2.])
    >>> bool((dropout.eval()(x) == 1).all())
    True
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if self.context is None or not self.training or self.p == 0:
            return x
        keep = 1 - self.p
        return x * self.context.bernoulli(x, keep).div_(keep)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Corruption(ContextModule):
    """Base class of corruptions, which corrupt rows if they have a context.

    A subclass defines ``corrupt``, which maps rows in input units to corrupted rows.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x if self.context is None else self.corrupt(x, self.context)

    def corrupt(self, x: Tensor, context: Context) -> Tensor:
        """Corrupt rows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Rows in input units, which must not change.
        context : Context
            Source of random numbers.

        Returns
        -------
        corrupted : Tensor of shape (batch, n_features)
        """
        raise NotImplementedError


class GaussianNoise(Corruption):
    """Add normal noise.

    Parameters
    ----------
    scale : Tensor of shape () or (n_features,)
        Standard deviation of the noise, in input units.
    """

    scale: Tensor

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)

    def corrupt(self, x: Tensor, context: Context) -> Tensor:
        return torch.addcmul(x, context.normal(x), self.scale)


class MaskingNoise(Corruption):
    """Set entries to zero.

    Parameters
    ----------
    p : float
        Probability that an entry is set to zero.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def corrupt(self, x: Tensor, context: Context) -> Tensor:
        return x * context.bernoulli(x, 1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class SaltAndPepperNoise(Corruption):
    """Set entries to the smallest or the largest value of their column.

    Parameters
    ----------
    p : float
        Probability that an entry is replaced: p / 2 for each of the two values.
    low, high : Tensor of shape (n_features,)
        Smallest and largest value of each column.
    """

    low: Tensor
    high: Tensor

    def __init__(self, p: float, low: Tensor, high: Tensor) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def corrupt(self, x: Tensor, context: Context) -> Tensor:
        draw = context.uniform(x)
        x = torch.where(draw < self.p / 2, self.low, x)
        return torch.where(draw > 1 - self.p / 2, self.high, x)

    def extra_repr(self) -> str:
        return f"p={self.p}"
