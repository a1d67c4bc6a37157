import pytest
import torch

from sklearn_ae.training import OPTIMIZERS
from sklearn_ae.training.optimizers import optimizer_and_options


@pytest.mark.parametrize(
    "name", [name for name in OPTIMIZERS if name != "lbfgs"]
)  # which has no weight decay
@pytest.mark.parametrize("weight_decay", [0, 0.1])
def test_names_make_optimizers(name, weight_decay):
    factory, options = optimizer_and_options(
        name, weight_decay=weight_decay, device=torch.device("cpu")
    )
    optimizer = factory([torch.nn.Parameter(torch.ones(2))], lr=0.1, **options)
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert optimizer.param_groups[0]["weight_decay"] == weight_decay


def test_lbfgs_has_no_weight_decay():
    with pytest.raises(
        ValueError, match=r"weight_decay=0.1 is not supported with optimizer='lbfgs'"
    ):
        optimizer_and_options("lbfgs", weight_decay=0.1, device=torch.device("cpu"))


def test_momentum_and_nesterov():
    parameters = [torch.nn.Parameter(torch.ones(2))]
    groups = {name: OPTIMIZERS[name](parameters, lr=1).param_groups[0] for name in OPTIMIZERS}
    assert groups["sgd"]["momentum"] == 0
    assert groups["momentum"]["momentum"] == 0.9
    assert groups["nesterov"]["nesterov"]


def test_own_factory_is_passed_only_what_is_set():
    own = torch.optim.LBFGS
    assert optimizer_and_options(own, weight_decay=0, device=torch.device("cpu")) == (own, {})
