from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from episode_lab import TASKS, Lab, make_batch, make_lab
from torch import Tensor
from written_out import combined, part_of, prox, rows

from mstasks.meta.inner_prox import InnerProx
from mstasks.meta.maml import Maml
from mstasks.meta.options import MamlOptions
from mstasks.sparsity.space import group_weight
from mstasks.sparsity.strength.fixed import Fixed
from mstasks.sparsity.strength.learned import Learned
from mstasks.sparsity.strength.options import FixedOptions, LearnedOptions

BATCH = make_batch(8)
SUPPORT, QUERY = part_of(BATCH, slice(0, 8, 2)), part_of(BATCH, slice(1, 8, 2))
RATE = 0.3
INITIAL = {"euclidean": 0.06, "adam": 0.03}
SHARED = {"network": 1, "stage": 3, "layer": 4}
OWNER = {
    "network": (0, 0, 0, 0),
    "stage": (0, 1, 1, 2),
    "layer": (0, 1, 2, 3),
}
"""Which lambda each of the spaces stem, body.0, body.1, trunk has."""


def lab_with(share: str = "layer", metric: str = "euclidean", floor: int = 0, **options: Any) -> Lab:
    """One channel of each space is zero from the start, one is small, and the lambdas differ."""
    chosen = MamlOptions(rate=RATE, combinations="all-tasks", inner_prox=True, **options)
    learned = LearnedOptions(initial=INITIAL[metric], share=share)
    lab = make_lab(
        lambda network: Maml(network, TASKS, 100, 0, chosen),
        strength=lambda part: Learned(part, TASKS, 100, learned),
        metric=metric,
        floor=floor,
    )
    part, rho = lab.state.strength.part, lab.state.strength.rho
    assert rho.shape == (SHARED[share],)
    for name in part.spaces:
        part.shrink(name, torch.tensor([1.0, 0.0, 0.1, 1.0], dtype=torch.float64))
    with torch.no_grad():
        rho += 0.3 * torch.arange(len(rho))
    return lab


class Reference:
    """L_Q after K steps with the prox, as a function of the lambdas."""

    def __init__(self, lab: Lab, share: str, metric: str, steps: int) -> None:
        state = lab.state
        self.theta = {name: own.detach().clone() for name, own in state.network.named_parameters()}
        self.variance = dict(zip(TASKS, state.weighting.log_variance.detach(), strict=True))
        self.spaces, self.owner, self.steps = list(state.strength.part.spaces.values()), OWNER[share], steps
        self.rho = state.strength.rho.detach().clone()
        self.metric = None
        if metric == "adam":  # the step count is float32, and so is the bias correction
            moments = {name: state.optimizer.state[own] for name, own in state.network.named_parameters()}
            self.metric = {
                name: (own["exp_avg_sq"] / (1 - 0.999 ** own["step"]).double()).sqrt() + 1e-8
                for name, own in moments.items()
            }
        self.dead = 0

    def end(self, rho: Tensor, frozen: list[dict[str, Tensor]] | None = None) -> tuple[dict[str, Tensor], list[Any]]:
        now, slopes = self.theta, []
        for step in range(self.steps):
            slopes.append(self.slope(now) if frozen is None else frozen[step])
            now = {name: value - RATE * slopes[step][name] for name, value in now.items()}
            for space, owner in zip(self.spaces, self.owner, strict=True):
                threshold = RATE * rho[owner].exp().item() * group_weight(space, now)
                now = prox(space, now, threshold, self.metric)
        self.dead = sum(int((space_norms(space, now) == 0).sum()) for space in self.spaces)
        return now, slopes

    def slope(self, now: Mapping[str, Tensor]) -> dict[str, Tensor]:
        points = {name: value.clone().requires_grad_() for name, value in now.items()}
        found = torch.autograd.grad(combined(points, SUPPORT, TASKS, self.variance), list(points.values()))
        return dict(zip(points, found, strict=True))

    def loss(self, rho: Tensor, frozen: list[dict[str, Tensor]] | None = None) -> float:
        return combined(self.end(rho, frozen)[0], QUERY, TASKS, self.variance).item()

    def hypergradient(self, *, frozen: bool, step: float = 1e-3) -> Tensor:
        """Central differences of fourth order in every log lambda; with constant inner gradients if `frozen`."""
        slopes = self.end(self.rho)[1] if frozen else None
        found = []
        for shift in step * torch.eye(len(self.rho), dtype=torch.float64):
            near, far = (
                self.loss(self.rho + times * shift, slopes) - self.loss(self.rho - times * shift, slopes)
                for times in (1, 2)
            )
            found.append((8 * near - far) / (12 * step))
        return torch.tensor(found, dtype=torch.float64)


