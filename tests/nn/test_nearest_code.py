"""The code whose reconstruction is nearest to a row."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ae.nn import nearest_code


def parabola(code):
    return torch.cat([code, code**2], dim=1)


def distance(decode, code, target):
    return (decode(code) - target).square().sum(1)


@given(seed=st.integers(0, 100), n_components=st.integers(1, 4))
def test_on_a_plane_it_is_the_projection(seed, n_components):
    generator = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(6, n_components, generator=generator).double())[0].T
    target = torch.randn(9, 6, generator=generator).double()
    guess = torch.randn(9, n_components, generator=generator).double()
    code = nearest_code(lambda code: code @ axes, guess, target, 5)
    nearest = distance(lambda code: code @ axes, target @ axes.T, target)
    assert (distance(lambda code: code @ axes, code, target) <= 1.0002 * nearest).all()


def test_of_a_curve_it_is_the_foot_of_the_perpendicular():
    code = nearest_code(parabola, torch.tensor([[2.0]]), torch.tensor([[0.5, 2.0]]), 50)
    residual = (parabola(code) - torch.tensor([[0.5, 2.0]])).squeeze()
    tangent = torch.tensor([1.0, 2 * code.item()])
    cosine = residual @ tangent / (residual.norm() * tangent.norm())
    assert abs(cosine) < 0.01


def test_no_row_is_worse_than_its_guess_and_further_steps_do_not_harm():
    generator = torch.Generator().manual_seed(0)
    target = 3 * torch.randn(200, 2, generator=generator)
    guess = torch.randn(200, 1, generator=generator)
    errors = [
        distance(parabola, nearest_code(parabola, guess, target, n), target) for n in range(12)
    ]
    for before, after in itertools.pairwise(errors):
        assert (after <= before).all()
    assert errors[-1].mean() < 0.5 * errors[0].mean()


def test_each_row_goes_its_own_way():
    target = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)).double()
    guess = torch.zeros(20, 1).double() + 0.1
    together = nearest_code(parabola, guess, target, 30)
    alone = [
        nearest_code(parabola, g[None], t[None], 30) for g, t in zip(guess, target, strict=True)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


def test_too_long_steps_are_shortened():
    target = torch.tensor([[5.0]])
    code = nearest_code(lambda code: 1000 * code, torch.zeros(1, 1), target, 20)
    torch.testing.assert_close(1000 * code, target)


def test_too_short_steps_are_lengthened():
    target = torch.tensor([[5.0]])
    code = nearest_code(lambda code: 0.01 * code, torch.zeros(1, 1), target, 20)
    torch.testing.assert_close(0.01 * code, target)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e30])
def test_rows_that_overflow_stay_and_leave_the_others_alone(bad):
    target = torch.tensor([[bad, bad], [0.5, 2.0]])
    guess = torch.tensor([[1.0], [1.3]])
    code = nearest_code(parabola, guess, target, 20)
    assert code.isfinite().all()
    torch.testing.assert_close(code[1:], nearest_code(parabola, guess[1:], target[1:], 20))


def test_inference_mode_and_what_is_given_stays():
    with torch.inference_mode():
        guess, target = torch.tensor([[2.0]]), torch.tensor([[0.5, 2.0]])
        code = nearest_code(parabola, guess, target, 5)
        assert distance(parabola, code, target) < distance(parabola, guess, target)
    assert guess.item() == 2
    assert not code.requires_grad


def test_it_stops_where_there_is_nothing_to_gain():
    n_calls = 0

    def decode(code):
        nonlocal n_calls
        n_calls += 1
        return code

    nearest_code(decode, torch.zeros(3, 2), torch.ones(3, 2), 100)
    assert n_calls < 5
