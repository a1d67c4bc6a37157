"""The state of a net: copied, put back, pickled."""

import copy
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from sklearn_ae.nn.inspection import list_tensors
from sklearn_ae.training.flat import own_memory


class StateMixin:
    """Mixin of the net."""

    module_: Any
    optimizer_: Any
    generator: torch.Generator
    gradient_norms_: Any
    history: Any
    device: torch.device
    _give_context: Any

    def weights(self) -> list[Tensor]:
        """Give the tensors that make up the state of the module, without copying them."""
        return [tensor.detach() for tensor in chain(*list_tensors(self.module_))]

    def set_weights(self, weights: list[Tensor]) -> None:
        """Copy such tensors into the module."""
        with torch.no_grad():
            for current, new in zip(self.weights(), weights, strict=True):
                current.copy_(new)

    def forget_steps(self) -> None:
        """Forget what the optimizer remembers of past steps, such as its momentum."""
        self.optimizer_.state.clear()

    def state(self) -> dict[str, Any]:
        """Give a copy of all that training changes."""
        return {
            "weights": [tensor.clone() for tensor in self.weights()],
            "optimizer": copy.deepcopy(self.optimizer_.state_dict()),
            "generator": self.generator.get_state(),
            "n_epochs": len(self.history),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        self.set_weights(state["weights"])
        self.optimizer_.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        del self.history[state["n_epochs"] :]

    def __getstate__(self) -> Any:
        # skorch pickles modules into bytes within the pickle, for the sake of devices. On the CPU
        # there is no need, and then cloudpickle, by which joblib's workers answer, also takes
        # classes and functions that are defined in a notebook.
        on_cpu = self.device.type == "cpu"
        state: Any = self.__dict__.copy() if on_cpu else super().__getstate__()
        # Working memory of a training that goes on: a checkpoint does without.
        state["_lean"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "__cuda_dependent_attributes__" in state:
            super().__setstate__(state)  # type: ignore[misc]
        else:
            self.__dict__.update(state)

    def snapshot(self, weights: list[Tensor]) -> Any:
        """Give a net for inference with a module of its own that has these weights."""
        self._give_context(None)  # every epoch gives one anew
        module, optimizer = copy.deepcopy((self.module_, self.optimizer_))
        optimizer.state = own_memory(optimizer.state)
        # Past skorch's bookkeeping of components, which is for nets under construction.
        net = object.__new__(type(self))
        net.__dict__.update(
            self.__dict__
            | {
                "module": module.eval(),
                "module_": module,
                "optimizer_": optimizer,
                "generator": self.generator.clone_state(),
                "gradient_norms_": self.gradient_norms_.without_weights(),
                "history_": copy.copy(self.history),
                # What belongs to the training that goes on.
                "callbacks": [],
                "callbacks_": [],
                "_noise": None,
                "_plateau": None,
                "_lean": None,
                "held_out": None,
            }
        )
        net.set_weights(weights)
        return net
