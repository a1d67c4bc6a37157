import pytest
import torch

from sklearn_ae.nn import Autoencoder, LinearPath, Stack, is_plain


@pytest.fixture(params=[True, False], ids=["path", "no path"])
def path(request):
    return LinearPath(torch.eye(4, dtype=torch.float32)[:2], 2) if request.param else None


def build(path, **parameters):
    shift, scale = torch.tensor([1.0, 2, 3, 4]), torch.tensor(2.0)
    return Autoencoder(
        Stack([4, 8, 2]), Stack([2, 8, 4]), shift=shift, scale=scale, linear_path=path, **parameters
    )


@pytest.mark.parametrize("logistic_output", [False, True])
def test_parts_agree(path, logistic_output, generator):
    autoencoder = build(path, output_activation=torch.nn.Sigmoid() if logistic_output else None)
    x = torch.rand(5, 4, generator=generator)
    output = autoencoder(x)
    torch.testing.assert_close(output.standard_input, (x - autoencoder.shift) / 2)
    torch.testing.assert_close(autoencoder.encode(x), output.code)
    reconstruction = autoencoder.decode(output.code)
    torch.testing.assert_close(autoencoder.to_input_units(output.raw), reconstruction)
    torch.testing.assert_close(autoencoder.residual(x), (x - reconstruction) / 2)
    assert logistic_output == bool(((reconstruction > 0) & (reconstruction < 1)).all())


def test_path_and_network_add_up(generator):
    path = LinearPath(torch.eye(4)[:2], 2)
    with_path, without = build(path), build(None)
    without.load_state_dict(with_path.state_dict(), strict=False)
    x = torch.rand(5, 4, generator=generator)
    standard = without.standardize(x)
    torch.testing.assert_close(with_path.encode(x), without.encode(x) + path.encode(standard))


def test_residual_keeps_small_differences_far_from_zero():
    autoencoder = build(None)
    autoencoder.shift += 2**20
    x = autoencoder.shift + torch.tensor([[0.25, 0.5, 0.75, 1.0]])
    output = autoencoder(x)
    torch.testing.assert_close(autoencoder.residual(x), output.standard_input - output.raw)


def test_units_are_no_parameters():
    names = {name for name, _ in build(None).named_parameters()}
    assert not names & {"shift", "scale"}
    assert {"shift", "scale"} <= set(build(None).state_dict())


HOOKS = ("forward_pre_hook", "forward_hook", "full_backward_pre_hook", "full_backward_hook")


@pytest.mark.parametrize("kind", HOOKS)
def test_backpropagation_by_hand_is_not_for_networks_with_hooks(kind):
    autoencoder = build(None)
    layer = autoencoder.decoder.layers[0]
    registers = (
        getattr(layer, f"register_{kind}"),
        getattr(torch.nn.modules.module, f"register_module_{kind}"),
    )
    for register in registers:
        assert is_plain(autoencoder)
        with register(lambda *arguments: None):
            assert not is_plain(autoencoder)
