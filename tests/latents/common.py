"""What the tests of the latents share."""

from sklearn_ae import AutoencoderTransformer


def make(**parameters):
    defaults = {"n_components": 8, "max_iter": 20, "random_state": 0}
    return AutoencoderTransformer(**defaults | parameters)
