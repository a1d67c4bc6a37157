"""The size of gradients."""

import torch
from torch import nn


def clip_gradients(module: nn.Module, max_norm: float) -> None:
    """Scale the gradients of an autoencoder down to a norm where theirs is larger."""
    # Without what a latent trains beside the autoencoder, such as a discriminator.
    named = module.named_parameters()
    own = [parameter for name, parameter in named if not name.startswith("latent.")]
    nn.utils.clip_grad_norm_(own, max_norm)


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
