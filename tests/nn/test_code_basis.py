"""Coordinates of the code."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_ae.nn import CodeBasis


def codes(n_rows, n_components, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(n_components, n_components, generator=generator, dtype=torch.float64)
    return torch.randn(n_rows, n_components, generator=generator, dtype=torch.float64) @ mix + 5


def decoder(n_components, n_features=7, seed=1):
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(n_components, n_features, generator=generator, dtype=torch.float64)
    second = torch.randn(n_components, n_features, generator=generator, dtype=torch.float64)
    return lambda code: code @ first + torch.sin(code @ second)


@settings(max_examples=40)
@given(n_components=st.integers(1, 5), seed=st.integers(0, 99), weighted=st.booleans())
def test_arranged(n_components, seed, weighted):
    code, decode = codes(60, n_components, seed), decoder(n_components)
    weight = torch.linspace(0.5, 2, 60) if weighted else None
    basis = CodeBasis(n_components, torch.float64)
    assert basis.arrange(code, decode, weight)
    arranged = basis.encode(code)
    torch.testing.assert_close(basis.decode(arranged), code)
    weight = torch.ones(60) if weight is None else weight
    weight = (weight / weight.sum()).double()[:, None]
    torch.testing.assert_close((weight * arranged).sum(0), torch.zeros(n_components).double())
    covariance = (weight * arranged).T @ arranged
    variance = covariance.diagonal()
    torch.testing.assert_close(
        covariance, variance.diag(), atol=1e-8 * float(variance.max()), rtol=0
    )
    assert bool((variance[1:] <= variance[:-1] * (1 + 1e-9)).all())


def test_a_unit_is_a_unit_of_the_reconstruction():
    code = codes(200, 3)
    first = decoder(3)
    basis = CodeBasis(3, torch.float64)
    basis.arrange(code, first)
    step = 1e-4 * torch.eye(3, dtype=torch.float64)
    arranged = basis.encode(code)
    for direction in step:
        moved = first(basis.decode(arranged + direction)) - first(
            basis.decode(arranged - direction)
        )
        length = moved.square().sum(1).mean().sqrt() / 2e-4
        assert float(length) == pytest.approx(1, rel=0.05)


def test_linear_decoders_give_principal_components():
    code = codes(100, 3)
    matrix = torch.randn(3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    basis = CodeBasis(3, torch.float64)
    basis.arrange(code, lambda code: code @ matrix)
    X = (code - code.mean(0)) @ matrix
    _, _, components = torch.linalg.svd(X, full_matrices=False)
    components = components[:3]
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))
    torch.testing.assert_close(basis.encode(code), X @ (components * largest.sign()).T)


@pytest.mark.parametrize("constant", ["entry", "code", "decoder"])
def test_nothing_to_go_by(constant):
    basis = CodeBasis(2)
    code = torch.ones(5, 2) if constant == "code" else torch.randn(5, 2)
    if constant == "entry":
        code[:, 0] = 3
    zeros = constant == "decoder"
    assert not basis.arrange(code, lambda code: torch.zeros(len(code), 4) if zeros else code)
    torch.testing.assert_close(basis.encode(code), code)


def test_reorder():
    basis = CodeBasis(3, torch.float64)
    code = codes(50, 3)
    basis.arrange(code, decoder(3))
    arranged = basis.encode(code)
    basis.reorder(torch.tensor([2, 0, 1]))
    torch.testing.assert_close(basis.encode(code), arranged[:, [2, 0, 1]])
    torch.testing.assert_close(basis.decode(basis.encode(code)), code)


def test_slopes_of_some_rows_are_enough():
    code, decode = codes(1000, 2), decoder(2)
    few, all_rows = (CodeBasis(2, torch.float64) for _ in range(2))
    few.arrange(code, decode, n_slopes=200)
    all_rows.arrange(code, decode)
    assert float((few.encoder_matrix - all_rows.encoder_matrix).abs().max()) > 0
    torch.testing.assert_close(few.encoder_matrix, all_rows.encoder_matrix, rtol=0.2, atol=0.2)
