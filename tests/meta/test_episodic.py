from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from episode_lab import TASKS, Lab, Watcher, make_batch, make_lab

from mstasks import Target
from mstasks.data.batch import Batch
from mstasks.errors import UsageError
from mstasks.meta import episodic
from mstasks.meta.anil import Anil
from mstasks.meta.episode import split
from mstasks.meta.maml import Maml
from mstasks.meta.options import AnilOptions, MamlOptions, SimulatedUnseenOptions
from mstasks.meta.simulated_unseen import SimulatedUnseen
from mstasks.train.finite import NonFiniteError
from mstasks.train.step import train_step

BATCH = make_batch(16)


def maml_lab(optim: dict[str, Any] | None = None, **options: Any) -> Lab:
    chosen = MamlOptions(**{"rate": 0.1, "combinations": "all-tasks", **options})
    return make_lab(lambda network: Maml(network, TASKS, 100, 0, chosen), **(optim or {}))


def poisoned(*positions: int) -> Batch:
    """A label of task three is not finite in some images."""
    target = BATCH.targets["three"]
    value = target.value.clone()
    value[list(positions)] = value[list(positions)].masked_fill(target.valid[list(positions)], float("nan"))
    return replace(BATCH, targets={**BATCH.targets, "three": Target(value, target.valid)})


@pytest.mark.parametrize("position", [4, 5])  # a support, a query image
def test_a_non_finite_episode_is_named(position: int) -> None:
    lab = maml_lab(episodes=4, combinations=(("one", "three"),))
    lab.state.step = 6
    with pytest.raises(
        NonFiniteError,
        match=r"step 7: an episode is not finite: tasks 'one', 'three', support images '4', '6', query images '5', '7'"
        r"\. The weights were not updated\. Lower `meta.update.rate` .* `optim.non_finite: skip`",
    ):
        lab.gradients(poisoned(position))
    assert all(own.grad is None for own in lab.state.network.parameters())


def test_many_images_are_shortened() -> None:
    with pytest.raises(
        NonFiniteError, match=r"support images '0', '2', '4' and 5 more, query images '1', '3', '5' and 5"
    ):
        maml_lab().gradients(poisoned(0))


def test_a_skipped_episode_is_left_out_of_the_mean() -> None:
    skipping = maml_lab({"non_finite": "skip"}, episodes=4)
    result = skipping.gradients(poisoned(1, 13))
    assert len(result.notes) == 2
    assert all(note.startswith("step 1: an episode") and note.endswith("It was left out.") for note in result.notes)
    alone = maml_lab(episodes=2)
    images = BATCH.split(4)
    middle = Batch(
        images[1].ids + images[2].ids,
        torch.cat([images[1].images, images[2].images]),
        {name: target[4:12] for name, target in BATCH.targets.items()},
    )
    expected = alone.gradients(middle)
    for name, grad in skipping.grads().items():
        torch.testing.assert_close(grad, alone.grads()[name], rtol=1e-12, atol=1e-14)
    for name in TASKS:
        torch.testing.assert_close(result.losses[name], expected.losses[name])
        assert result.counts[name] == expected.counts[name]
    assert int(skipping.state.update.skipped_episodes) == 2


def test_a_step_without_a_finite_episode_is_skipped() -> None:
    lab = maml_lab({"non_finite": "skip"}, episodes=2)
    before = {name: value.clone() for name, value in lab.state.network.state_dict().items()}
    result = train_step(lab.state, poisoned(0, 9), dict(lab.objective.tasks), lab.objective.optim)
    assert result.skipped
    assert lab.state.skipped == 1
    assert int(lab.state.update.skipped_episodes) == 2
    assert all(torch.equal(value, before[name]) for name, value in lab.state.network.state_dict().items())
    after = train_step(lab.state, BATCH, dict(lab.objective.tasks), lab.objective.optim)
    assert not after.skipped


def test_losses_are_means_over_the_query_labels_of_the_episodes_that_have_the_task() -> None:
    lab = maml_lab(episodes=4, rate=0.0, combinations="uniform")
    drawn = [lab.state.update.draw(0, index) for index in range(4)]
    assert any("two" not in tasks for tasks in drawn)
    result = lab.gradients(BATCH)
    for name in TASKS:
        totals = []
        for tasks, chunk in zip(drawn, BATCH.split(4), strict=True):
            if name in tasks:
                query = Batch(chunk.ids[1::2], chunk.images[1::2], {n: t[1::2] for n, t in chunk.targets.items()})
                totals.append(lab.objective.sums(query)[name])
        assert totals
        count = sum(int(loss.count) for loss in totals)
        assert int(result.counts[name]) == count
        assert float(result.losses[name]) == pytest.approx(sum(loss.total.item() for loss in totals) / count)


