"""What a module consists of."""

from torch import Tensor, nn


def list_tensors(module: nn.Module) -> tuple[list[nn.Parameter], list[Tensor]]:
    """List the parameters and buffers of a module and of all its parts.

    PyTorch's own ``parameters()`` composes the name of each and drops it, which takes
    longer than a small network's step.

    Parameters
    ----------
    module : nn.Module
        The module.

    Returns
    -------
    parameters : list of nn.Parameter
        Those that are trained, each once.
    buffers : list of Tensor
        Those that are not.
    """
    parameters: dict[int, nn.Parameter] = {}
    buffers: dict[int, Tensor] = {}
    for part in module.modules():
        parameters |= {id(each): each for each in part._parameters.values() if each is not None}
        buffers |= {id(each): each for each in part._buffers.values() if each is not None}
    return list(parameters.values()), list(buffers.values())


def has_hooks(module: nn.Module) -> bool:
    """Tell whether somebody looks on when a module is called, or changes what it gives.

    Parameters
    ----------
    module : nn.Module
        The module, without its parts.

    Returns
    -------
    has_hooks : bool
    """
    return nn.modules.module._has_any_global_hook() or bool(
        module._forward_pre_hooks
        or module._forward_hooks
        or module._backward_pre_hooks
        or module._backward_hooks
    )
