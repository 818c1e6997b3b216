"""Predictors of networks and constants: decoded, at the labels' size, of the tasks that were asked for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.heads import DenseHead, PooledHead
from mstasks.network import Network, build_network
from mstasks.predictors import constant_predictor, network_outputs, network_predictor
from mstasks.recipe.model import Backbone, Decoder

CPU = torch.device("cpu")


class Shifted(Task):
    """Decodes to the raw value plus one."""

    kind = TargetKind.SCALAR_MAP
    channels = 1

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return prediction.flatten(1).mean(1)

    def decode(self, prediction: Tensor) -> Tensor:
        return prediction + 1

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {"x": PooledMean(lambda p, t: p, higher_is_better=True, best_value=1.0)}


TASKS = {name: BoundTask(name, Shifted(TargetInfo(TargetKind.SCALAR_MAP)), "labels") for name in ("one", "two")}


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    heads = {name: lambda info: DenseHead(info, 1) for name in TASKS} | {"other": lambda info: PooledHead(info, 2)}
    return build_network(Backbone(model="test_resnet"), Decoder(width=8), (32, 48), heads).eval()


@pytest.fixture
def batch() -> Batch:
    images = torch.randint(0, 256, (2, 3, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = Target(torch.zeros(2, 1, 20, 31), torch.ones(2, 1, 20, 31, dtype=torch.bool))
    return Batch(("a", "b"), images, {"labels": labels})


def test_a_network_predicts_the_chosen_tasks_at_the_size_of_their_labels(network: Network, batch: Batch) -> None:
    with torch.no_grad():
        raw = network(batch.images / 255)
    assert raw["two"].shape == (2, 1, 8, 12)
    found = network_predictor(network, {"two": TASKS["two"]})(batch)
    assert list(found) == ["two"]
    large = torch.nn.functional.interpolate(raw["two"], size=(20, 31), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found["two"], large + 1)


def test_raw_outputs_are_of_all_heads_unless_some_are_chosen(network: Network, batch: Batch) -> None:
    with torch.no_grad():
        everything = network_outputs(network, batch.images, CPU)
        some = network_outputs(network, batch.images, CPU, tasks=["other"])
    assert list(everything) == ["one", "two", "other"]
    assert list(some) == ["other"]
    assert torch.equal(some["other"], everything["other"])


def test_a_network_that_takes_images_alone_gives_raw_outputs(batch: Batch) -> None:
    def prepared(images: Tensor) -> dict[str, Tensor]:
        return {"one": images.mean((1, 2, 3))}

    found = network_outputs(prepared, batch.images, CPU)  # type: ignore[arg-type]
    torch.testing.assert_close(found["one"], batch.images.float().mean((1, 2, 3)) / 255)


def test_a_constant_is_the_same_everywhere(batch: Batch) -> None:
    found = constant_predictor({"one": torch.tensor([0.5])}, {"one": TASKS["one"]})(batch)
    assert found["one"].shape == (2, 1, 20, 31)
    assert (found["one"] == 0.5).all()
