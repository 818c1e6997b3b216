"""The proximal operators minimise their objective, in both metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from scipy.optimize import brentq, minimize
from torch import Tensor

from mstasks.sparsity.adam_prox import adam_prox
from mstasks.sparsity.prox import KEPT_RMS, euclidean_prox
from mstasks.sparsity.space import norms

DIMS = (0, 0, 1, 0)
SHAPES = ((12, 5, 3, 3), (12,), (4, 12), (12, 1, 3, 3))
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
DTYPES = [torch.float32, torch.float64]


def hard_space(dtype: torch.dtype, spread: float = 1.5, seed: int = 0) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and denominators of a space with four members; denominators differ by orders of magnitude."""
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(shape, generator=generator, dtype=torch.float64) * 0.02 for shape in SHAPES]
    metric = [(torch.randn(shape, generator=generator, dtype=torch.float64) * spread - 6).exp() for shape in SHAPES]
    weights[0] = weights[0].contiguous(memory_format=torch.channels_last)
    metric[0] = metric[0].contiguous(memory_format=torch.channels_last)
    return [part.to(dtype) for part in weights], [part.to(dtype) for part in metric]


def ones_like(parts: Sequence[Tensor]) -> list[Tensor]:
    return [torch.ones_like(part) for part in parts]


def groups(parts: Sequence[Tensor], dims: Sequence[int] = DIMS) -> Tensor:
    """One row a group, in float64; written without the package."""
    rows = [
        torch.stack([part.select(dim, c).flatten() for c in range(part.shape[dim])])
        for part, dim in zip(parts, dims, strict=True)
    ]
    return torch.cat(rows, 1).double()


Prox = Callable[[Sequence[Tensor], Sequence[int], Sequence[Tensor], Any], list[Tensor]]


def euclidean(slices: Sequence[Tensor], dims: Sequence[int], metric: Sequence[Tensor], thresholds: Any) -> list[Tensor]:
    return euclidean_prox(slices, dims, thresholds)


BOTH = pytest.mark.parametrize("prox", [euclidean, adam_prox])


def case(prox: Prox, dtype: torch.dtype, seed: int = 0) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Weights, metric, and thresholds from far below to above each group's, so that a quarter of the groups die."""
    weights, metric = hard_space(dtype, seed=seed)
    if prox is euclidean:
        metric = ones_like(metric)
    steepness = (groups(weights) * groups(metric)).norm(dim=1)
    fractions = torch.tensor([1e-4, 1e-2, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999, 1.001, 1.5, 100.0])
    return weights, metric, (steepness * fractions).to(dtype)


def assert_is_minimiser(u: Tensor, d: Tensor, t: Tensor, v: Tensor, tolerance: float) -> None:
    """Zero is a subgradient of the objective at v: the gradient vanishes on alive groups, |D u| <= t on dead ones."""
    alive = (v != 0).any(1)
    assert alive.any()
    assert (~alive).any()
    steepness = (d * u).norm(dim=1)
    assert (steepness[~alive] <= t[~alive] * (1 + tolerance)).all()
    gradient = d * (v - u) + t[:, None] * v / v.norm(dim=1, keepdim=True)
    assert (gradient[alive].norm(dim=1) / steepness[alive]).max() <= tolerance


