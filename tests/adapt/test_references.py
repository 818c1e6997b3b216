"""References beside an adapted network: computed from the same images, by other means, and without a change to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest
import torch
from torch import Tensor

from mstasks.adapt.references import references
from mstasks.adapt.ridge import ridge_head
from mstasks.adapt.session import Session
from mstasks.data.batch import Batch
from mstasks.device import as_input
from mstasks.experiment import Experiment

Make = Callable[..., Experiment]


def columns(run: Session, batch: Batch, new: Collection[str] = ()) -> dict[str, Tensor]:
    found = references(run.network, run.bound, run.support, "float32", new)
    return {name: predict(batch)[run.bound.name] for name, predict in found.items()}


def test_ridge_is_the_closed_form_on_the_network_as_it_is(experiment: Make, session: Any, one_batch: Batch) -> None:
    run = session(experiment())
    found = columns(run, one_batch)
    assert list(found) == ["ridge", "trivial"]
    fit = ridge_head(run.network, run.bound, run.support.plain(), torch.device("cpu"))
    assert fit is not None
    with torch.no_grad():
        raw = fit.head(run.network.features(as_input(one_batch.images, torch.device("cpu"))))
    expected = run.bound.decoded(raw, (32, 48))
    torch.testing.assert_close(found["ridge"], expected)


def test_trivial_is_the_mean_label_map_of_the_support_images(experiment: Make, session: Any, one_batch: Batch) -> None:
    run = session(experiment())
    (batch,) = run.support.plain()
    mean = batch.targets["depth"].value.mean(0)
    found = columns(run, one_batch)["trivial"]
    assert batch.targets["depth"].valid.all()
    for prediction in found:
        torch.testing.assert_close(prediction, mean, rtol=1e-3, atol=1e-3)


def test_an_image_level_task_gets_both(experiment: Make, session: Any, one_batch: Batch) -> None:
    run = session(experiment(), task="attributes", targets=("attributes",))
    found = columns(run, one_batch)
    assert list(found) == ["ridge", "trivial"]
    (batch,) = run.support.plain()
    torch.testing.assert_close(found["trivial"], batch.targets["attributes"].value.mean(0).expand(4, -1))


def test_a_task_without_a_code_gets_a_probe(
    experiment: Make, session: Any, one_batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = session(experiment())
    monkeypatch.setattr(type(run.bound.task), "encode", lambda task, target: None)
    found = columns(run, one_batch)
    assert list(found) == ["probe", "trivial"]
    assert found["probe"].std() > 0


@pytest.mark.parametrize("coded", [True, False])
def test_the_network_is_not_changed(
    experiment: Make, session: Any, watch: Any, monkeypatch: pytest.MonkeyPatch, coded: bool
) -> None:
    run = session(experiment())
    if not coded:
        monkeypatch.setattr(type(run.bound.task), "encode", lambda task, target: None)
    moved = watch(run.network)
    head = run.network.heads["depth"]
    references(run.network, run.bound, run.support, "float32", ())
    assert not moved()
    assert run.network.heads["depth"] is head
    assert all(parameter.requires_grad for parameter in run.network.parameters())


def test_a_dense_task_without_a_trunk_has_the_trivial_one_alone(
    experiment: Make, session: Any, one_batch: Batch
) -> None:
    run = session(experiment("tasks.segmentation=null", "tasks.depth.head=decoder"))
    assert run.network.trunk is None
    assert list(columns(run, one_batch)) == ["trivial"]


def test_features_of_a_trunk_that_nobody_trained_are_no_reference(
    experiment: Make, session: Any, one_batch: Batch
) -> None:
    dense, image_level = (session(experiment(), task=task, targets=(task,)) for task in ("depth", "attributes"))
    assert list(columns(dense, one_batch, {"trunk", "heads.depth"})) == ["trivial"]
    assert list(columns(dense, one_batch, {"heads.depth"})) == ["ridge", "trivial"]
    assert list(columns(image_level, one_batch, {"trunk", "heads.attributes"})) == ["ridge", "trivial"]
