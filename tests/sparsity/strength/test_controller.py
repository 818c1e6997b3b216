"""The controller: lambda rises until the target is met, and the target is met closely."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.optim import SGD

from mstasks.errors import UsageError
from mstasks.network import Network
from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.budget import Budget
from mstasks.sparsity.budget import Kind as Unit
from mstasks.sparsity.costs import measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.space import group_weight, scale_groups
from mstasks.sparsity.spaces import Kind
from mstasks.sparsity.strength.controller import TOLERANCE, Controller, spatial_shares
from mstasks.sparsity.strength.options import ControllerOptions

SIZE = (32, 32)
Maker = Callable[..., SparsePart]


@pytest.fixture
def make_part(toy: Callable[..., Network]) -> Maker:
    """Builds a part with groups in the backbone, moved by SGD of rate 1: a stem of 8 channels and two convolutions."""

    def make(
        target: float | None = 0.5, unit: Unit = "macs", kind: Kind = "channel", widths: tuple[int, int] = (64, 96)
    ) -> SparsePart:
        first, second = widths
        layers: list[nn.Module] = [nn.Conv2d(8, first, 1), nn.BatchNorm2d(first), nn.ReLU()]
        layers += [nn.Conv2d(first, second, 3, stride=2, padding=1), nn.BatchNorm2d(second), nn.ReLU()]
        network = toy(*layers, channels=second)
        coupled = find_spaces(network, SIZE, "backbone")
        costs = measure_costs(network, coupled, SIZE)
        budget = None if target is None else Budget(costs, unit, target)
        groups = coupled if kind == "channel" else find_spaces(network, SIZE, "backbone", kind)
        part = SparsePart(network, groups, costs, budget, "euclidean", SIZE)
        part.attach(SGD(network.parameters(), lr=1.0))
        return part

    return make


def controller(part: SparsePart, steps: int = 1000, **options: Any) -> Controller:
    return Controller(part, ["one"], steps, ControllerOptions(**options))


def cost(part: SparsePart) -> float:
    assert part.budget is not None
    return float(part.budget.fraction(part.counts()))


def run(strength: Controller, steps: int) -> Iterator[tuple[float, float]]:
    """Cost and log lambda after each step."""
    for step in range(steps):
        strength.act(step)
        yield cost(strength.part), float(strength.log_lambda)


def with_equal_norms(part: SparsePart) -> None:
    """Every group of every space gets the norm of its weight w_g, so that all die at the same lambda."""
    for space in part.groups.spaces:
        parameters = part.parameters
        scale_groups(space, parameters, group_weight(space, parameters) / part.norms()[space.name])


def test_log_lambda_rises_by_gain_times_the_relative_excess_up_to_a_limit(make_part: Maker) -> None:
    part = make_part(target=0.8)
    strength = controller(part, initial=1e-6, gain=0.25, limit=0.1)
    (first,) = run(strength, 1)
    assert first == (1.0, pytest.approx(math.log(1e-6) + 0.25 * (1 / 0.8 - 1), abs=1e-5))
    steep = controller(make_part(target=0.5), initial=1e-6, gain=0.25, limit=0.1)
    (second,) = run(steep, 1)
    assert second[1] == pytest.approx(math.log(1e-6) + 0.1, abs=1e-5)  # 0.25 x 1.0 is beyond the limit


def test_a_step_before_the_target_is_the_proximal_step(make_part: Maker) -> None:
    ours, theirs = make_part(target=0.5), make_part(target=0.5)
    strength = controller(ours, initial=1e-2)
    assert strength.strengths() == pytest.approx(dict.fromkeys(ours.spaces, 1e-2))
    strength.act(0)
    theirs.prox(dict.fromkeys(theirs.spaces, 1e-2))
    for name, parameter in ours.parameters.items():
        torch.testing.assert_close(parameter, theirs.parameters[name], rtol=1e-6, atol=0)


@pytest.mark.parametrize("unit", ["macs", "parameters", "channels"])
@pytest.mark.parametrize("target", [0.5, 0.25])
def test_the_target_is_met_closely_and_for_good(make_part: Maker, unit: Unit, target: float) -> None:
    part = make_part(target, unit, widths=(320, 320) if unit == "channels" else (160, 192))
    strength = controller(part, initial=1e-3)
    trace = list(itertools.takewhile(lambda _: not strength.settled, run(strength, 400)))
    assert len(trace) < 399, "the target was not met"
    assert target - TOLERANCE <= cost(part) <= target
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(trace))
    alive = part.alive
    for name, space in part.spaces.items():
        assert torch.equal(zero_groups(space, part.parameters), ~alive[name])
    before = {name: value.detach().clone() for name, value in part.parameters.items()}
    strength.act(400)
    assert all(torch.equal(value, before[name]) for name, value in part.parameters.items())
    assert set(strength.strengths().values()) == {0.0}


def test_groups_that_all_die_at_once_do_not_all_leave(make_part: Maker) -> None:
    part = make_part(target=0.5)
    with_equal_norms(part)
    careless = make_part(target=0.5)
    with_equal_norms(careless)
    careless.prox(dict.fromkeys(careless.spaces, 1.1))
    assert cost(careless) < 0.1, "without care the step would leave the floors alone"
    weights = {name: value.detach().clone() for name, value in part.parameters.items()}
    strength = controller(part, initial=1.1)
    strength.act(0)
    assert strength.settled
    assert 0.5 - TOLERANCE <= cost(part) <= 0.5
    for space in part.groups.spaces:  # who stays has all its weights, as they were before the step
        alive = part.alive[space.name]
        assert alive.any()
        for found, old, dim in zip(space.slices(part.parameters), space.slices(weights), space.dims, strict=True):
            index = alive.nonzero().squeeze(1)
            assert torch.equal(found.index_select(dim, index), old.index_select(dim, index))


def test_the_weakest_for_their_weight_and_strength_leave_first(make_part: Maker) -> None:
    part = make_part(target=0.5)
    with_equal_norms(part)
    generator = torch.Generator().manual_seed(0)
    scale = {name: 0.5 + torch.rand(space.size, generator=generator) for name, space in part.spaces.items()}
    for name, space in part.spaces.items():
        scale_groups(space, part.parameters, scale[name])
    controller(part, initial=2.0).act(0)
    left = torch.cat([scale[name][part.alive[name]] for name in part.spaces])
    gone = torch.cat([scale[name][~part.alive[name]] for name in part.spaces])
    floors = int(part.groups.floors.sum())  # the prox itself keeps the largest; they are never candidates
    assert len(gone) > 20
    assert len(left) > floors + 20
    assert gone.max() < left.min()


def test_a_group_that_is_too_dear_gives_way_to_cheaper_ones(make_part: Maker) -> None:
    # A channel of the first space costs about 1/12 of all MACs, one of the second 1/200.
    part = make_part(target=0.9, widths=(12, 200))
    with_equal_norms(part)
    first, second = (space.name for space in part.groups.spaces if "stem" not in space.name)
    scale_groups(part.spaces[first], part.parameters, torch.full((12,), 0.9))  # the first space is the weakest
    assert part.budget is not None
    dear = float(part.budget.marginal(part.counts())[part.groups.names.index(first)])
    assert dear > 0.05
    strength = controller(part, initial=1.5)
    strength.act(0)
    assert strength.settled
    assert 0.9 - TOLERANCE <= cost(part) <= 0.9
    assert not part.alive[second].all()


def test_where_no_group_is_cheap_it_ends_as_close_as_it_can_and_says_so(make_part: Maker) -> None:
    for target, left in ((0.7, 17), (0.72, 17), (0.69, 17), (0.685, 16)):  # one of 24 channels is 0.042
        part = make_part(target=target, unit="channels", widths=(8, 8))
        with_equal_norms(part)
        strength = controller(part, initial=1.5, steps=10)
        strength.act(0)
        assert cost(part) == pytest.approx(left / 24)
        assert bool(strength.reached)
        assert not strength.settled
        (warning,) = strength.readings().warnings
        side = "above" if left / 24 > target else "below"
        assert f"The target was missed: channels {target:g} was asked, {left / 24:.4f} is left for good" in warning
        assert f"{side} it: nothing that may leave is small enough to come closer. Lower `sparsity.floor`" in warning


def test_a_target_that_is_met_from_the_start_removes_nothing(make_part: Maker) -> None:
    part = make_part(target=1.0)
    before = {name: value.detach().clone() for name, value in part.parameters.items()}
    strength = controller(part, initial=10.0)
    strength.act(0)
    assert strength.settled
    assert all(mask.all() for mask in part.alive.values())
    assert all(torch.equal(value, before[name]) for name, value in part.parameters.items())


def test_groups_of_another_kind_are_controlled_alike(make_part: Maker) -> None:
    part = make_part(target=0.6, unit="parameters", kind="input-channel", widths=(160, 192))
    strength = controller(part, initial=1e-3)
    for _ in itertools.takewhile(lambda _: not strength.settled, run(strength, 400)):
        pass
    assert strength.settled
    assert 0.6 - TOLERANCE <= cost(part) <= 0.6


def test_spatial_shares_follow_the_square_root_of_the_area(make_part: Maker) -> None:
    part = make_part()
    stem, first, second = part.groups.names
    shares = spatial_shares(part)
    # Images of 32x32: the stem and the first convolution make 8x8 maps, the second 4x4.
    assert shares[stem] == pytest.approx(shares[first])
    assert shares[first] / shares[second] == pytest.approx(2.0)
    assert math.prod(shares.values()) == pytest.approx(1.0)
    strength = controller(part, initial=1e-3, allocation="spatial")
    assert strength.strengths() == pytest.approx({name: 1e-3 * share for name, share in shares.items()})
    assert set(strength.readings().values) == set(part.groups.names)


def test_a_gate_counts_with_the_map_that_it_scales(
    network_of: Callable[[str], Network], spaces_of: Callable[..., Any]
) -> None:
    # mobilenetv3_small: squeeze-excite rows, multiplied once an image, belong to the space of the convolution.
    network = network_of("mobilenetv3_small_050")
    spaces = spaces_of(network, "backbone")
    part = SparsePart(network, spaces, measure_costs(network, spaces, (64, 64)), None, "euclidean", (64, 64))
    shares = spatial_shares(part)
    gated = {
        space.name: shares[space.name]
        for space in spaces.spaces
        if any(".se." in member.parameter for member in space.members) and ".se." not in space.name
    }
    assert gated
    name = "backbone.model.blocks.2.1.conv_pw"
    assert name in gated
    assert gated[name] / shares["backbone.model.blocks.4.1.conv_pw"] == pytest.approx(2.0)  # stride 16 and 32


def test_state_survives_a_resume(make_part: Maker) -> None:
    straight, resumed = (controller(make_part(widths=(160, 192)), initial=1e-3) for _ in range(2))
    list(run(straight, 20))
    resumed.part.network.load_state_dict(straight.part.network.state_dict())
    resumed.load_state_dict(straight.state_dict())
    assert list(run(straight, 100)) == list(run(resumed, 100))
    assert straight.settled
    assert resumed.settled


def test_a_target_not_met_late_in_the_run_is_told_with_a_remedy(make_part: Maker) -> None:
    strength = controller(make_part(target=0.5), steps=10, initial=1e-7)
    for step in range(10):
        strength.act(step)
        warned = strength.readings().warnings
        assert len(warned) == (step + 1 >= 6)
    assert "sparsity.target: macs 0.5 is not met after 60% of the steps" in warned[0]
    assert "Raise `initial`, `gain` or `limit`" in warned[0]
    assert strength.readings().values == {"all": pytest.approx(math.exp(float(strength.log_lambda)))}


def test_lambda_has_a_maximum_and_says_when_it_is_there(make_part: Maker) -> None:
    # A row of zeros behind a norm with a shift is no free channel, so whatever lambda is, no cost is saved.
    part = make_part(target=0.5, kind="output-channel")
    for module in part.network.backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.bias)
    strength = controller(part, initial=9.0, steps=10)
    (first,) = run(strength, 1)
    assert strength.readings().warnings == ()
    assert first[1] == pytest.approx(math.log(9.0) + 0.1, abs=1e-5)
    for _, value in run(strength, 9):
        assert value == pytest.approx(math.log(10.0), abs=1e-6)
        (warning,) = strength.readings().warnings
        assert "lambda is 10, as large as it may get, and sparsity.target: macs 0.5 is not met" in warning
        assert "Take `sparsity.groups: channel`" in warning


def test_a_start_above_the_maximum_is_refused() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 10"):
        ControllerOptions(initial=10.1)


def test_it_needs_a_target(make_part: Maker) -> None:
    with pytest.raises(UsageError, match=r"'controller' needs a target. Set `sparsity.target`"):
        controller(make_part(target=None))


def test_maps_are_as_the_test_says(make_part: Maker) -> None:
    part = make_part()
    images: Tensor = torch.rand(1, 3, *SIZE)
    shapes: list[tuple[int, ...]] = []
    for module in part.network.backbone.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, i, out: shapes.append(tuple(out.shape[-2:])))
    part.network(images)
    assert shapes == [(8, 8), (8, 8), (4, 4)]