@pytest.mark.parametrize("order", ["first", "second"])
@pytest.mark.parametrize(
    ("update", "options"),
    [
        (Maml, MamlOptions(episodes=2, steps=3, combinations=(("one", "three"),))),
        (Anil, AnilOptions(episodes=2, steps=3)),
        (SimulatedUnseen, SimulatedUnseenOptions(episodes=2, steps=3, shots=1, share=0.999999)),
    ],
)
def test_the_strength_sees_one_pass_an_episode_at_the_current_shared_weights(
    order: str, update: Any, options: Any
) -> None:
    options = options.model_copy(update={"order": order, "rate": 0.3})
    lab = make_lab(lambda network: update(network, TASKS, 9, 0, options), strength=lambda part: Watcher(part, TASKS, 9))
    lab.gradients(BATCH)
    watcher = lab.state.strength
    sizes = [len(episode.support) for episode in lab.state.update.episodes(BATCH, 2)]
    assert watcher.passes == sizes
    assert [set(losses) for losses in watcher.seen] == [set(lab.state.update.draw(0, index)) for index in range(2)]


def test_maml_shows_the_support_losses_before_the_first_step() -> None:
    lab = make_lab(
        lambda network: Maml(network, TASKS, 9, 0, MamlOptions(episodes=2, steps=3, combinations=(("one", "two"),))),
        strength=lambda part: Watcher(part, TASKS, 9),
    )
    lab.gradients(BATCH)
    losses = lab.objective.sums(split(BATCH, 2)[1].support)
    assert lab.state.strength.seen[1] == pytest.approx({name: losses[name].total.item() for name in ("one", "two")})


def test_episodes_that_processes_cannot_share_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episodic, "world", lambda: 2)
    with pytest.raises(
        UsageError, match=r"episodes is 3, which 2 processes cannot share evenly. Choose a multiple of 2"
    ):
        maml_lab(episodes=3).gradients(BATCH)


def found_by(lab: Lab, batch: Batch) -> list[torch.Tensor]:
    """What a step exchanges: gradients and losses, and the counts last."""
    result = lab.gradients(batch)
    moved = [own for group in lab.state.optimizer.param_groups for own in group["params"]]
    gradients = [torch.zeros_like(own) if own.grad is None else own.grad for own in moved]
    return [*gradients, *result.losses.values(), torch.stack(list(result.counts.values()))]


RANKS = """
import sys
import torch
from test_episodic import BATCH, SHARED, found_by, maml_lab, poisoned
from mstasks.distributed import process_group, rank, sum_over_ranks
from mstasks.train.finite import NonFiniteError

with process_group():
    found = found_by(maml_lab(**SHARED), BATCH.split(2)[rank()])
    sum_over_ranks(found[:-1])
    if rank() == 0:
        torch.save(found, sys.argv[1])
    try:
        maml_lab(episodes=4).gradients(poisoned(1).split(2)[rank()])
    except NonFiniteError as error:
        assert "step 1" in str(error), "each rank names the episode, whichever had it"
    else:
        raise AssertionError("a rank went on")
"""

SHARED: dict[str, Any] = {
    "episodes": 4,
    "steps": 2,
    "order": "second",
    "learn_rates": True,
    "combinations": "uniform",
}


def test_two_ranks_give_what_one_gives_and_stop_together(tmp_path: Path) -> None:
    (tmp_path / "ranks.py").write_text(RANKS)
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here / "support"), os.environ.get("PYTHONPATH", "")])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port, "PYTHONPATH": paths}
    ranks = [
        subprocess.Popen(
            [sys.executable, "ranks.py", "two.pt"],
            cwd=tmp_path,
            env={**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in ranks:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    two = torch.load(tmp_path / "two.pt", weights_only=True)
    one = found_by(maml_lab(**SHARED), BATCH)
    assert len(one) > 10
    for ours, theirs in zip(two, one, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
