"""Partially annotated data: a missing label contributes nothing, for every shipped task and every combination of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from importlib import import_module

import pytest
import torch
from torch import Tensor

from mstasks import Target, TargetInfo, TargetKind
from mstasks.bound import BoundTask
from mstasks.train.losses import LossSum, task_losses
from mstasks.train.weighting import FixedWeighting, LossWeighting, UncertaintyWeighting, objective

BATCH, CHANNELS, HEIGHT, WIDTH = 4, 6, 8, 9
INFOS = {
    "segmentation": TargetInfo(TargetKind.LABEL_MAP, names=("wall", "floor", "chair")),
    "depth": TargetInfo(TargetKind.DEPTH_MAP),
    "normals": TargetInfo(TargetKind.VECTOR_MAP),
    "edges": TargetInfo(TargetKind.SCALAR_MAP),
    "attributes": TargetInfo(TargetKind.ATTRIBUTES, names=("bright", "crowded")),
}
EVERYONE = torch.ones(BATCH, dtype=torch.bool)
SUBSETS = [frozenset(subset) for size in range(6) for subset in itertools.combinations(INFOS, size)]
WEIGHTS = {name: 1.0 + index for index, name in enumerate(INFOS)}


def shipped_task(name: str) -> BoundTask:
    (spec,) = import_module(f"mstasks_{name}").register_tasks()
    module, attribute = spec.factory.split(":")
    return BoundTask(name, getattr(import_module(module), attribute)(INFOS[name], None), name)


TASKS = {name: shipped_task(name) for name in INFOS}


def random_labels(kind: TargetKind, names: int, generator: torch.Generator) -> Tensor:
    size = (BATCH, HEIGHT, WIDTH)
    if kind is TargetKind.LABEL_MAP:
        return torch.randint(0, names, size, generator=generator)
    if kind is TargetKind.ATTRIBUTES:
        return torch.randint(0, 2, (BATCH, names), generator=generator).float()
    if kind is TargetKind.VECTOR_MAP:
        return torch.nn.functional.normalize(torch.randn(BATCH, 3, HEIGHT, WIDTH, generator=generator), dim=1)
    values = torch.rand(BATCH, 1, HEIGHT, WIDTH, generator=generator)
    return 0.5 + 5 * values if kind is TargetKind.DEPTH_MAP else (values < 0.2).float()


def random_targets() -> dict[str, Target]:
    """Every target labelled for every example, with holes."""
    generator = torch.Generator().manual_seed(0)
    targets = {}
    for name, info in INFOS.items():
        value = random_labels(info.kind, len(info.names), generator)
        shape = (BATCH, 1, HEIGHT, WIDTH) if info.kind is TargetKind.VECTOR_MAP else value.shape
        valid = torch.rand(shape, generator=generator) < 0.8
        valid.flatten(1)[:, 0] = True
        targets[name] = Target(value, valid)
    return targets


def without(target: Target, missing: Tensor) -> Target:
    """The target with the labels of some examples gone, and something else in their place."""
    value, valid = target.value.clone(), target.valid.clone()
    value[missing] = value[missing].flip(-1)
    valid[missing] = False
    return Target(value, valid)


def shared_features() -> Tensor:
    return torch.randn(BATCH, CHANNELS, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1), requires_grad=True)


def predictions(features: Tensor) -> dict[str, Tensor]:
    """One fixed random linear head per task on the shared features."""
    raw = {}
    for index, (name, bound) in enumerate(TASKS.items()):
        weight = torch.randn(bound.task.channels, CHANNELS, generator=torch.Generator().manual_seed(10 + index))
        raw[name] = torch.einsum("oc,bchw->bohw", weight, features)
        if not bound.task.kind.dense:
            raw[name] = raw[name].mean((2, 3))
    return raw


def mean_loss_objective(sums: Mapping[str, LossSum], weighting: LossWeighting) -> Tensor:
    means = {name: part.total / part.count.clamp(min=1) for name, part in sums.items()}
    return objective(means, {name: part.count for name, part in sums.items()}, weighting)


def test_every_subset_is_covered() -> None:
    assert len(set(SUBSETS)) == 2**5


@pytest.mark.parametrize("labelled", SUBSETS, ids=lambda subset: "+".join(sorted(subset)) or "none")
def test_the_gradient_is_that_of_the_labelled_tasks_alone(labelled: frozenset[str]) -> None:
    targets = random_targets()
    partial = {name: target if name in labelled else without(target, EVERYONE) for name, target in targets.items()}
    features = shared_features()
    found = mean_loss_objective(task_losses(predictions(features), partial, TASKS), FixedWeighting(WEIGHTS))
    (gradient,) = torch.autograd.grad(found, features)
    if not labelled:
        assert found == 0
        assert (gradient == 0).all()
        return
    alone = {name: bound for name, bound in TASKS.items() if name in labelled}
    features = shared_features()
    weighting = FixedWeighting({name: WEIGHTS[name] for name in alone})
    expected = mean_loss_objective(task_losses(predictions(features), targets, alone), weighting)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, features)[0], rtol=1e-5, atol=1e-7)
    assert gradient.abs().max() > 1e-4


@pytest.mark.parametrize("labelled", SUBSETS, ids=lambda subset: "+".join(sorted(subset)) or "none")
def test_the_uncertainty_of_an_unlabelled_task_stays_out_and_as_it_is(labelled: frozenset[str]) -> None:
    targets = random_targets()
    partial = {name: target if name in labelled else without(target, EVERYONE) for name, target in targets.items()}
    weighting = UncertaintyWeighting(WEIGHTS)
    logs = torch.linspace(-1, 1, len(INFOS))
    weighting.log_variance.data.copy_(logs)
    found = mean_loss_objective(task_losses(predictions(shared_features()), partial, TASKS), weighting)
    (gradient,) = torch.autograd.grad(found, weighting.log_variance)
    sums = task_losses(predictions(shared_features()), targets, TASKS)
    total = 0.0
    for index, name in enumerate(INFOS):
        scaled = math.exp(-logs[index]) * sums[name].total.item() / BATCH
        # d/ds (exp(-s) loss + s / 2) where there is a label, nothing where there is none.
        assert gradient[index].item() == (pytest.approx(0.5 - scaled, rel=1e-4, abs=1e-6) if name in labelled else 0)
        total += scaled + float(logs[index]) / 2 if name in labelled else 0.0
    assert found.item() == pytest.approx(total, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_examples_without_a_label_may_as_well_not_be_there(seed: int) -> None:
    missing = {
        name: torch.rand(BATCH, generator=torch.Generator().manual_seed(5 * seed + i)) < 0.5
        for i, name in enumerate(TASKS)
    }
    targets = random_targets()
    weighting = FixedWeighting(WEIGHTS)
    features = shared_features()
    partial = {name: without(target, missing[name]) for name, target in targets.items()}
    total = mean_loss_objective(task_losses(predictions(features), partial, TASKS), weighting)
    (found,) = torch.autograd.grad(total, features)

    expected = torch.zeros_like(features)
    for name, bound in TASKS.items():
        kept = ~missing[name]
        if kept.any():
            features = shared_features()
            part = {name: Target(targets[name].value[kept], targets[name].valid[kept])}
            sums = task_losses({name: predictions(features)[name][kept]}, part, {name: bound})
            expected += torch.autograd.grad(mean_loss_objective(sums, weighting), features)[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", INFOS)
def test_an_unlabelled_batch_has_loss_and_gradient_exactly_zero(name: str) -> None:
    targets = {name: without(random_targets()[name], EVERYONE)}
    raw = predictions(shared_features())[name].detach().requires_grad_()
    loss = TASKS[name].task.loss(raw, TASKS[name].labels(targets))
    (gradient,) = torch.autograd.grad(loss.sum(), raw)
    assert loss.shape == (BATCH,)
    assert (loss == 0).all()
    assert (gradient == 0).all()


@pytest.mark.parametrize("name", INFOS)
def test_an_unlabelled_batch_changes_no_metric(name: str) -> None:
    labels = TASKS[name].labels(random_targets())
    nothing = TASKS[name].labels({name: without(random_targets()[name], EVERYONE)})
    decoded = TASKS[name].task.decode(predictions(shared_features())[name].detach())
    compared = 0
    for plain, other in zip(TASKS[name].task.metrics().values(), TASKS[name].task.metrics().values(), strict=True):
        plain.update(decoded, labels)
        for target in (nothing, labels, nothing):
            other.update(decoded, target)
        before, after = plain.compute(), other.compute()
        torch.testing.assert_close(after, before, rtol=0, atol=0, equal_nan=True)
        compared += 1
    assert compared > 1


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -1e30])
@pytest.mark.parametrize("name", INFOS)
def test_predictions_without_a_label_influence_nothing(name: str, garbage: float) -> None:
    labels = TASKS[name].labels(random_targets())

    def loss_and_gradient(raw: Tensor) -> tuple[Tensor, Tensor]:
        raw = raw.detach().requires_grad_()
        loss = TASKS[name].task.loss(raw, labels)
        return loss.detach(), torch.autograd.grad(loss.sum(), raw)[0]

    raw = predictions(shared_features())[name]
    ignored = ~(labels.valid[:, None] if labels.valid.dim() < raw.dim() else labels.valid)
    assert ignored.any()
    found, expected = loss_and_gradient(raw.masked_fill(ignored, garbage)), loss_and_gradient(raw)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -1e30])
@pytest.mark.parametrize("name", [name for name, info in INFOS.items() if info.kind is not TargetKind.LABEL_MAP])
def test_what_stands_in_place_of_a_missing_label_influences_nothing(name: str, garbage: float) -> None:
    labels = TASKS[name].labels(random_targets())
    spoilt = Target(labels.value.masked_fill(~labels.valid, garbage), labels.valid)

    def loss_and_gradient(target: Target) -> tuple[Tensor, Tensor]:
        raw = predictions(shared_features())[name].detach().requires_grad_()
        loss = TASKS[name].task.loss(raw, target)
        return loss.detach(), torch.autograd.grad(loss.sum(), raw)[0]

    found, expected = loss_and_gradient(spoilt), loss_and_gradient(labels)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