@BOTH
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(5))
def test_the_result_minimises_the_proximal_objective(prox: Prox, dtype: torch.dtype, seed: int) -> None:
    weights, metric, thresholds = case(prox, dtype, seed)
    result = prox(weights, DIMS, metric, thresholds)
    assert_is_minimiser(groups(weights), groups(metric), thresholds.double(), groups(result), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fraction", [1e-4, 1e-2, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0, 3.0])
def test_newton_converges_for_denominators_of_many_magnitudes(
    dtype: torch.dtype, fraction: float, spread: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(200, 40, generator=generator).to(dtype)
    d = (torch.randn(200, 40, generator=generator) * spread).exp().to(dtype)
    t = fraction * (d * u).norm(dim=1)
    u, d, t, v = (values.double() for values in (u, d, t, adam_prox([u], [0], [d], t)[0]))
    residual = d * (v - u) + t[:, None] * v / v.norm(dim=1, keepdim=True)
    assert (residual.norm(dim=1) / (d * u).norm(dim=1)).max() <= TOLERANCE[dtype]


@BOTH
def test_a_numerical_minimiser_finds_nothing_lower(prox: Prox) -> None:
    generator = torch.Generator().manual_seed(1)
    u = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    d = torch.ones_like(u) if prox is euclidean else (torch.randn(3, 4, generator=generator, dtype=torch.float64)).exp()
    t = (d * u).norm(dim=1) * torch.tensor([0.2, 0.8, 1.2])
    (v,) = prox([u], [0], [d], t)
    for row in range(3):
        a, b, c = u[row].numpy(), d[row].numpy(), float(t[row])

        def objective(x: Any, a: Any = a, b: Any = b, c: float = c) -> float:
            return float(0.5 * (b * (x - a) ** 2).sum() + c * math.sqrt((x**2).sum()))

        found = minimize(objective, a, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 20000})
        assert objective(v[row].numpy()) <= found.fun + 1e-12
        torch.testing.assert_close(v[row], torch.from_numpy(found.x), atol=1e-4, rtol=0)


def test_the_adam_metric_agrees_with_bisection_on_the_norm() -> None:
    weights, metric, thresholds = case(adam_prox, torch.float64)
    u, d = groups(weights), groups(metric)
    found = groups(adam_prox(weights, DIMS, metric, thresholds)).norm(dim=1)
    for row in range(9):  # the alive ones
        t = float(thresholds[row])
        excess = lambda s, row=row, t=t: float(((d[row] * u[row] / (d[row] * s + t)) ** 2).sum() - 1)  # noqa: E731
        root = brentq(excess, 0, float(u[row].norm()), xtol=1e-15, rtol=1e-14)
        assert found[row].item() == pytest.approx(root, rel=1e-10)


def test_a_constant_metric_gives_the_closed_form() -> None:
    weights, _, thresholds = case(euclidean, torch.float64)
    constant = [torch.full_like(part, 1e-4) for part in weights]
    found = groups(adam_prox(weights, DIMS, constant, thresholds * 1e-4))
    torch.testing.assert_close(found, groups(euclidean_prox(weights, DIMS, thresholds)), rtol=1e-12, atol=1e-15)


@BOTH
def test_groups_do_not_influence_each_other(prox: Prox) -> None:
    weights, metric, thresholds = case(prox, torch.float64)
    result = groups(prox(weights, DIMS, metric, thresholds))
    for c in range(12):
        alone = [[part.narrow(dim, c, 1) for part, dim in zip(parts, DIMS, strict=True)] for parts in (weights, metric)]
        found = groups(prox(alone[0], DIMS, alone[1], thresholds[c : c + 1]))
        torch.testing.assert_close(found[0], result[c], rtol=1e-12, atol=1e-16)


@BOTH
def test_shapes_and_memory_formats_are_kept(prox: Prox) -> None:
    weights, metric, thresholds = case(prox, torch.float32)
    result = prox(weights, DIMS, metric, thresholds)
    assert [part.shape for part in result] == [part.shape for part in weights]
    fastest = [min(range(4), key=part.stride) for part in (weights[0], result[0])]
    assert fastest == [1, 1]


@BOTH
def test_pairs_do_not_move_apart_in_the_norm_of_the_metric(prox: Prox) -> None:
    for seed in range(20):
        weights, metric, thresholds = case(prox, torch.float64, seed)
        generator = torch.Generator().manual_seed(100 + seed)
        others = [part + 0.02 * torch.randn(part.shape, generator=generator, dtype=part.dtype) for part in weights]
        after = groups(prox(weights, DIMS, metric, thresholds)) - groups(prox(others, DIMS, metric, thresholds))
        before, d = groups(weights) - groups(others), groups(metric)
        assert ((d * after**2).sum(1) <= (d * before**2).sum(1) * (1 + 1e-12)).all()


@BOTH
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_dies_is_exactly_zero(prox: Prox, dtype: torch.dtype) -> None:
    weights, metric, thresholds = case(prox, dtype)
    dead = (groups(prox(weights, DIMS, metric, thresholds)) == 0).all(1)
    assert dead.tolist() == [False] * 9 + [True] * 3


@BOTH
def test_norms_fall_as_the_strength_rises(prox: Prox) -> None:
    weights, metric, thresholds = case(prox, torch.float64)
    sizes = [groups(prox(weights, DIMS, metric, thresholds * scale)).norm(dim=1) for scale in (0, 0.1, 0.5, 1, 2, 1e5)]
    for weaker, stronger in pairwise(sizes):
        assert (stronger <= weaker).all()
    assert (sizes[-1] == 0).all()


@BOTH
@pytest.mark.parametrize("dtype", DTYPES)
def test_strength_zero_is_the_identity_even_for_zero_groups_and_tiny_denominators(
    prox: Prox, dtype: torch.dtype
) -> None:
    weights, metric, _ = case(prox, dtype)
    for part, dim in zip(weights, DIMS, strict=True):
        part.select(dim, 3).zero_()
    metric = [part.clone() for part in metric]
    metric[0][5] = 1e-12
    for result, part in zip(prox(weights, DIMS, metric, 0.0), weights, strict=True):
        assert torch.equal(result, part)


@BOTH
def test_a_zero_group_stays_zero(prox: Prox) -> None:
    weights, metric, thresholds = case(prox, torch.float32)
    weights = [torch.zeros_like(part) for part in weights]
    assert (groups(prox(weights, DIMS, metric, thresholds)) == 0).all()


def test_tiny_denominators_give_finite_results() -> None:
    weights, metric, thresholds = case(adam_prox, torch.float32)
    metric = [part.masked_fill(part < part.median(), 1e-8) for part in metric]
    result = adam_prox(weights, DIMS, metric, thresholds)
    assert groups(result).isfinite().all()
    for tiny in (1e-8, 1e-15):
        all_tiny = [torch.full_like(part, tiny) for part in metric]
        thresholds = (groups(weights).norm(dim=1) * tiny / 2).float()
        found = groups(adam_prox(weights, DIMS, all_tiny, thresholds))
        torch.testing.assert_close(found, groups(weights) / 2, rtol=1e-5, atol=0)
        assert torch.equal(groups(adam_prox(weights, DIMS, all_tiny, 0.0)), groups(weights))


@BOTH
def test_nan_in_a_group_shows_and_stays_in_its_group(prox: Prox) -> None:
    weights, metric, thresholds = case(prox, torch.float32)
    weights[0][2, 1, 0, 0] = math.nan
    found = groups(prox(weights, DIMS, metric, thresholds)).isnan().any(1)
    assert found.tolist() == [c == 2 for c in range(12)]


@BOTH
def test_gradients_equal_finite_differences_with_some_groups_dead(prox: Prox) -> None:
    weights, metric, thresholds = case(prox, torch.float64)
    weights = [part.clone(memory_format=torch.contiguous_format).requires_grad_() for part in weights]
    thresholds = thresholds.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda t, *parts: tuple(prox(parts, DIMS, metric, t)), (thresholds, *weights), eps=1e-8, atol=1e-5
    )


