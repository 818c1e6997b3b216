from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from episode_lab import TASKS, Lab, Network, Watcher, make_batch, make_lab, make_network
from torch import Tensor
from written_out import combined, part_of, task_loss, unroll

from mstasks.errors import UsageError
from mstasks.meta.maml import Maml
from mstasks.meta.options import MamlOptions
from mstasks.sparsity.strength.fixed import Fixed
from mstasks.sparsity.strength.options import FixedOptions

BATCH = make_batch(8)


def maml(seed: int = 0, **options: Any) -> Callable[[Network], Maml]:
    return lambda network: Maml(network, TASKS, 100, seed, MamlOptions(**options))


def start(lab: Lab) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Fresh leaves of the same values: the weights, and the log-variance of each task."""
    theta = {name: own.detach().clone().requires_grad_() for name, own in lab.state.network.named_parameters()}
    variance = lab.state.weighting.log_variance.detach().clone()
    return theta, {name: variance[i].clone().requires_grad_() for i, name in enumerate(TASKS)}


def assert_equal_gradients(lab: Lab, theta: dict[str, Tensor], variance: dict[str, Tensor]) -> None:
    for name, ours in lab.grads().items():
        truth = theta[name].grad
        torch.testing.assert_close(ours, torch.zeros_like(ours) if truth is None else truth, rtol=1e-10, atol=1e-12)
    truth = torch.stack([v.new_zeros(()) if v.grad is None else v.grad for v in variance.values()])
    torch.testing.assert_close(lab.state.weighting.log_variance.grad, truth, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("order", ["first", "second"])
@pytest.mark.parametrize("tasks", [TASKS, ("one", "three"), ("two",)])
def test_two_steps_agree_with_maml_written_out(order: str, tasks: tuple[str, ...]) -> None:
    lab = make_lab(maml(order=order, steps=2, rate=0.3, combinations=(tasks,)))
    result = lab.gradients(BATCH)
    theta, variance = start(lab)
    end = unroll(theta, part_of(BATCH, slice(0, 8, 2)), tasks, variance, 0.3, 2, second=order == "second")
    query = part_of(BATCH, slice(1, 8, 2))
    combined(end, query, tasks, variance).backward()
    assert_equal_gradients(lab, theta, variance)
    for name in TASKS:
        expected = task_loss(end, query, name).item() if name in tasks else 0.0
        assert result.losses[name].item() == pytest.approx(expected, rel=1e-10, abs=1e-12)
        assert bool(result.counts[name]) == (name in tasks)


@pytest.mark.parametrize("order", ["first", "second"])
def test_several_episodes_are_averaged(order: str) -> None:
    lab = make_lab(maml(order=order, steps=1, rate=0.2, combinations="all-tasks", episodes=2))
    lab.gradients(BATCH)
    theta, variance = start(lab)
    for first in (0, 4):
        support, query = part_of(BATCH, slice(first, first + 4, 2)), part_of(BATCH, slice(first + 1, first + 4, 2))
        end = unroll(theta, support, TASKS, variance, 0.2, 1, second=order == "second")
        (combined(end, query, TASKS, variance) / 2).backward()
    assert_equal_gradients(lab, theta, variance)


@pytest.mark.parametrize("options", [{"order": "first", "steps": 3}, {"order": "second", "steps": 2}])
def test_rate_zero_gives_the_multi_task_gradient_of_the_query_set(options: dict[str, Any]) -> None:
    lab = make_lab(maml(rate=0.0, combinations="all-tasks", **options))
    lab.gradients(BATCH)
    theta, variance = start(lab)
    combined(theta, part_of(BATCH, slice(1, 8, 2)), TASKS, variance).backward()
    assert_equal_gradients(lab, theta, variance)


def test_second_order_gradients_equal_finite_differences() -> None:
    lab = make_lab(maml(order="second", steps=2, rate=0.5, combinations="all-tasks", learn_rates=True))
    lab.gradients(BATCH)
    leaves = {**dict(lab.state.network.named_parameters()), "log_rates": lab.state.update.log_rates}
    leaves["log_variance"] = lab.state.weighting.log_variance
    expected = {name: own.grad.clone() for name, own in leaves.items()}

    def value() -> float:
        result = lab.gradients(BATCH)
        log_variance = lab.state.weighting.log_variance
        terms = [torch.exp(-s) * result.losses[name] + s / 2 for name, s in zip(TASKS, log_variance, strict=True)]
        return torch.stack(terms).sum().item()

    generator = torch.Generator().manual_seed(0)
    for name, own in leaves.items():
        direction = torch.randn(own.shape, generator=generator, dtype=own.dtype)
        slope = central_difference(own, direction, value)
        assert slope == pytest.approx((expected[name] * direction).sum().item(), rel=1e-6, abs=1e-10), name


def central_difference(own: Tensor, direction: Tensor, value: Callable[[], float], step: float = 1e-5) -> float:
    before = own.detach().clone()
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            own.copy_(before + sign * step * direction)
        values.append(value())
    with torch.no_grad():
        own.copy_(before)
    return (values[0] - values[1]) / (2 * step)


def test_first_order_rates_follow_the_constant_inner_gradients() -> None:
    # dL_Q/dlog alpha_p = -alpha_p sum over k of <dL_Q/dtheta'_K, g_k>, for every parameter p.
    lab = make_lab(maml(order="first", steps=2, rate=0.3, combinations="all-tasks", learn_rates=True))
    lab.gradients(BATCH)
    theta, variance = start(lab)
    rate = lab.state.update.log_rates[0].exp().item()
    end = unroll(theta, part_of(BATCH, slice(0, 8, 2)), TASKS, variance, rate, 2, second=False)
    query = torch.autograd.grad(
        combined(end, part_of(BATCH, slice(1, 8, 2)), TASKS, variance), list(end.values()), allow_unused=True
    )
    moved = {name: end[name] - theta[name] for name in theta}  # -alpha sum of g_k
    truth = [(moved[name] * slope).sum() for name, slope in zip(end, query, strict=True)]
    torch.testing.assert_close(lab.state.update.log_rates.grad, torch.stack(truth), rtol=1e-9, atol=1e-13)


def test_neither_buffers_nor_weights_change() -> None:
    lab = make_lab(maml(order="second", steps=2, rate=0.3, episodes=2), make_network(norm=True))
    before = {name: value.clone() for name, value in lab.state.network.state_dict().items()}
    assert any("running" in name for name in before)
    lab.gradients(BATCH)
    after = lab.state.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_norms_take_batch_statistics() -> None:
    lab = make_lab(maml(combinations="all-tasks"), make_network(norm=True))
    lab.gradients(BATCH)
    first = {name: grad.clone() for name, grad in lab.grads().items()}
    lab.state.network.backbone["norm"].running_mean += 5
    lab.gradients(BATCH)
    assert all(torch.equal(grad, first[name]) for name, grad in lab.grads().items())


def test_what_no_episode_reaches_gets_no_gradient() -> None:
    lab = make_lab(maml(combinations=(("one",),), learn_rates=True))
    result = lab.gradients(BATCH)
    moved = [own for group in lab.state.optimizer.param_groups for own in group["params"]]
    assert len(moved) == len(list(lab.state.network.parameters())) + 2
    missing = {name for name, own in lab.state.network.named_parameters() if own.grad is None}
    assert missing == {f"heads.{task}.{name}" for task in ("two", "three") for name in ("weight", "bias")}
    assert set(result.losses) == set(TASKS)
    assert lab.state.weighting.log_variance.grad[1:].abs().sum() == 0


def test_combinations_depend_on_seed_step_and_episode_alone() -> None:
    one, same, other = (maml(seed=seed)(make_network()) for seed in (3, 3, 4))
    pairs = [(step, index) for step in range(20) for index in range(3)]
    drawn = [one.draw(*pair) for pair in pairs]
    assert drawn == [same.draw(*pair) for pair in reversed(pairs)][::-1]
    assert drawn != [other.draw(*pair) for pair in pairs]
    assert len(set(drawn)) == 7


@pytest.mark.parametrize("order", ["first", "second"])
def test_a_removed_channel_is_as_good_as_cut_out(order: str) -> None:
    options = {"order": order, "steps": 2, "rate": 0.3, "combinations": "all-tasks"}
    lab = make_lab(maml(**options), strength=lambda part: Watcher(part, TASKS, 9))
    lab.state.strength.part.remove({"backbone.body.0": torch.tensor([False, True, False, False])})
    lab.gradients(BATCH)

    theta, variance = start(lab)
    keep = torch.tensor([0, 2, 3])
    rows, columns = ("backbone.body.0.weight", "backbone.body.0.bias"), "backbone.body.1.weight"
    cut = {**theta, **{name: theta[name][keep] for name in rows}, columns: theta[columns][:, keep]}
    end = unroll(cut, part_of(BATCH, slice(0, 8, 2)), TASKS, variance, 0.3, 2, second=order == "second")
    combined(end, part_of(BATCH, slice(1, 8, 2)), TASKS, variance).backward()
    for name, ours in lab.grads().items():
        ours, truth = (g[keep] if name in rows else g for g in (ours, theta[name].grad))
        torch.testing.assert_close(ours, truth, rtol=1e-10, atol=1e-12)

    zero = make_lab(maml(**options))  # the same zeros without removal come alive in the inner loop
    with torch.no_grad():
        layer = zero.state.network.backbone["body"][0]
        layer.weight[1], layer.bias[1] = 0, 0
    zero.gradients(BATCH)
    assert not torch.allclose(zero.grads()[columns], lab.grads()[columns], rtol=1e-6)


def test_mistakes_are_explained() -> None:
    with pytest.raises(UsageError, match=r"optim.accumulate is 2, .* raise `meta.update.episodes`"):
        make_lab(maml(), accumulate=2).gradients(BATCH)
    with pytest.raises(
        UsageError, match=r"meta.update.inner_prox: nothing is made sparse. Use `method: meta-sparsity`"
    ):
        make_lab(maml(inner_prox=True)).gradients(BATCH)
    lab = make_lab(maml(inner_prox=True), strength=lambda part: Watcher(part, TASKS, 9))
    with pytest.raises(UsageError, match=r"Watcher has no lambda .* Choose another `sparsity.strength`"):
        lab.gradients(BATCH)


def test_a_strength_without_pull_leaves_the_inner_loop_as_it_is() -> None:
    options = {"steps": 2, "rate": 0.3, "combinations": "all-tasks", "order": "second"}
    without = make_lab(maml(**options))
    with_prox = make_lab(
        maml(**options, inner_prox=True), strength=lambda part: Fixed(part, TASKS, 9, FixedOptions(value=0.0))
    )
    without.gradients(BATCH)
    with_prox.gradients(BATCH)
    for name, grad in with_prox.grads().items():
        torch.testing.assert_close(grad, without.grads()[name], rtol=1e-12, atol=1e-14)