def space_norms(space: Any, tensors: Mapping[str, Tensor]) -> Tensor:
    return rows(space, tensors).norm(dim=1)


@pytest.mark.parametrize("share", SHARED)
@pytest.mark.parametrize("metric", INITIAL)
@pytest.mark.parametrize(("order", "steps"), [("second", 1), ("second", 3), ("first", 1), ("first", 3)])
def test_the_hypergradient_equals_central_differences(share: str, metric: str, order: str, steps: int) -> None:
    lab = lab_with(share, metric, order=order, steps=steps)
    reference = Reference(lab, share, metric, steps)
    lab.gradients(BATCH)
    found = lab.state.strength.rho.grad
    truth = reference.hypergradient(frozen=order == "first")
    assert 2 < reference.dead < 14, "some groups are dead, and some alive"
    assert truth.abs().min() > 1e-5
    torch.testing.assert_close(found, truth, rtol=1e-6, atol=0)


def test_the_first_order_form_of_one_step_is_exact() -> None:
    found = []
    for order in ("first", "second"):
        lab = lab_with(order=order, steps=1)
        lab.gradients(BATCH)
        found.append(lab.state.strength.rho.grad)
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=0)


def test_first_order_misses_something_beyond_one_step() -> None:
    # So that the comparison with frozen inner gradients above is one that could fail.
    lab = lab_with(order="first", steps=3)
    reference = Reference(lab, "layer", "euclidean", 3)
    lab.gradients(BATCH)
    assert not torch.allclose(lab.state.strength.rho.grad, reference.hypergradient(frozen=False), rtol=1e-3, atol=0)


def test_one_euclidean_step_has_the_closed_form() -> None:
    # dL_Q/dlog lambda_b = -alpha lambda_b sum over alive g in b of w_g <grad L_Q at theta'_g, u_g / |u_g|>.
    lab = lab_with(order="first", steps=1)
    reference = Reference(lab, "layer", "euclidean", 1)
    end, slopes = reference.end(reference.rho)
    u = {name: value - RATE * slopes[0][name] for name, value in reference.theta.items()}
    points = {name: value.clone().requires_grad_() for name, value in end.items()}
    query = torch.autograd.grad(combined(points, QUERY, TASKS, reference.variance), list(points.values()))
    query = dict(zip(points, query, strict=True))
    truth = []
    for space, log_lambda in zip(reference.spaces, reference.rho, strict=True):
        alive, norms = space_norms(space, end) > 0, space_norms(space, u)
        products = (rows(space, query) * rows(space, u)).sum(1)
        weight = group_weight(space, u)
        truth.append(-RATE * log_lambda.exp() * weight * (products / norms)[alive].sum())
    lab.gradients(BATCH)
    torch.testing.assert_close(lab.state.strength.rho.grad, torch.stack(truth), rtol=1e-9, atol=0)


@pytest.mark.parametrize("metric", INITIAL)
def test_floors_hold_within_the_loop_and_in_its_derivative(metric: str) -> None:
    # So strong that every group would die: only the floor's groups are left, and lambda no longer matters.
    lab = lab_with(metric=metric, floor=2, order="second", steps=1)
    part = lab.state.strength.part
    with torch.no_grad():
        lab.state.strength.rho += 7
    inner = InnerProx(part, lab.state.optimizer, lab.state.strength.strengths)
    rates = dict.fromkeys(part.parameters, RATE)
    shrunk = inner(part.parameters, rates)
    for space in part.spaces.values():
        assert int((space_norms(space, shrunk) > 0).sum()) == 2
    lab.gradients(BATCH)
    assert lab.state.strength.rho.grad.abs().max() < 1e-12


def test_weights_get_their_gradient_straight_through() -> None:
    # First order: the query loss's gradient at theta', the zeroed groups' included.
    lab = lab_with(order="first", steps=2)
    reference = Reference(lab, "layer", "euclidean", 2)
    end, _ = reference.end(reference.rho)
    points = {name: value.clone().requires_grad_() for name, value in end.items()}
    truth = torch.autograd.grad(combined(points, QUERY, TASKS, reference.variance), list(points.values()))
    lab.gradients(BATCH)
    assert reference.dead > 2
    for (name, ours), expected in zip(lab.grads().items(), truth, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-13, msg=name)
    dead = end["backbone.stem.weight"].flatten(1).abs().sum(1) == 0
    assert dead.any()
    assert (lab.grads()["backbone.stem.weight"][dead].flatten(1).norm(dim=1) > 0).all()