@BOTH
@pytest.mark.parametrize("threshold", [0.0, 1e-3])
def test_gradients_at_zero_groups_are_finite(prox: Prox, threshold: float) -> None:
    weights, metric, _ = case(prox, torch.float32)
    leaves = [torch.zeros_like(part).requires_grad_() for part in weights]
    strength = torch.tensor(threshold, requires_grad=True)
    sum(part.sum() for part in prox(leaves, DIMS, metric, strength)).backward()
    assert all(leaf.grad.isfinite().all() for leaf in [*leaves, strength])


def test_norms_of_groups_have_finite_gradients_at_zero() -> None:
    leaves = [torch.zeros(shape, requires_grad=True) for shape in SHAPES]
    norms(leaves, DIMS).sum().backward()
    assert all((leaf.grad == 0).all() for leaf in leaves)


def with_floor(prox: Prox, weights: list[Tensor], metric: list[Tensor], thresholds: Any, floor: int) -> Tensor:
    if prox is euclidean:
        return groups(euclidean_prox(weights, DIMS, thresholds, floor))
    return groups(adam_prox(weights, DIMS, metric, thresholds, floor))


@BOTH
@pytest.mark.parametrize("floor", [0, 1, 5, 12])
def test_no_strength_leaves_fewer_groups_than_the_floor(prox: Prox, floor: int) -> None:
    weights, metric, _ = case(prox, torch.float32)
    result = with_floor(prox, weights, metric, 1e6, floor)
    assert (result != 0).any(1).sum() == floor


@BOTH
def test_a_floor_that_does_not_bind_changes_nothing(prox: Prox) -> None:
    weights, metric, thresholds = case(prox, torch.float64)
    free = groups(prox(weights, DIMS, metric, thresholds))
    torch.testing.assert_close(with_floor(prox, weights, metric, thresholds, 4), free, rtol=0, atol=0)


@BOTH
def test_the_floor_keeps_the_groups_with_most_left(prox: Prox) -> None:
    weights, metric, _ = case(prox, torch.float64)
    steepness = (groups(weights) * groups(metric)).norm(dim=1)
    alive = (with_floor(prox, weights, metric, 1e6, 3) != 0).any(1)
    assert set(alive.nonzero()[:, 0].tolist()) == set(steepness.topk(3).indices.tolist())


@BOTH
def test_kept_groups_never_fade_however_often_the_prox_is_applied(prox: Prox) -> None:
    weights, metric, _ = case(prox, torch.float32)
    floor = 2
    for _ in range(50):
        weights = (
            euclidean_prox(weights, DIMS, 1e-2, floor)
            if prox is euclidean
            else adam_prox(weights, DIMS, metric, 1e-2, floor)
        )
    rms = groups(weights).square().mean(1).sqrt()
    assert ((rms > 0).sum(), rms.max().item()) == (floor, pytest.approx(KEPT_RMS, rel=1e-4))


@BOTH
def test_a_kept_group_that_is_small_already_is_left_as_it_is(prox: Prox) -> None:
    weights, metric, _ = case(prox, torch.float64)
    weights = [part * 1e-4 for part in weights]
    torch.testing.assert_close(with_floor(prox, weights, metric, 1e6, 12), groups(weights), rtol=1e-12, atol=0)


def test_a_zero_group_does_not_use_up_the_floor() -> None:
    weights = [torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.1, 0.1]])]
    (result,) = euclidean_prox(weights, [0], torch.tensor([0.0, 9.0, 9.0]), floor=1)
    assert (result != 0).any(1).tolist() == [False, True, False]
