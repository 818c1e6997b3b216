"""Priced removal: the algorithm line by line, and what has to hold whatever the network."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mstasks.sparsity.strength.options import PricedOptions
from mstasks.sparsity.strength.priced import Priced

Make = Callable[..., Any]
STEPS = 40
END = 24  # 0.6 x 40


def options(**changes: Any) -> PricedOptions:
    """One channel of the tiny network is about a hundredth of it."""
    return PricedOptions(**{"tolerance": 0.01, **changes})


def teach(run: Any) -> Tensor:
    """Make random numbers the saliency of both tasks; returns them, shape (tasks, channels of all spaces).

    They stay as they are in a run without labels.
    """
    saliency = run.strength.measurement.saliency
    values = torch.rand(saliency.average.shape, generator=torch.Generator().manual_seed(0)) ** 3
    saliency.updates.fill_(1)
    saliency.average.copy_((1 - saliency.decay) * values)
    return values.double()


def flat(masks: dict[str, Tensor]) -> Tensor:
    return torch.cat(list(masks.values()))


def walk(run: Any, values: Callable[[list[int]], Tensor], goal: float) -> tuple[set[int], float]:
    """Remove one group at a time by saliency over the difference that a channel makes to the cost; no skipping."""
    space_of = torch.arange(len(run.part.groups.spaces)).repeat_interleave(run.part.groups.sizes).tolist()
    alive = flat(run.part.alive).tolist()
    counts = run.part.groups.sizes
    for group, here in enumerate(alive):
        counts[space_of[group]] -= int(not here)
    fraction = run.part.budget.fraction
    one = torch.eye(len(counts), dtype=torch.int64)
    saved = [float(fraction(counts) - fraction(counts - one[space])) for space in range(len(counts))]
    ratio = [float(value) / saved[space_of[group]] for group, value in enumerate(values(alive))]
    gone: set[int] = set()
    price = 0.0
    for group in sorted((g for g, here in enumerate(alive) if here), key=lambda g: ratio[g]):
        if float(fraction(counts)) <= goal:
            break
        if counts[space_of[group]] > 1:
            counts[space_of[group]] -= 1
            gone.add(group)
            price = ratio[group]
    return gone, price


@pytest.mark.parametrize("kind", ["macs", "parameters", "channels"])
@pytest.mark.parametrize("target", [0.5, 0.25])
def test_the_target_is_met_and_removed_channels_stay_zero(make_run: Make, kind: str, target: float) -> None:
    run = make_run(Priced, options(), STEPS, target, kind)
    for _ in range(STEPS):
        assert not run.strength.settled
        run.advance()
        assert run.dead_entries().count_nonzero() == 0
        if run.step == END:
            break
    assert run.strength.settled
    counts = run.part.counts()
    assert target - 0.01 <= run.fraction <= target
    run.advance(6)
    assert run.dead_entries().count_nonzero() == 0
    assert run.dead_entries().numel() > 100
    assert torch.equal(run.part.counts(), counts)
    assert run.strength.settled
    assert not [text for text in run.strength.readings().warnings if "target was missed" in text]


@pytest.mark.parametrize("across", ["maximum", "mean"])
def test_a_round_is_the_algorithm_by_hand(make_run: Make, across: str) -> None:
    """Shares over alive groups, maximum or mean over tasks, over the cost of a channel, sorted; twice in a row."""
    run = make_run(Priced, options(across_tasks=across, rounds=5, tolerance=0.3), STEPS, 0.3, labelled=())
    values = teach(run)

    def saliency(alive: list[int]) -> Tensor:
        kept = values * torch.tensor(alive)
        shares = kept / kept.sum(1, keepdim=True)
        return shares.amax(0) if across == "maximum" else shares.mean(0)

    for steps, goal in ((8, 1 - 0.7 / 5), (4, 1 - 2 * 0.7 / 5)):
        before = flat(run.part.alive).clone()
        expected, price = walk(run, saliency, goal)
        run.advance(steps)
        assert set((before & ~flat(run.part.alive)).nonzero().flatten().tolist()) == expected
        assert len(expected) > 3
        assert run.strength.readings().name == "price"
        assert run.strength.readings().values == {"all": pytest.approx(price, rel=1e-5)}


def test_the_maximum_protects_what_one_task_needs(make_run: Make) -> None:
    survivors = {}
    for across in ("maximum", "mean"):
        run = make_run(Priced, options(across_tasks=across), STEPS, 0.5, "channels", labelled=())
        saliency = run.strength.measurement.saliency
        channels = saliency.average.shape[1]
        saliency.updates.fill_(1)
        saliency.average[0] = 1.0  # needs every channel a little
        saliency.average[1, : channels // 3] = 1.4  # needs a third of them, each a bit more than the first task does
        run.advance(END)
        survivors[across] = int(flat(run.part.alive)[: channels // 3].sum())
    assert survivors["maximum"] == channels // 3


def test_a_task_without_labels_is_left_out_and_named(make_run: Make) -> None:
    run = make_run(Priced, options(), STEPS, 0.5, labelled=("red",)).advance(STEPS)
    assert run.strength.settled
    (warning,) = run.strength.readings().warnings
    assert warning.startswith("Task 'blue' was not measured so far, so no channel stays for its sake")
    assert "Measure earlier and more often" in warning
    mean = make_run(Priced, options(across_tasks="mean"), STEPS, 0.5, labelled=("red",)).advance(STEPS)
    assert torch.equal(flat(mean.part.alive), flat(run.part.alive))
    assert float(mean.strength.price) == float(run.strength.price)


def test_without_any_measurement_nothing_leaves_and_it_is_said(make_run: Make) -> None:
    run = make_run(Priced, options(), STEPS, 0.5, labelled=()).advance(STEPS)
    assert flat(run.part.alive).all()
    assert not run.strength.settled
    assert run.strength.serves() is None
    red, blue, late = run.strength.readings().warnings
    assert "'red'" in red
    assert "'blue'" in blue
    assert "The target is not met yet: macs 0.5 was asked, and nothing was measured" in late
    assert "Measure earlier and more often" in late


def test_nothing_is_said_of_a_target_before_it_is_due(make_run: Make) -> None:
    run = make_run(Priced, options(), STEPS, 0.5, labelled=())
    for _ in range(END - 1):
        assert not [text for text in run.advance().strength.readings().warnings if "target" in text]
    assert [text for text in run.advance().strength.readings().warnings if "target" in text]


@pytest.mark.parametrize("rounds", [1, 4, 36])
def test_a_round_that_found_nothing_measured_is_held_at_the_next_step_that_does(make_run: Make, rounds: int) -> None:
    run = make_run(Priced, options(rounds=rounds, measure_every=1), STEPS, 0.5, labelled=()).advance(13)
    assert flat(run.part.alive).all()
    run.labelled = ("red", "blue")
    run.advance()
    assert run.fraction <= 1 - 0.5 * ((14 - 4) * rounds // 20 / rounds)
    assert flat(run.part.alive).all() == (rounds == 1)
    run.advance(END - 14)
    assert run.strength.settled


@pytest.mark.parametrize("rounds", [1, 36])
def test_a_last_round_that_found_nothing_measured_is_held_later(make_run: Make, rounds: int) -> None:
    run = make_run(Priced, options(rounds=rounds), STEPS, 0.5, labelled=()).advance(END + 5)
    assert flat(run.part.alive).all()
    assert not run.strength.settled
    run.labelled = ("red", "blue")
    run.advance(3)  # one of them is a turn
    assert run.strength.settled
    assert 0.49 <= run.fraction <= 0.5
    assert not [text for text in run.strength.readings().warnings if "target" in text]
    run.advance(4)
    assert not run.hooks()


def test_channels_leave_only_within_the_window_and_on_schedule(make_run: Make) -> None:
    run = make_run(Priced, options(window=(0.2, 0.5), rounds=6), STEPS, 0.4)
    left = []
    for _ in range(STEPS):
        run.advance()
        left.append(run.fraction)
    changes = [done for done in range(2, STEPS + 1) if left[done - 1] != left[done - 2]]
    assert set(changes) <= {10, 12, 14, 16, 18, 20}
    assert len(changes) >= 4
    assert left[7] == 1.0
    for done in (10, 12, 14, 16, 18, 20):
        assert left[done - 1] <= 1 - 0.6 * (done - 8) / 12 + 1e-12
    assert left[-1] == left[19] >= 0.39


@pytest.mark.parametrize("steps", [1, 3, 10, 17])
def test_short_runs_meet_the_target_too(make_run: Make, steps: int) -> None:
    """Rounds, turns and the horizon all fall on a few steps, or one."""
    run = make_run(Priced, options(window=(0.0, 1.0), measure_from=0.0, measure_every=1), steps, 0.5).advance(steps)
    assert run.strength.settled
    assert all(parameter.isfinite().all() for parameter in run.parameters.values())


def test_doomed_groups_shrink_linearly_to_zero_within_the_horizon(make_run: Make) -> None:
    """Without an optimiser that moves them: |w| (1 - j / (T/12)) after j steps, down to a factor of 0.02 a step."""
    steps, horizon = 60, 5
    run = make_run(Priced, options(measure_from=0.0, rounds=2, window=(0.0, 0.5)), steps, 0.5, lr=0.0, labelled=())
    teach(run)
    norms = flat(run.part.norms()).clone()
    run.advance(15)
    doomed = flat(run.strength.thresholds) > 0
    alive = flat(run.part.alive)
    assert 2 < int(doomed.sum()) < int(alive.sum()) / 2
    assert bool((doomed <= alive).all())
    torch.testing.assert_close(flat(run.strength.thresholds)[doomed], norms[doomed] / horizon)
    for j in range(1, horizon + 4):
        run.advance()
        factor = 1 - j / horizon if j < horizon else 0.02 ** (j - horizon + 1) / horizon
        torch.testing.assert_close(flat(run.part.norms())[doomed], norms[doomed] * factor, rtol=1e-3, atol=1e-9)
        torch.testing.assert_close(flat(run.part.norms())[alive & ~doomed], norms[alive & ~doomed], rtol=0, atol=0)


def test_the_doomed_are_those_that_the_price_of_the_horizon_removes(make_run: Make) -> None:
    run = make_run(Priced, options(rounds=5), STEPS, 0.3, labelled=())
    values = teach(run)
    run.advance(7)

    def saliency(alive: list[int]) -> Tensor:
        return (values / values.sum(1, keepdim=True)).amax(0)

    now, _ = walk(run, saliency, 1 - 0.7 * 4 / 20)
    later, _ = walk(run, saliency, 1 - 0.7 * (4 + STEPS / 12) / 20)
    run.advance()
    assert set((flat(run.strength.thresholds) > 0).nonzero().flatten().tolist()) == later - now
    assert set((~flat(run.part.alive)).nonzero().flatten().tolist()) == now


def test_doomed_groups_are_released_when_they_come_to_matter(make_run: Make) -> None:
    run = make_run(Priced, options(rounds=10), STEPS, 0.5, labelled=())
    teach(run)
    run.advance(8)
    before = flat(run.strength.thresholds).clone()
    assert (before > 0).any()
    run.strength.measurement.saliency.average[:, before > 0] *= 1e3
    run.advance(2)
    after = flat(run.strength.thresholds)
    assert not after[before > 0].any()
    assert (after > 0).any()
    assert flat(run.part.alive)[before > 0].all()


def test_a_threshold_stays_as_it_was_on_entry_while_a_group_is_doomed(make_run: Make) -> None:
    run = make_run(Priced, options(rounds=20), STEPS, 0.5, labelled=())
    teach(run)
    run.advance(8)
    first = flat(run.strength.thresholds).clone()
    run.advance()
    second = flat(run.strength.thresholds)
    kept = (first > 0) & (second > 0)
    assert int(kept.sum()) > 2
    assert torch.equal(first[kept], second[kept])
    assert (flat(run.part.norms())[kept] < 0.95 * STEPS / 12 * first[kept]).all()  # though their norms fell


def test_after_the_window_nothing_is_doomed(make_run: Make) -> None:
    run = make_run(Priced, options(), STEPS, 0.5).advance(END - 3)
    assert flat(run.strength.thresholds).any()
    run.advance(3)
    assert not flat(run.strength.thresholds).any()


def test_without_lasso_groups_leave_at_full_size(make_run: Make) -> None:
    run = make_run(Priced, options(lasso=False), STEPS, 0.5, lr=0.0)
    norms = flat(run.part.norms()).clone()
    for _ in range(STEPS):
        run.advance()
        assert not flat(run.strength.thresholds).any()
    alive = flat(run.part.alive)
    assert torch.equal(flat(run.part.norms()), norms * alive)
    assert run.strength.settled


def test_uniform_allocation_takes_the_same_fraction_of_every_space(make_run: Make) -> None:
    run = make_run(Priced, options(allocation="uniform-per-layer", tolerance=0.05), STEPS, 0.5).advance(STEPS)
    lost = [1 - float(alive.float().mean()) for alive in run.part.alive.values()]
    sizes = run.part.groups.sizes.tolist()
    fraction = float(run.strength.price)
    assert 0.2 < fraction < 0.5
    for share, size in zip(lost, sizes, strict=True):
        assert abs(share - fraction) <= 1 / size
    assert run.strength.settled


def test_floors_hold(make_run: Make) -> None:
    run = make_run(Priced, options(tolerance=0.02), STEPS, 0.5, floor=lambda size: size - size // 3, labelled=())
    teach(run)
    run.strength.measurement.saliency.average[:, :8] *= 1e-6  # the first space would lose all it has
    run.advance(STEPS)
    spaces = run.part.groups.spaces
    assert all(int(run.part.alive[space.name].sum()) >= space.floor for space in spaces)
    assert int(run.part.alive[spaces[0].name].sum()) == spaces[0].floor


def test_a_target_that_channels_are_too_large_for_is_missed_and_said(make_run: Make) -> None:
    run = make_run(Priced, options(tolerance=1e-6), STEPS, 0.5).advance(STEPS)
    assert not run.strength.settled
    assert 0.5 < run.fraction < 0.52
    (warning,) = run.strength.readings().warnings
    assert f"The target was missed: macs 0.5 was asked, {run.fraction:.4f} is left for good" in warning
    assert "nothing that may leave is small enough to come closer. Raise `tolerance` of `sparsity.strength`" in warning
    assert "above it" in warning


@pytest.mark.parametrize(("at", "rounds"), [(3, 36), (11, 4), (17, 36), (30, 4)])
def test_a_resumed_run_continues_identically(make_run: Make, at: int, rounds: int) -> None:
    whole = make_run(Priced, options(rounds=rounds), STEPS, 0.5).advance(at)
    saved, moments, settled = whole.state(), copy.deepcopy(whole.optimizer.state_dict()), whole.strength.settled
    whole.advance(STEPS - at)
    resumed = make_run(Priced, options(rounds=rounds), STEPS, 0.5).advance(2)
    for name, state in saved.items():
        getattr(resumed, name).load_state_dict(state)
    resumed.optimizer.load_state_dict(moments)
    resumed.step = at
    assert resumed.strength.settled == settled == (at == 30)
    resumed.advance(STEPS - at)
    first, second = whole.state(), resumed.state()
    for name in first:
        assert all(torch.equal(value, second[name][key]) for key, value in first[name].items()), name
    assert whole.strength.readings() == resumed.strength.readings()


def test_a_round_whose_step_is_skipped_is_held_at_the_next(make_run: Make) -> None:
    skipped = make_run(Priced, options(), STEPS, 0.5).advance(END, skipped=(4, END - 2, END - 1))
    assert not skipped.strength.settled
    skipped.advance()
    assert skipped.strength.settled


def test_only_a_turn_leaves_hooks_and_only_until_it_ends(make_run: Make) -> None:
    run = make_run(Priced, options(measure_from=0.1, measure_every=4), STEPS, 0.5)
    turns = []
    for step in range(STEPS):
        run.strength.begin(step)
        if run.hooks():
            turns.append(step)
            run.losses()
            kept = run.strength.measurement.saliency._inputs
            assert any(kept.values())
            run.strength.observe(run.losses())
            assert not any(kept.values())
        run.strength.act(step)
        assert not run.hooks()
    assert turns == list(range(4, END, 4))


def test_a_skipped_measurement_leaves_nothing(make_run: Make) -> None:
    run = make_run(Priced, options(measure_from=0.1, measure_every=4), STEPS, 0.5)
    run.advance(5, skipped=(4,))
    run.strength.begin(5)
    assert not run.hooks()
    assert not run.strength.measurement.saliency.measured.any()


def test_each_tasks_shares_sum_to_one_over_alive_channels(make_run: Make) -> None:
    run = make_run(Priced, options(), STEPS, 0.5).advance(STEPS)
    serves = run.strength.serves()
    assert {name: value.shape for name, value in serves.items()} == {
        space.name: (2, space.size) for space in run.part.groups.spaces
    }
    torch.testing.assert_close(sum(value.sum(1) for value in serves.values()), torch.ones(2))
    for name, alive in run.part.alive.items():
        assert not serves[name][:, ~alive].any()


def test_it_has_no_lambda(make_run: Make) -> None:
    with pytest.raises(ValueError, match="Priced has no lambda that an inner loop could use"):
        make_run(Priced, options(), STEPS, 0.5).strength.strengths()


def test_a_part_without_a_budget_is_refused(make_run: Make) -> None:
    with pytest.raises(ValueError, match=r"Priced must be given a target. Found a part without `budget`."):
        make_run(Priced, options(), STEPS, None)


def test_the_network_is_not_part_of_its_state(make_run: Make) -> None:
    strength = make_run(Priced, options(), STEPS, 0.5).strength
    assert list(strength.parameters()) == []
    assert not [name for name in strength.state_dict() if "weight" in name]
    assert all(isinstance(value, Tensor) for value in strength.state_dict().values())
