"""One-shot removal: everything at one step, in the order that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mstasks.sparsity.strength.one_shot import OneShot, relative_norms
from mstasks.sparsity.strength.options import OneShotOptions

Make = Callable[..., Any]
STEPS = 20


def options(**changes: Any) -> OneShotOptions:
    """One channel of the tiny network is about a hundredth of it."""
    return OneShotOptions(**{"tolerance": 0.01, **changes})


def flat(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(tensors.values()))


@pytest.mark.parametrize("saliency", ["magnitude", "taylor", "fisher"])
@pytest.mark.parametrize("kind", ["macs", "parameters", "channels"])
def test_all_that_has_to_leave_does_so_at_one_step(make_run: Make, saliency: str, kind: str) -> None:
    run = make_run(OneShot, options(saliency=saliency), STEPS, 0.4, kind)
    left, settled = [], []
    for _ in range(STEPS):
        run.advance()
        left.append(run.fraction)
        settled.append(run.strength.settled)
    at = 7  # 0.35 x 20
    assert left[: at - 1] == [1.0] * (at - 1)
    assert left[at - 1 :] == [left[-1]] * (STEPS - at + 1)
    assert settled == [False] * (at - 1) + [True] * (STEPS - at + 1)
    assert 0.39 <= left[-1] <= 0.4
    assert run.dead_entries().count_nonzero() == 0
    assert run.dead_entries().numel() > 100
    assert not [text for text in run.strength.readings().warnings if "target was missed" in text]


def test_magnitude_is_the_norm_beside_its_space_whatever_it_costs(make_run: Make) -> None:
    """Counted by channels, the smallest relative norms leave; a space whose weights are all ten times larger is no
    better off."""
    run = make_run(OneShot, options(at=0.05), STEPS, 0.5, "channels", lr=0.0)
    name = run.part.groups.names[1]
    run.part.shrink(name, torch.full((run.part.spaces[name].size,), 10.0))
    relative = flat({space: norms / norms.mean() for space, norms in run.part.norms().items()})
    run.advance()
    alive = flat(run.part.alive)
    assert int(alive.sum()) == len(alive) // 2
    assert relative[~alive].max() < relative[alive].min()
    assert float(run.strength.price) == pytest.approx(float(relative[~alive].max()), rel=1e-6)
    assert run.strength.serves() is None


def test_fisher_is_the_largest_share_per_cost(make_run: Make) -> None:
    run = make_run(OneShot, options(saliency="fisher", at=0.05, tolerance=0.3), STEPS, 0.5, labelled=())
    saliency = run.strength.measurement.saliency
    values = torch.rand(saliency.average.shape, generator=torch.Generator().manual_seed(0)).double()
    saliency.average.copy_(values * (1 - saliency.decay))
    saliency.updates.fill_(1)
    counts = run.part.groups.sizes
    fraction = run.part.budget.fraction
    saved = fraction(counts) - fraction(counts - torch.eye(len(counts), dtype=torch.int64))
    worth = (values / values.sum(1, keepdim=True)).amax(0) / saved.repeat_interleave(counts)
    run.advance()
    alive = flat(run.part.alive)
    assert worth[~alive].max() < worth[alive].min()
    assert 10 < int(alive.sum()) < len(alive) - 10


@pytest.mark.parametrize(("steps", "at", "turns"), [(40, 0.5, range(14, 20)), (10, 0.5, range(3, 5)), (2, 0.5, [0])])
def test_every_task_has_its_turn_shortly_before(make_run: Make, steps: int, at: float, turns: list[int]) -> None:
    """0.15 of the steps, or one step a task if that is more, as far as there are steps."""
    run = make_run(OneShot, options(saliency="taylor", at=at), steps, 0.5)
    seen = []
    for step in range(steps):
        run.strength.begin(step)
        if run.hooks():
            seen.append(step)
        with run.strength.watch():
            losses = run.losses()
        run.strength.observe(losses)
        run.strength.act(step)
    assert seen == list(turns)
    assert run.strength.measurement.saliency.kind == "taylor"


def test_without_labels_nothing_leaves_and_it_is_said(make_run: Make) -> None:
    run = make_run(OneShot, options(saliency="fisher"), STEPS, 0.5, labelled=()).advance(STEPS)
    assert flat(run.part.alive).all()
    assert not run.strength.settled
    assert "The target is not met yet: macs 0.5 was asked" in run.strength.readings().warnings[-1]


def test_its_only_round_waits_for_a_measurement(make_run: Make) -> None:
    run = make_run(OneShot, options(saliency="fisher"), STEPS, 0.5, labelled=()).advance(12)
    run.labelled = ("red", "blue")
    run.advance()
    assert run.strength.settled
    assert 0.49 <= run.fraction <= 0.5
    alive = flat(run.part.alive).clone()
    assert torch.equal(flat(run.advance(3).part.alive), alive)


def test_norms_are_relative_to_their_own_space() -> None:
    space_of = torch.tensor([0, 0, 1, 1, 1, 2])
    norms = torch.tensor([1.0, 3, 10, 20, 60, 0], dtype=torch.float64)
    assert relative_norms(norms, space_of).tolist() == [0.5, 1.5, pytest.approx(1 / 3), pytest.approx(2 / 3), 2, 0]


def test_a_resumed_run_has_the_same_structure(make_run: Make) -> None:
    whole = make_run(OneShot, options(), STEPS, 0.5).advance(10)
    resumed = make_run(OneShot, options(), STEPS, 0.5)
    for name, state in whole.state().items():
        getattr(resumed, name).load_state_dict(state)
    resumed.step = 10
    resumed.advance(2)
    assert torch.equal(flat(resumed.part.alive), flat(whole.part.alive))
    assert resumed.strength.settled
    assert resumed.strength.readings() == whole.strength.readings()
