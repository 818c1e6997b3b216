"""Seen tasks: let go, held to their own predictions, or rehearsed on the labels of the support images."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mstasks.adapt.options import TuneOptions
from mstasks.adapt.seen import Distilled, Rehearsed, Released, Seen
from mstasks.adapt.strategy import Phase
from mstasks.adapt.tuning import tune
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.experiment import Experiment
from mstasks.network import Network
from mstasks.target import Target
from mstasks.train.forward import forward

Make = Callable[..., Experiment]
RATES = {"new": 1e-2, "trunk": 1e-2, "backbone": 1e-2}


def seen_tasks(experiment: Experiment) -> dict[str, BoundTask]:
    return {name: bound for name, bound in experiment.tasks.items() if name != "depth"}


def start(experiment: Experiment) -> Network:
    """A network whose seen heads say something: they start near zero."""
    network = experiment.build_network(pretrained=False).eval()
    for name in seen_tasks(experiment):
        torch.nn.init.normal_(network.get_parameter(f"heads.{name}.predict.weight"), std=3.0)
    return network


def predict(network: Network, batch: Batch, tasks: Any) -> dict[str, Tensor]:
    with torch.no_grad():
        return forward(network, batch.images, tasks=tuple(tasks))


def adapted(experiment: Experiment, session: Any, network: Network, seen: Seen, steps: int = 12) -> Network:
    """A copy of the network after it learned depth."""
    own = copy.deepcopy(network)
    targets = tuple(experiment.tasks)
    run = session(experiment, network=own, seen=seen, targets=targets)
    tune(run, (Phase(steps, RATES),), TuneOptions())
    return own


def gap(one: Network, other: Network, batch: Batch, tasks: Any) -> float:
    pairs = zip(predict(one, batch, tasks).values(), predict(other, batch, tasks).values(), strict=True)
    return sum(float((first - second).square().mean() / second.var()) for first, second in pairs)


def test_nothing_is_asked_of_tasks_that_were_let_go(one_batch: Batch) -> None:
    seen = Released()
    assert not seen.tasks
    assert seen.loss({}, one_batch).item() == 0


def test_heads_that_were_let_go_stay_bit_for_bit(experiment: Make, session: Any) -> None:
    own = experiment()
    network = start(own)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after = adapted(own, session, network, Released()).state_dict()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert any(name.startswith("backbone.") for name in moved)
    assert any(name.startswith("heads.depth.") for name in moved)
    assert not any(name.startswith(f"heads.{task}.") for name in moved for task in seen_tasks(own))


def test_rehearsal_is_the_weighted_mean_loss_of_the_labelled_examples(experiment: Make, one_batch: Batch) -> None:
    own = experiment("tasks.segmentation.weight=3.0")
    network, tasks = start(own), seen_tasks(own)
    target = one_batch.targets["segmentation"]
    valid = target.valid.clone()
    valid[[0, 2]] = False
    batch = Batch(one_batch.ids, one_batch.images, {**one_batch.targets, "segmentation": Target(target.value, valid)})
    predictions = predict(network, batch, tasks)
    expected = torch.zeros(())
    for name, rows, weight in (("segmentation", [1, 3], 3.0), ("attributes", [0, 1, 2, 3], 1.0)):
        labels = tasks[name].labels(batch.targets)[torch.tensor(rows)]
        raw = predictions[name][rows]
        if raw.dim() == 4:
            raw = torch.nn.functional.interpolate(raw, size=labels.valid.shape[-2:], mode="bilinear")
        expected += weight * tasks[name].task.loss(raw, labels).mean()
    assert torch.allclose(Rehearsed(tasks, 0.5).loss(predictions, batch), 0.5 * expected)


def test_rehearsal_without_any_label_is_zero(experiment: Make, one_batch: Batch) -> None:
    own = experiment()
    targets = {name: Target(t.value, torch.zeros_like(t.valid)) for name, t in one_batch.targets.items()}
    batch = Batch(one_batch.ids, one_batch.images, targets)
    tasks = seen_tasks(own)
    assert Rehearsed(tasks, 1.0).loss(predict(start(own), batch, tasks), batch).item() == 0


def test_distillation_starts_at_zero_and_grows_with_the_change(experiment: Make, one_batch: Batch) -> None:
    own = experiment()
    network, tasks = start(own), seen_tasks(own)
    seen = Distilled(tasks, 2.0, copy.deepcopy(network), "float32")
    truth = predict(network, one_batch, tasks)
    assert seen.loss(truth, one_batch).item() == 0
    moved = {name: value + value.std(correction=0) for name, value in truth.items()}
    assert seen.loss(moved, one_batch).item() == pytest.approx(2.0 * len(tasks), rel=1e-4)


@pytest.mark.parametrize("factor", [0.1, 1000.0])
def test_distillation_does_not_depend_on_the_unit_of_a_task(experiment: Make, one_batch: Batch, factor: float) -> None:
    own = experiment()
    network, tasks = start(own), {"segmentation": own.tasks["segmentation"]}
    scaled = copy.deepcopy(network)
    with torch.no_grad():
        scaled.get_parameter("heads.segmentation.predict.weight").mul_(factor)
    noisy = {name: value + 0.3 for name, value in predict(network, one_batch, tasks).items()}
    loss = Distilled(tasks, 1.0, network, "float32").loss(noisy, one_batch)
    assert loss > 0
    noisy = {name: value * factor for name, value in noisy.items()}
    assert torch.allclose(Distilled(tasks, 1.0, scaled, "float32").loss(noisy, one_batch), loss, rtol=1e-3)


def test_a_single_value_has_a_finite_distillation_loss(experiment: Make, one_batch: Batch) -> None:
    own = experiment("tasks.attributes.names=[cluttered]")
    network, tasks = start(own), {"attributes": own.tasks["attributes"]}
    one = one_batch.take([0])
    truth = predict(network, one, tasks)
    assert truth["attributes"].shape == (1, 1)
    student = truth["attributes"].clone().requires_grad_()
    loss = Distilled(tasks, 1.0, network, "float32").loss({"attributes": student + 0.1}, one)
    loss.backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None
    assert loss.isfinite()
    assert student.grad.isfinite().all()


def test_the_teacher_is_neither_trained_nor_asked_for_gradients(experiment: Make, one_batch: Batch) -> None:
    own = experiment()
    teacher, tasks = start(own).train(), seen_tasks(own)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    seen = Distilled(tasks, 1.0, teacher, "float32")
    student = copy.deepcopy(teacher).requires_grad_(True)
    seen.loss(forward(student, one_batch.images, tasks=tuple(tasks)), one_batch)
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_distilled_tasks_stay_closer_to_what_they_were(experiment: Make, session: Any) -> None:
    own = experiment()
    network, tasks = start(own), seen_tasks(own)
    seen = Distilled(tasks, 10.0, copy.deepcopy(network), "float32")
    held, released = (adapted(own, session, network, mode) for mode in (seen, Released()))
    support = session(own).support.ids
    others = [id for id in own.ids("train") if id not in support]
    for ids in (support, others):
        batch = next(own.batches("train", ids))
        assert gap(held, network, batch, tasks) < 0.5 * gap(released, network, batch, tasks)


def test_rehearsed_tasks_learn_from_the_labels_of_the_support_images(experiment: Make, session: Any) -> None:
    own = experiment()
    network, tasks = start(own), seen_tasks(own)
    seen = Rehearsed(tasks, 1.0)
    rehearsed, released = (adapted(own, session, network, mode) for mode in (seen, Released()))
    batch = next(own.batches("train", session(own).support.ids))
    losses = [float(seen.loss(predict(each, batch, tasks), batch)) for each in (rehearsed, network, released)]
    assert losses[0] < 0.8 * losses[1]
    assert losses[0] < 0.8 * losses[2]
