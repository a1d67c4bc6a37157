"""Modules that draw random numbers while the network is trained."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Context:
    """What the training tells the modules about itself and about the batch.

    Random numbers come from here. Rows of a batch that are the same get the same ones,
    wherever they stand in it: a row of weight 2 does what the row does twice, also
    where it is disturbed at random.

    Parameters
    ----------
    generator : torch.Generator
        On the device of the rows.
    epoch : int, default=0
        How many epochs the network has been trained for.
    standardize : callable or None, default=None
        Takes rows to standard units, so that the numbers do not depend on the units.

    Attributes
    ----------
    weight : Tensor of shape (batch,) or None
        Sample weights of the batch.
    is_trial : bool
        Whether the weights of the network are only tried, by a search along a line.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.nn import Context
    >>> context = Context(torch.Generator().manual_seed(0))
    >>> context.begin(torch.tensor([[1.0], [2.0], [1.0]]))
    >>> first, second, third = context.normal(torch.empty(3, 5))
    >>> first.equal(third), first.equal(second)
    (True, False)
    """

    def __init__(
        self,
        generator: torch.Generator,
        *,
        epoch: int = 0,
        standardize: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.generator = generator
        self.epoch = epoch
        self.standardize = standardize
        self.weight: Tensor | None = None
        self.is_trial = False
        self._rows: Tensor | None = None
        self._distinct: tuple[Tensor, int] | None = None

    def begin(self, rows: Tensor, weight: Tensor | None = None) -> None:
        """Begin a batch.

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
            Its rows.
        weight : Tensor of shape (batch,) or None, default=None
            Their weights.
        """
        self.weight = weight
        self._rows, self._distinct = rows, None

    def normal(self, like: Tensor) -> Tensor:
        """Draw from the standard normal distribution.

        Parameters
        ----------
        like : Tensor of shape (batch, ...) or (members, batch, n)
            Gives shape, type and device. There may be several times as many rows as in
            the batch, one copy of it after the other.

        Returns
        -------
        noise : Tensor
            Random numbers, of the same shape.
        """
        return self._draw(like, lambda table: table.normal_(generator=self.generator))

    def uniform(self, like: Tensor) -> Tensor:
        """Draw from the uniform distribution over [0, 1).

        Parameters
        ----------
        like : Tensor of shape (batch, ...) or (members, batch, n)
            As in `normal`.

        Returns
        -------
        noise : Tensor
            Random numbers, of the same shape.
        """
        return self._draw(like, lambda table: table.uniform_(generator=self.generator))

    def bernoulli(self, like: Tensor, p: float) -> Tensor:
        """Draw ones with probability `p`, else zeros.

        Parameters
        ----------
        like : Tensor of shape (batch, ...) or (members, batch, n)
            As in `normal`.
        p : float
            The probability.

        Returns
        -------
        noise : Tensor
            Random numbers, of the same shape.
        """
        return self._draw(like, lambda table: table.bernoulli_(p, generator=self.generator))

    def _draw(self, like: Tensor, fill: Callable[[Tensor], Tensor]) -> Tensor:
        assert self._rows is not None, "a batch has begun"
        if self._distinct is None:
            rows = self._rows.detach()
            standard = rows if self.standardize is None else self.standardize(rows)
            self._distinct = _number_distinct_rows(rows, standard)
        number, n_distinct = self._distinct
        if like.shape[0] % len(number):  # the first dimension is that of the members
            table = fill(like.new_empty((like.shape[0], n_distinct, *like.shape[2:])))
            return table.index_select(1, number)
        n_copies = like.shape[0] // len(number)
        table = fill(like.new_empty((n_copies, n_distinct, *like.shape[1:])))
        return table.index_select(1, number).flatten(0, 1)


class ContextModule(nn.Module):
    """A module that behaves otherwise in training, and draws its random numbers from there.

    PyTorch's own modules draw from its global random state; these leave it alone.

    Attributes
    ----------
    context : Context or None
        Given by the training, also where held-out rows are judged; None otherwise.
    """

    context: Context | None = None


def _number_distinct_rows(rows: Tensor, standard: Tensor) -> tuple[Tensor, int]:
    """Give the number of each row, the same for rows that are the same, and how many there are.

    Numbers follow an order that depends neither on where the rows stand nor on their units.
    """
    seeded = torch.Generator().manual_seed(0)
    bits = rows.contiguous().view(torch.int32)
    # A hash that is exact in any order of summation: products modulo 2^32 with random odd numbers.
    # Round values have empty low bits, which the products would keep empty.
    factors = torch.randint(-(2**30), 2**30, bits.shape[-1:], generator=seeded) * 2 + 1
    bits = bits ^ (bits >> 15)
    keys = (bits * factors.to(bits.device, torch.int32)).sum(dim=-1)
    distinct, number = keys.unique(return_inverse=True)
    direction = torch.randn(standard.shape[-1], generator=seeded).to(standard)
    places = standard.new_empty(len(distinct)).scatter_(0, number, (standard * direction).sum(-1))
    return places.argsort().argsort()[number], len(distinct)


class Dropout(ContextModule):
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
    >>> from sklearn_ae.nn import Context, Dropout
    >>> dropout, x = Dropout(0.5), torch.ones(1, 100)
    >>> dropout.context = Context(torch.Generator().manual_seed(0))
    >>> dropout.context.begin(x)
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
    """Corrupt rows wherever there is a context: in training, and where it is validated.

    A subclass defines ``corrupt``, which maps rows in input units to corrupted ones.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x if self.context is None else self.corrupt(x, self.context)

    def corrupt(self, x: Tensor, context: Context) -> Tensor:
        """Corrupt rows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Rows in input units.
        context : Context
            Source of random numbers.

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

    def corrupt(self, x: Tensor, context: Context) -> Tensor:
        return torch.addcmul(x, context.normal(x), self.scale)


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

    def corrupt(self, x: Tensor, context: Context) -> Tensor:
        return x * context.bernoulli(x, 1 - self.p)

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

    def corrupt(self, x: Tensor, context: Context) -> Tensor:
        draw = context.uniform(x)
        x = torch.where(draw < self.p / 2, self.low, x)
        return torch.where(draw > 1 - self.p / 2, self.high, x)

    def extra_repr(self) -> str:
        return f"p={self.p}"
