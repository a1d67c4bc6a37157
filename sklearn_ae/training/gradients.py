"""The size of gradients, and their sum over ranks."""

import torch
from torch import Tensor, nn

from sklearn_ae._data.ranks import Ranks


def clip_gradients(module: nn.Module, max_norm: float) -> None:
    """Scale the gradients of an autoencoder down to a norm where theirs is larger."""
    # Without what a latent trains beside the autoencoder, such as a discriminator.
    named = module.named_parameters()
    own = [parameter for name, parameter in named if not name.startswith("latent.")]
    nn.utils.clip_grad_norm_(own, max_norm)


def sum_gradients(module: nn.Module, loss: Tensor, n_rows: int, ranks: Ranks) -> Tensor:
    """Make the gradients of a batch from those of its parts on the ranks, and give its loss.

    The mean over the `n_rows` rows of this rank gave `loss` and the gradients. All go around at
    once.
    """
    parameters = [each for each in module.parameters() if each.requires_grad]
    of_part = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
    numbers = [loss.detach(), torch.ones_like(loss)]
    joined = torch.cat([each.flatten().to(loss.dtype) for each in (*of_part, *numbers)])
    ranks.sum_(joined.mul_(n_rows))
    joined /= joined[-1].clone()
    *of_batch, mean, _ = joined.split([each.numel() for each in (*parameters, *numbers)])
    for parameter, gradient in zip(parameters, of_batch, strict=True):
        parameter.grad = gradient.view_as(parameter).to(parameter.dtype)
    return mean.view(())


def gradient_sizes(module: nn.Module) -> dict[str, float]:
    """Give the root mean square of the gradient of each layer."""
    sizes = {}
    for name, weights in module.named_parameters():
        is_layer = name.startswith(("encoder.", "decoder.")) and "bias" not in name
        if is_layer and weights.dim() > 1 and weights.grad is not None:
            sizes[name] = weights.grad.square().mean().sqrt()
    if not sizes:
        return {}
    # All at once: each reading waits for the device.
    return dict(zip(sizes, torch.stack(list(sizes.values())).tolist(), strict=True))
