"""A lambda that is learned: its sharing, its limits, its proximal step, and the warning when it follows noise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from mstasks.meta.inner_prox import InnerProx
from mstasks.network import Network
from mstasks.sparsity.costs import measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.space import group_weight, scale_groups
from mstasks.sparsity.strength.learned import ENOUGH, Learned, stage_of
from mstasks.sparsity.strength.options import LearnedOptions

RATE = 0.5
STEPS = 20
Make = Callable[..., Any]


@pytest.fixture
def part(toy: Callable[..., Network]) -> SparsePart:
    layers = [nn.Conv2d(8, 16, 1), nn.ReLU(), nn.Conv2d(16, 16, 1), nn.BatchNorm2d(16), nn.ReLU()]
    network = toy(*layers, channels=16)
    spaces = find_spaces(network, (32, 32), "shared")
    part = SparsePart(network, spaces, measure_costs(network, spaces, (32, 32)), None, "euclidean", (32, 32))
    part.attach(SGD(network.parameters(), lr=RATE))
    return part


def learned(part: SparsePart, **options: Any) -> Learned:
    return Learned(part, ["one"], 1000, LearnedOptions(**options))


def feed(strength: Learned, gradients: torch.Tensor) -> None:
    """One step for each row of `gradients`, with log lambda held where it is."""
    for step, gradient in enumerate(gradients):
        strength.rho.grad = gradient
        strength.act(step)


@pytest.mark.parametrize(
    ("model", "stages"),
    [
        ("resnet18", {"model.conv1": 1, "model.layer1": 2, "model.layer2": 3, "model.layer3": 3, "model.layer4": 3}),
        ("tf_efficientnet_lite0", {"model.conv_stem": 1, **{f"model.blocks.{number}": None for number in range(7)}}),
        ("convnext_atto", {"model.stages_0": 2, "model.stages_1": 2, "model.stages_2": 6, "model.stages_3": 2}),
    ],
)
def test_stages_are_those_of_the_backbone_and_the_trunk(
    model: str, stages: dict[str, int | None], network_of: Callable[[str], Network], spaces_of: Callable[..., Any]
) -> None:
    network = network_of(model)
    found = Counter(stage_of(network, name) for name in spaces_of(network).names)
    assert {name.removeprefix("backbone.") for name in found} == {*stages, "trunk"}
    for name, count in stages.items():
        assert count is None or found[f"backbone.{name}"] == count, name


def test_the_stages_of_a_toy_are_the_children_of_its_backbone(part: SparsePart) -> None:
    stages = {name: stage_of(part.network, name) for name in part.groups.names}
    assert stages["backbone.stem"] == "backbone.stem"
    assert {stage for name, stage in stages.items() if name.startswith("backbone.layers")} == {"backbone.layers"}
    assert {stage for name, stage in stages.items() if name.startswith("trunk")} == {"trunk"}


@pytest.mark.parametrize("share", ["network", "stage", "layer"])
def test_spaces_share_one_lambda_as_asked_and_its_gradient_is_their_sum(part: SparsePart, share: Any) -> None:
    strength = learned(part, share=share, initial=1e-2)
    names = part.groups.names
    owners = {
        "network": dict.fromkeys(names, ""),
        "stage": {name: stage_of(part.network, name) for name in names},
        "layer": {name: name for name in names},
    }[share]
    counts = Counter(owners.values())
    assert strength.rho.shape == (len(counts),)
    weights = dict(zip(names, (3.0**number for number in range(len(names))), strict=True))
    torch.stack([weights[name] * value for name, value in strength.strengths().items()]).sum().backward()
    assert strength.rho.grad is not None
    # d/drho of sum weight exp(rho) is lambda times the sum of the weights that share it.
    sums = [sum(weight for name, weight in weights.items() if owners[name] == owner) for owner in counts]
    torch.testing.assert_close(strength.rho.grad, 1e-2 * torch.tensor(sums))


def test_a_step_is_the_proximal_step_with_the_exponential_of_rho(part: SparsePart) -> None:
    strength = learned(part, share="layer")
    with torch.no_grad():
        strength.rho.copy_(torch.linspace(-4, -1, len(strength.rho)))
    before = part.norms()
    strength.act(0)
    compared = 0
    for index, (name, norms) in enumerate(before.items()):
        threshold = (
            RATE * math.exp(float(strength.rho.detach()[index])) * group_weight(part.spaces[name], part.parameters)
        )
        living = norms > threshold + 1e-2
        torch.testing.assert_close(part.norms()[name][living], norms[living] - threshold, rtol=1e-4, atol=1e-5)
        compared += int(living.sum())
    assert compared > 20


def test_lambda_stays_within_its_limits(part: SparsePart) -> None:
    strength = learned(part, share="layer", minimum=1e-4, maximum=1e-2)
    with torch.no_grad():
        strength.rho[0], strength.rho[1] = -50.0, 50.0
    strength.act(0)
    values = strength.readings().values
    first, second, *rest = part.groups.names
    assert values[first] == pytest.approx(1e-4, rel=1e-5)
    assert values[second] == pytest.approx(1e-2, rel=1e-5)
    assert [values[name] for name in rest] == pytest.approx([1e-3] * len(rest))


def test_signal_to_noise_is_that_of_the_gradients(part: SparsePart) -> None:
    strength = learned(part, share="network", initial=1e-6)
    generator = torch.Generator().manual_seed(0)
    for ratio in (0.0, 0.5, 2.0):
        strength.load_state_dict(learned(part, share="network", initial=1e-6).state_dict())
        noise = torch.randn(600, 1, generator=generator)
        feed(strength, 3e-5 * (ratio + noise))
        # The average has seen about 200 gradients: a standard error of 0.07 (1 + ratio^2 / 2)^0.5.
        assert float(strength.signal()) == pytest.approx(ratio, abs=0.3)


def test_pure_noise_is_told_with_a_remedy_once_there_is_enough_of_it(part: SparsePart) -> None:
    strength = learned(part, share="layer", initial=1e-6)
    noise = torch.randn(ENOUGH, len(strength.rho), generator=torch.Generator().manual_seed(1))
    feed(strength, noise[:-1])
    assert strength.readings().warnings == ()
    feed(strength, noise[-1:])
    (warning,) = strength.readings().warnings
    assert "lambda random-walks" in warning
    assert "`sparsity.target: {macs: 0.5}` with `sparsity.strength: priced`" in warning


def test_a_gradient_with_a_direction_is_no_reason_to_warn(part: SparsePart) -> None:
    strength = learned(part, share="layer", initial=1e-6)
    noise = torch.randn(2 * ENOUGH, len(strength.rho), generator=torch.Generator().manual_seed(1))
    feed(strength, noise + 1)
    assert strength.readings().warnings == ()


def test_too_few_groups_to_teach_lambda_are_told_instead_of_the_noise(part: SparsePart) -> None:
    strength = learned(part, share="layer", initial=1e-6)
    feed(strength, torch.randn(ENOUGH, len(strength.rho), generator=torch.Generator().manual_seed(1)))
    spaces = part.groups.spaces
    assert len(spaces) == 5
    for dead, space in enumerate(spaces[:3], 1):
        scale_groups(space, part.parameters, (torch.arange(space.size) < space.floor).float())
        (warning,) = strength.readings().warnings
        assert ("lambda random-walks" in warning) == (dead < 3)
    assert "3 of 5 spaces are at their floor; zero groups give lambda no signal" in warning
    assert "Start with a smaller `initial`" in warning


def test_a_lambda_that_kills_at_once_is_told_at_once(part: SparsePart) -> None:
    strength = learned(part, initial=0.9)
    assert strength.readings().warnings == ()
    strength.act(0)
    assert "Start with a smaller `initial`" in strength.readings().warnings[0]


def test_steps_without_a_gradient_leave_the_statistics_alone(part: SparsePart) -> None:
    strength = learned(part)
    feed(strength, torch.ones(3, len(strength.rho)))
    before = {name: value.clone() for name, value in strength.state_dict().items()}
    strength.rho.grad = None
    strength.act(3)
    assert all(torch.equal(value, before[name]) for name, value in strength.state_dict().items())
    assert int(before["seen"]) == 3


def test_the_statistics_survive_a_resume(part: SparsePart) -> None:
    straight, resumed = learned(part, initial=1e-6), learned(part, initial=1e-6)
    noise = torch.randn(ENOUGH, len(straight.rho), generator=torch.Generator().manual_seed(1))
    feed(straight, noise[:60])
    resumed.load_state_dict(straight.state_dict())
    feed(straight, noise[60:])
    feed(resumed, noise[60:])
    assert torch.equal(resumed.signal(), straight.signal())
    assert resumed.readings() == straight.readings()
    assert straight.readings().warnings


def test_the_run_moves_log_lambda_at_its_own_rate(part: SparsePart) -> None:
    strength = learned(part, share="network", rate=0.03)
    assert strength.rate == 0.03
    assert [name for name, _ in strength.named_parameters()] == ["rho"]
    assert strength.readings().values == {"all": pytest.approx(1e-3)}


def cut_options(**changes: Any) -> LearnedOptions:
    return LearnedOptions(**{"initial": 1e-2, "cut": 0.35, **changes})


def alive(run: Any) -> Tensor:
    return torch.cat(list(run.part.alive.values()))


def resumed(whole: Any, fresh: Any) -> Any:
    """A fresh run where another one is."""
    for name, state in whole.state().items():
        getattr(fresh, name).load_state_dict(state)
    fresh.optimizer.load_state_dict(deepcopy(whole.optimizer.state_dict()))  # which would share its tensors
    fresh.step = whole.step
    return fresh


def test_all_that_a_target_asks_for_leaves_at_the_cut_and_stays_away(make_run: Make) -> None:
    run = make_run(Learned, cut_options(), STEPS, 0.5, "channels")
    left, settled, lambdas = [], [], []
    for _ in range(STEPS):
        run.advance()
        left.append(int(alive(run).sum()))
        settled.append(run.strength.settled)
        lambdas += set(run.strength.readings().values.values())
        assert run.dead_entries().count_nonzero() == 0
    at = 7  # 0.35 x 20
    assert left == [100] * (at - 1) + [50] * (STEPS - at + 1)
    assert settled == [False] * (at - 1) + [True] * (STEPS - at + 1)
    assert lambdas == pytest.approx([1e-2] * (at - 1) + [0.0] * (STEPS - at + 1), rel=1e-6, abs=0)
    assert run.dead_entries().numel() > 1000
    assert run.fraction == 0.5
    assert run.strength.readings().warnings == ()


def test_a_cut_whose_step_was_skipped_is_made_after_the_next(make_run: Make) -> None:
    run = make_run(Learned, cut_options(), STEPS, 0.5, "channels").advance(8, skipped={6, 7})
    assert not run.strength.settled
    assert run.advance().strength.settled


def test_lambda_stops_where_it_is_at_the_cut(make_run: Make) -> None:
    run = make_run(Learned, cut_options(), STEPS, 0.5, "channels")
    feed(run.strength, torch.ones(7, len(run.strength.rho)))
    before = {name: value.clone() for name, value in run.strength.state_dict().items()}
    weights = {name: value.detach().clone() for name, value in run.parameters.items()}
    assert run.strength.settled
    assert int(before["seen"]) == 7
    run.strength.rho.grad = torch.ones(len(run.strength.rho))
    run.strength.act(7)
    assert all(torch.equal(value, before[name]) for name, value in run.strength.state_dict().items())
    assert all(torch.equal(value, weights[name]) for name, value in run.parameters.items())


@pytest.mark.parametrize("share", ["network", "layer"])
def test_after_the_cut_an_inner_loop_has_lambdas_that_do_nothing(make_run: Make, share: Any) -> None:
    run = make_run(Learned, cut_options(share=share), STEPS, 0.5, "channels").advance(7)
    inner = InnerProx(run.part, run.optimizer, run.strength.strengths)
    points = {name: value.detach().clone().requires_grad_() for name, value in run.parameters.items()}
    found = inner(points, dict.fromkeys(points, 0.1))
    assert all(torch.equal(value, points[name]) for name, value in found.items())
    assert all(value.shape == () for value in run.strength.strengths().values())
    slopes = {name: torch.randn_like(value) for name, value in found.items()}
    for inner.exact in (False, True):
        sources = [*points.values(), run.strength.rho]
        *weights, rho = torch.autograd.grad(
            list(found.values()), sources, list(slopes.values()), retain_graph=True, allow_unused=True
        )
        assert rho is None
        assert not inner.exact or all(torch.isfinite(weight).all() for weight in weights)
        assert inner.exact or all(map(torch.equal, weights, slopes.values()))


@pytest.mark.parametrize("at", [5, 7, 9])
def test_a_resumed_run_is_cut_once_and_alike(make_run: Make, at: int) -> None:
    whole = make_run(Learned, cut_options(), STEPS, 0.5, "channels").advance(at)
    again = resumed(whole, make_run(Learned, cut_options(), STEPS, 0.5, "channels"))
    assert again.strength.settled == (at >= 7)
    whole.advance(5)
    again.advance(5)
    for name, state in whole.state().items():
        assert all(torch.equal(value, again.state()[name][key]) for key, value in state.items()), name
    assert again.strength.readings() == whole.strength.readings()
    assert int(alive(again).sum()) == 50


def test_a_lambda_that_kills_too_much_before_the_cut_is_told(make_run: Make) -> None:
    run = make_run(Learned, cut_options(initial=0.9), STEPS, 0.5, "channels", lr=0.1).advance(6)
    assert alive(run).all()
    zeros = 1 - run.fraction
    assert zeros > 0.5
    run.advance()
    assert not run.strength.settled
    assert int((~alive(run)).sum()) >= round(100 * zeros)
    (warning,) = run.strength.readings().warnings
    assert "The target was undershot: channels 0.5 was asked" in warning
    assert "Start with a smaller `initial`" in warning
    before = alive(run).clone()
    assert torch.equal(alive(run.advance(5)), before)
    assert run.dead_entries().count_nonzero() == 0


def test_noise_before_the_cut_is_told_without_asking_for_a_target(make_run: Make) -> None:
    run = make_run(Learned, cut_options(initial=1e-6), 1000, 0.5, "channels")
    noise = torch.randn(ENOUGH, len(run.strength.rho), generator=torch.Generator().manual_seed(1))
    feed(run.strength, noise)
    (warning,) = run.strength.readings().warnings
    assert "lambda random-walks" in warning
    assert "Let a price decide instead, `sparsity.strength: priced`; or average more" in warning
    assert "Give a target" not in warning


def test_without_a_target_nothing_is_cut_and_nothing_more_is_saved(make_run: Make) -> None:
    first, other = (make_run(Learned, cut_options(cut=cut), STEPS, None).advance(STEPS) for cut in (0.05, 0.95))
    assert alive(first).all()
    assert not first.strength.settled
    own = {name for name in first.strength.state_dict() if not name.startswith("mask.")}
    assert own == {"rho", "mean", "square", "seen"}
    for name, state in first.state().items():
        assert all(torch.equal(value, other.state()[name][key]) for key, value in state.items()), name
    assert list(first.strength.readings().values.values()) == pytest.approx([1e-2] * len(first.part.spaces))
