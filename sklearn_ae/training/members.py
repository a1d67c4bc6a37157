"""Plain networks of one shape that are trained at once: their parameters, and a step of them."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, optim

from sklearn_ae._data.ranks import Ranks
from sklearn_ae.nn import Autoencoder, Backprop, refine_codes

# Rows whose errors are computed at once: their buffers stay in the processor's cache.
_ROWS_AT_ONCE = 1024
_BETAS, _EPS = (0.9, 0.999), 1e-8


class Members:
    """Networks of one shape whose parameters are stacked.

    Parameters
    ----------
    module : Autoencoder
        A plain network of their shape.
    starts : sequence of iterable of Tensor
        The parameters that each member starts from, in the order of ``module.parameters()``.
    weight_decay : float or sequence of float
        Weight decay of the members; the linear path does not decay.
    decoupled : bool, default=True
        Whether weights decay as in AdamW; False: as in Adam.
    max_grad_norm : float or None, default=None
        Gradients of a member with a larger norm are scaled down to it.
    bounds : sequence of Tensor of shape (2, n_features), or None, default=None
        The bounds of each member in standard units; None: those of the module for all.
    ranks : Ranks or None, default=None
        The ranks among which the rows of a batch are spread; None: all are here.

    Attributes
    ----------
    network : Backprop
        All members. What it takes and gives has a leading dimension if there are several.
    """

    def __init__(
        self,
        module: Autoencoder,
        starts: Sequence[Iterable[Tensor]],
        weight_decay: float | Sequence[float],
        *,
        decoupled: bool = True,
        max_grad_norm: float | None = None,
        bounds: Sequence[Tensor] | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self._ranks = ranks
        self._module, self._decoupled, self._max_norm = module, decoupled, max_grad_norm
        self._n_members = len(starts)
        self._decay = list(weight_decay) if isinstance(weight_decay, Sequence) else [weight_decay]
        self._decay *= self._n_members // len(self._decay)
        # One tensor holds a parameter of all members after the other: products of a whole stack of
        # weights then need no copies, and one kernel updates everything.
        parts = [
            torch.stack([each.detach() for each in of_all]) for of_all in zip(*starts, strict=True)
        ]
        values = torch.cat([part.flatten() for part in parts])
        self._tensors = [values, *(torch.zeros_like(values) for _ in range(3))]
        # Where the kernel reads it, and in the type that it asks for.
        self._n_steps = torch.zeros((), dtype=torch.float32, device=values.device)
        self._sizes = [part.numel() for part in parts]
        self._shapes = [part.shape for part in parts]
        self._n_path = 0
        if module.linear_path is not None:  # does not decay: rows far from all others depend on it
            self._n_path = len(list(module.linear_path.parameters()))  # they come last
        self._bounds = bounds
        stacked = None
        if bounds is not None:
            stacked = torch.stack(list(bounds), dim=1)[:, :, None]
            stacked = stacked[:, 0] if len(self) == 1 else stacked
        self.network = Backprop(module, self._views(0), self._views(1), stacked)
        self._slices: dict[Any, list[list[list[Tensor]]]] = {}

    def __len__(self) -> int:
        return self._n_members

    def weights(self, member: int) -> list[Tensor]:
        """Give the parameters of a member, without copying them."""
        views = self._views(0)
        return views if len(self) == 1 else [view[member] for view in views]

    def network_of(self, member: int) -> Backprop:
        """Give one of the members as a network."""
        bounds = None if self._bounds is None else self._bounds[member]
        return Backprop(self._module, self.weights(member), bounds=bounds)

    def keep(self, members: Sequence[int]) -> "Members":
        """Give some of the members, with their moments."""
        kept = Members(
            self._module,
            [self.weights(i) for i in members],
            [self._decay[i] for i in members],
            decoupled=self._decoupled,
            max_grad_norm=self._max_norm,
            bounds=None if self._bounds is None else [self._bounds[i] for i in members],
        )
        for moment in (2, 3):
            for new, old in zip(kept._views(moment), self._views(moment), strict=True):
                new.copy_(old[list(members)].view_as(new))
        kept._n_steps.copy_(self._n_steps)
        return kept

    def step(
        self,
        x: Tensor,
        weight: Tensor | None,
        learning_rate: float | Sequence[float],
        n_rows: int | None = None,
    ) -> Tensor:
        """Make a step of AdamW (or Adam).

        Parameters
        ----------
        x : Tensor of shape (batch, n_features) or (n_members, batch, n_features)
            Rows in standard units, for all members or for each.
        weight : Tensor of shape (batch,), (batch, n_members) or (n_members, batch, 1), or None
            Their weights. The last shape goes with rows for each member, and has to be divided by
            the number of rows.
        learning_rate : float or sequence of float
            The learning rate, of all members or of each.
        n_rows : int or None, default=None
            Rows in the batch, on all ranks together; None: those of `x`.

        Returns
        -------
        loss : Tensor of shape (n_members,)
            The weighted mean squared error of the batch before the step, or what the rows of this
            rank add to it.
        """
        if weight is None or weight.dim() < 3:
            n_rows = len(x) if n_rows is None else n_rows
            if weight is None:
                weight = x.new_full((len(x), 1), 1 / n_rows)
            else:
                weight = (weight if weight.dim() == 2 else weight[:, None]) / n_rows
            if len(self) > 1:
                x = x.expand(len(self), -1, -1)
                weight = weight.T[..., None].expand(len(self), -1, 1)
        elif len(self) == 1:
            x, weight = x[0], weight[0]
        loss = self.network.backward(x, weight)
        if self._ranks is not None:
            self._ranks.sum_(self._tensors[1])
        if self._max_norm is not None:
            self._clip(self._max_norm)
        self._n_steps += 1
        if isinstance(learning_rate, Sequence):
            rates = list(zip(learning_rate, self._decay, strict=True))
        else:
            rates = [(learning_rate, decay) for decay in self._decay]
        first = 0
        for (rate, decay), alike in groupby(rates):
            end = first + len(list(alike))
            self._update(first, end, rate, decay)
            first = end
        return loss

    def gradient_norms(self) -> dict[str, float]:
        """Give the root mean square of the last gradient of each layer of the first member."""
        gradients = [view if len(self) == 1 else view[0] for view in self._views(1)]
        norms = torch.stack(torch._foreach_norm(gradients)).tolist()
        return {
            name: norm / math.sqrt(gradient.numel())
            for (name, _), gradient, norm in zip(
                self._module.named_parameters(), gradients, norms, strict=True
            )
            if name.endswith(".weight")
        }

    def load_state(self, optimizer: optim.Optimizer) -> None:
        """Take over the moments of an optimizer of the (only) member's module."""
        states = [optimizer.state.get(each) for each in self._module.parameters()]
        if all(states):
            for moment, name in ((2, "exp_avg"), (3, "exp_avg_sq")):
                self._tensors[moment].copy_(
                    torch.cat([state[name].flatten() for state in states if state])
                )
            if states[0]:
                self._n_steps.copy_(states[0]["step"])

    def store(self, weights: Sequence[Tensor], optimizer: optim.Optimizer | None = None) -> None:
        """Copy weights of the (only) member into the module, and its moments into its optimizer."""
        parameters = list(self._module.parameters())
        moments: Any = [[None] * len(parameters)] * 2
        if optimizer is not None:
            optimizer.state.clear()
            moments = self._views(2), self._views(3)
        has_moments = optimizer is not None and bool(self._n_steps > 0)
        with torch.no_grad():
            for parameter, value, mean, square in zip(parameters, weights, *moments, strict=True):
                parameter.copy_(value)
                if optimizer is not None and has_moments:
                    optimizer.state[parameter] = {
                        "step": self._n_steps.clone(),
                        "exp_avg": mean.clone(),
                        "exp_avg_sq": square.clone(),
                    }

    def state(self) -> dict[str, Any]:
        """Give all that steps change."""
        values, _, mean, square = self._tensors
        return {"tensors": [values, mean, square, self._n_steps]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        torch._foreach_copy_(self.state()["tensors"], state["tensors"])

    def _views(self, which: int) -> list[Tensor]:
        parts = self._tensors[which].split(self._sizes)
        views = [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        return [view[0] for view in views] if len(self) == 1 else views

    def _clip(self, max_norm: float) -> None:
        gradients = self._tensors[1]
        if len(self) == 1:
            norm = torch.linalg.vector_norm(gradients)
            gradients.mul_((max_norm / (norm + 1e-6)).clamp(max=1))
            return
        views = [view.flatten(1) for view in self._views(1)]
        norms = torch.stack([torch.linalg.vector_norm(view, dim=1) for view in views])
        factor = (max_norm / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1)
        torch._foreach_mul_(views, [factor[:, None]] * len(views))

    def _update(self, first: int, end: int, rate: float, decay: float) -> None:
        """Update members of one learning rate and decay, which follow each other."""
        optimize: Any = torch._fused_adamw_ if self._decoupled else torch._fused_adam_
        for is_path, tensors in enumerate(self._tensors_of(first, end)):
            optimize(
                *tensors,
                [],
                [self._n_steps] * len(tensors[0]),
                lr=rate,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                weight_decay=0.0 if is_path else decay,
                eps=_EPS,
                amsgrad=False,
                maximize=False,
            )

    def _tensors_of(self, first: int, end: int) -> list[list[list[Tensor]]]:
        """Give what the optimizer takes of some members: what decays, and the linear path."""
        if (first, end) not in self._slices:
            n_decaying = len(self._sizes) - self._n_path
            if end - first == len(self):
                size = sum(self._sizes[:n_decaying])
                decaying = [[each[:size]] for each in self._tensors]
                path = [[each[size:]] for each in self._tensors]
            else:
                views = [[view[first:end] for view in self._views(i)] for i in range(4)]
                decaying = [each[:n_decaying] for each in views]
                path = [each[n_decaying:] for each in views]
            self._slices[first, end] = [decaying, path] if self._n_path else [decaying]
        return self._slices[first, end]


class Validation(NamedTuple):
    """Validation rows of one member, or of each of several folds.

    Attributes
    ----------
    x : Tensor of shape (n_rows, n_features) or (n_folds, n_rows, n_features)
        The rows in standard units.
    weight : Tensor of shape (n_rows,) or (n_folds, n_rows)
        Their weights. Rows of weight zero fill up smaller folds.
    n_steps : int
        Number of refinement steps of their codes.
    ranks : Ranks or None
        Ranks that all have these rows, and each compute the errors of a part of them.
    """

    x: Tensor
    weight: Tensor
    n_steps: int
    ranks: Ranks | None = None

    def errors(self, network: Backprop) -> Tensor:
        """Compute the mean squared error of each row at its refined code."""
        if self.ranks is None:
            return self._errors(self.x, network)
        errors = torch.zeros_like(self.weight)
        part = self.ranks.part(len(errors))
        if part.stop > part.start:
            errors[part] = self._errors(self.x[part], network)
        return self.ranks.sum_(errors)

    def _errors(self, rows: Tensor, network: Backprop) -> Tensor:
        parts = []
        for x in rows.split(_ROWS_AT_ONCE, dim=-2):
            code = network.encode(x).clone()

            def errors_and_gradients(code: Tensor, rows: Any, x: Tensor = x) -> Any:
                return network.errors_and_gradients(x[rows], code)

            code = refine_codes(errors_and_gradients, code, self.n_steps)
            parts.append(network.errors(x, code))
        return torch.cat(parts, -1).mul_(2 / self.x.shape[-1])

    def mean(self, errors: Tensor) -> float:
        """Average the errors of rows."""
        return float((self.weight * errors).sum() / self.weight.sum())
