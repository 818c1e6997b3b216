"""Each strategy trains what it says and gives the task the head that it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mstasks.adapt.budget import steps_for
from mstasks.adapt.options import HeadFirstOptions, RidgeOptions, TuneOptions
from mstasks.adapt.ridge import ridge_head
from mstasks.adapt.strategies import AllAtOnce, BitFit, Fast, HeadFirst, NewDecoder, Probe, Ridge, Tuned
from mstasks.adapt.strategy import Adaptation, Phase
from mstasks.errors import UsageError
from mstasks.experiment import Experiment
from mstasks.heads import LinearHead
from mstasks.plugins import load_plugins, resolve

Make = Callable[..., Experiment]
TUNED = (HeadFirst, AllAtOnce, Fast, BitFit, NewDecoder, Probe)
NEW, SEEN = frozenset({"heads.depth"}), frozenset({"segmentation"})


def test_every_offered_strategy_is_built_from_its_options_and_without() -> None:
    registry = load_plugins()
    assert set(registry.names("adaptation")) == {
        "head-first", "all-at-once", "fast", "bitfit", "new-decoder", "ridge", "probe",
    }  # fmt: skip
    for name in registry.names("adaptation"):
        spec = registry.find("adaptation", name)
        assert spec.options is not None
        for options in (None, resolve(spec.options)()):
            assert isinstance(resolve(spec.factory)(options), Adaptation)


@pytest.mark.parametrize("strategy", TUNED)
@pytest.mark.parametrize("shots", [1, 5, 10, 50])
def test_steps_grow_with_the_images_unless_the_user_says_how_many(strategy: type[Tuned], shots: int) -> None:
    assert sum(phase.steps for phase in strategy().phases(shots)) == steps_for(shots)
    options = (HeadFirstOptions if strategy is HeadFirst else TuneOptions)(steps=7)
    assert sum(phase.steps for phase in strategy(options).phases(shots)) == 7


@pytest.mark.parametrize(
    ("share", "steps", "expected"),
    [
        (1 / 3, 30, [10, 20]),
        (0.5, 7, [4, 3]),
        (0.01, 10, [1, 9]),
        (0.99, 10, [9, 1]),
        (1 / 3, 2, [1, 1]),
        (0.5, 1, [1]),
    ],
)
def test_the_head_comes_first_for_its_share_of_the_steps(share: float, steps: int, expected: list[int]) -> None:
    phases = HeadFirst(HeadFirstOptions(head_share=share, steps=steps)).phases(5)
    assert [phase.steps for phase in phases] == expected
    assert set(phases[0].rates) == {"new"}
    assert all(set(phase.rates) == {"new", "trunk", "backbone"} for phase in phases[1:])


PARAMETERS = (
    ("backbone.conv1.weight", 4),
    ("backbone.bn1.weight", 1),
    ("trunk.fuse.weight", 4),
    ("trunk.fuse.bias", 1),
    ("heads.depth.predict.weight", 4),
    ("heads.segmentation.predict.weight", 4),
    ("heads.attributes.predict.weight", 2),
)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (AllAtOnce, [1.0, 1.0, 2.0, 2.0, 3.0, 2.0, None]),
        (HeadFirst, [1.0, 1.0, 2.0, 2.0, 3.0, 2.0, None]),
        (NewDecoder, [1.0, 1.0, 2.0, 2.0, 3.0, 2.0, None]),
        (Fast, [None, None, 2.0, 2.0, 3.0, 2.0, None]),
        (BitFit, [None, 2.0, None, 2.0, 3.0, None, None]),
        (Probe, [None, None, None, None, 3.0, None, None]),
    ],
)
def test_what_is_trained_at_which_rate(strategy: type[Tuned], expected: list[float | None]) -> None:
    options = (HeadFirstOptions if strategy is HeadFirst else TuneOptions)(backbone_lr=1.0, trunk_lr=2.0, new_lr=3.0)
    phase = strategy(options).phases(5)[-1]
    assert [phase.rate(name, dimensions, NEW, SEEN) for name, dimensions in PARAMETERS] == expected


def test_what_starts_afresh_is_trained_as_new_wherever_it_is() -> None:
    phase = Phase(1, {"new": 3.0, "trunk": 2.0}, norms_and_biases=True)
    new = frozenset({"backbone", "trunk", "heads.depth"})
    assert [phase.rate(name, dimensions, new, ()) for name, dimensions in PARAMETERS] == [3.0] * 5 + [None] * 2


@pytest.mark.parametrize(
    ("strategy", "dense", "image_level"),
    [
        (HeadFirst, None, None),
        (AllAtOnce, None, None),
        (Fast, None, None),
        (BitFit, None, None),
        (NewDecoder, "decoder", None),
        (Probe, "linear", "pooled"),
        (Ridge, "linear", "pooled"),
    ],
)
def test_the_head_that_a_strategy_asks_for(
    strategy: type[Adaptation], dense: str | None, image_level: str | None
) -> None:
    for wanted, head in ((dense, strategy().head(True)), (image_level, strategy().head(False))):
        assert (None if head is None else head.name) == wanted


def test_ridge_puts_the_closed_form_in_place_and_leaves_everything_else(
    experiment: Make, session: Any, watch: Any
) -> None:
    own = experiment("tasks.depth.head=linear")
    run = session(own)
    moved = watch(run.network)
    batches = run.support.plain()
    expected = ridge_head(run.network, run.bound, batches, torch.device("cpu"), penalty=0.1)
    Ridge(RidgeOptions(penalty=0.1)).adapt(run)
    assert expected is not None
    assert isinstance(run.network.heads["depth"], LinearHead)
    found = run.network.heads["depth"].state_dict()
    assert all(torch.equal(value, found[name]) for name, value in expected.head.state_dict().items())
    assert {name.rpartition(".")[0] for name in moved()} == {"heads.depth.predict"}


def test_ridge_says_which_strategy_takes_a_task_without_a_code(
    experiment: Make, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = session(experiment("tasks.depth.head=linear"))
    monkeypatch.setattr(type(run.bound.task), "encode", lambda task, target: None)
    with pytest.raises(UsageError) as caught:
        Ridge().adapt(run)
    assert str(caught.value) == (
        "task 'depth' cannot be fitted in closed form: it decodes predictions and has no `encode`, the way back. Take "
        "`adapt.strategy=probe`, a linear head trained by the task's own loss."
    )


def test_all_images_count_for_the_steps_and_those_held_out_too(experiment: Make, session: Any) -> None:
    steps: list[int] = []
    run = session(experiment("tasks.depth.head=linear"), shots=5, hold_out=0.4, log=lambda step, _: steps.append(step))
    Probe(TuneOptions(batch_size=3)).adapt(run)
    assert len(steps) == steps_for(5)


def test_a_probe_moves_the_head_alone(experiment: Make, session: Any, watch: Any) -> None:
    run = session(experiment("tasks.depth.head=linear"))
    moved: Callable[[], set[str]] = watch(run.network)
    before: Tensor = run.network.heads["depth"].predict.weight.clone()
    Probe(TuneOptions(steps=3)).adapt(run)
    assert {name.rpartition(".")[0] for name in moved()} == {"heads.depth.predict"}
    assert not torch.equal(run.network.heads["depth"].predict.weight, before)