def test_second_order_weights_pass_the_inner_hessian_but_not_the_prox() -> None:
    # With straight-through proxes, v_k = v_{k+1} - alpha H(theta'_k) v_{k+1} for the true, sparse theta'_k.
    lab = lab_with(order="second", steps=2)
    reference = Reference(lab, "layer", "euclidean", 2)
    points, now = [reference.theta], reference.theta
    for steps in (1, 2):
        reference.steps = steps
        now = reference.end(reference.rho)[0]
        points.append(now)
    leaves = {name: value.clone().requires_grad_() for name, value in points[2].items()}
    v = torch.autograd.grad(combined(leaves, QUERY, TASKS, reference.variance), list(leaves.values()))
    for point in (points[1], points[0]):
        leaves = {name: value.clone().requires_grad_() for name, value in point.items()}
        slopes = torch.autograd.grad(
            combined(leaves, SUPPORT, TASKS, reference.variance), list(leaves.values()), create_graph=True
        )
        products = torch.autograd.grad(slopes, list(leaves.values()), v)
        v = tuple(one - RATE * product for one, product in zip(v, products, strict=True))
    lab.gradients(BATCH)
    for (name, ours), expected in zip(lab.grads().items(), v, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-13, msg=name)


def test_both_derivatives_of_one_prox() -> None:
    lab = lab_with(order="first", steps=1)
    part = lab.state.strength.part
    inner = InnerProx(part, lab.state.optimizer, lab.state.strength.strengths)
    for exact in (False, True):
        inner.exact = exact
        u = {name: own.detach().clone().requires_grad_() for name, own in part.parameters.items()}
        shrunk = inner(u, dict.fromkeys(u, RATE))
        slopes = torch.autograd.grad([shrunk[name].sum() for name in u], list(u.values()))
        plain = all(torch.equal(slope, torch.ones_like(slope)) for slope in slopes)
        assert plain is not exact
    dead = shrunk["backbone.stem.weight"].flatten(1).abs().sum(1) == 0
    stem = dict(zip(u, slopes, strict=True))["backbone.stem.weight"]
    assert dead.any()
    assert stem[dead].abs().sum() == 0, "the true derivative of a zeroed group is zero"


def test_learned_rates_shrink_a_space_by_the_mean_of_its_members() -> None:
    lab = make_lab(
        lambda network: Maml(network, TASKS, 9, 0, MamlOptions(inner_prox=True)),
        strength=lambda part: Fixed(part, TASKS, 9, FixedOptions(value=0.05)),
    )
    part = lab.state.strength.part
    inner = InnerProx(part, lab.state.optimizer, lab.state.strength.strengths)
    rates = {name: torch.tensor(0.1 + 0.1 * i, dtype=torch.float64) for i, name in enumerate(part.parameters)}
    shrunk = inner(part.parameters, rates)
    for space in part.spaces.values():
        rate = sum(rates[member.parameter].item() for member in space.members) / len(space.members)
        expected = prox(space, dict(part.parameters), rate * 0.05 * group_weight(space, part.parameters))
        for member in space.members:
            torch.testing.assert_close(shrunk[member.parameter], expected[member.parameter], rtol=1e-10, atol=1e-12)


def test_learned_rates_with_prox_equal_central_differences() -> None:
    lab = lab_with(order="second", steps=2, learn_rates=True)
    lab.gradients(BATCH)
    log_rates = lab.state.update.log_rates
    found = log_rates.grad.clone()
    values = []
    for index in range(len(log_rates)):
        pair = []
        for sign in (1, -1):
            with torch.no_grad():
                log_rates[index] += sign * 1e-5
            result = lab.gradients(BATCH)
            factors = torch.exp(-lab.state.weighting.log_variance.detach())
            pair.append(sum(f * result.losses[name] for f, name in zip(factors, TASKS, strict=True)).item())
            with torch.no_grad():
                log_rates[index] -= sign * 1e-5
        values.append((pair[0] - pair[1]) / 2e-5)
    torch.testing.assert_close(found, torch.tensor(values, dtype=torch.float64), rtol=1e-5, atol=1e-10)


def test_in_the_adam_metric_nothing_shrinks_before_the_first_step() -> None:
    lab = lab_with(metric="adam", order="first", steps=1)
    part = lab.state.strength.part
    rates = dict.fromkeys(part.parameters, RATE)
    changed = InnerProx(part, lab.state.optimizer, lab.state.strength.strengths)(part.parameters, rates)
    assert not torch.equal(changed["trunk.weight"], part.parameters["trunk.weight"])
    lab.state.optimizer.state.clear()
    same = InnerProx(part, lab.state.optimizer, lab.state.strength.strengths)(part.parameters, rates)
    assert all(torch.equal(same[name], own) for name, own in part.parameters.items())
