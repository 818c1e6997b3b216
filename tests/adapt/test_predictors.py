"""Predictors of an adaptation: a foreign head gives what it would give as the network's own; the trivial one its map."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric
from mstasks.adapt.predictors import head_predictor, trivial_predictor
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.heads import DecoderHead, DenseHead, LinearHead, PooledHead
from mstasks.network import HeadFactory, Network, build_network
from mstasks.predictors import network_predictor
from mstasks.recipe.model import Backbone, Decoder


class Doubling(Task):
    """Decodes to twice the raw value."""

    kind = TargetKind.SCALAR_MAP
    channels = 1

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return prediction.flatten(1).mean(1)

    def decode(self, prediction: Tensor) -> Tensor:
        return 2 * prediction

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {"x": PooledMean(lambda p, t: p, higher_is_better=True, best_value=1.0)}


class Facts(Doubling):
    kind = TargetKind.ATTRIBUTES
    channels = 2


DENSE = BoundTask("new", Doubling(TargetInfo(TargetKind.SCALAR_MAP)), "map")
FACTS = BoundTask("new", Facts(TargetInfo(TargetKind.ATTRIBUTES, ("a", "b"))), "facts")
FACTORIES: dict[str, tuple[BoundTask, HeadFactory]] = {
    "linear": (DENSE, lambda info: LinearHead(info, 1)),
    "decoder": (DENSE, lambda info: DecoderHead(info, 1)),
    "pooled": (FACTS, lambda info: PooledHead(info, 2)),
}


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    heads = {"old": lambda info: DenseHead(info, 1)}
    return build_network(Backbone(model="test_resnet"), Decoder(width=8), (32, 48), heads)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 32, 48), dtype=torch.uint8, generator=generator)
    labels = {
        "map": Target(torch.rand(2, 1, 20, 31, generator=generator), torch.ones(2, 1, 20, 31, dtype=torch.bool)),
        "facts": Target(torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool)),
    }
    return Batch(("a", "b"), images, labels)


@pytest.mark.parametrize("name", FACTORIES)
def test_a_foreign_head_predicts_as_it_would_in_the_network(network: Network, batch: Batch, name: str) -> None:
    bound, factory = FACTORIES[name]
    head = factory(network.info)
    with_it = copy.deepcopy(network)
    with_it.heads["new"] = head
    found = head_predictor(network, head, bound)(batch)
    expected = network_predictor(with_it, {"new": bound})(batch)
    assert list(found) == list(expected) == ["new"]
    assert torch.equal(found["new"], expected["new"])
    assert found["new"].shape == (batch.targets[bound.target].value.shape)
    assert not found["new"].requires_grad


def test_the_prediction_is_resized_to_the_labels_and_decoded(network: Network, batch: Batch) -> None:
    head = LinearHead(network.info, 1)
    copied = copy.deepcopy(network).eval()
    with torch.no_grad():
        raw = head(copied.features(batch.images / 255))
        large = torch.nn.functional.interpolate(raw, size=(20, 31), mode="bilinear", align_corners=False)
    torch.testing.assert_close(head_predictor(network, head, DENSE)(batch)["new"], 2 * large)


def test_nothing_but_the_head_runs_and_modes_come_back(network: Network, batch: Batch) -> None:
    watched = copy.deepcopy(network).train()
    watched.trunk.eval()  # type: ignore[union-attr]
    ran: list[str] = []
    watched.heads["old"].register_forward_hook(lambda *_: ran.append("old"))
    head = DecoderHead(network.info, 1).train()
    modes = [module.training for module in (*watched.modules(), *head.modules())]
    before = {name: value.clone() for name, value in [*watched.state_dict().items(), *head.state_dict().items()]}
    head_predictor(watched, head, DENSE)(batch)
    after = dict([*watched.state_dict().items(), *head.state_dict().items()])
    assert ran == []
    assert [module.training for module in (*watched.modules(), *head.modules())] == modes
    torch.testing.assert_close(after, before, rtol=0, atol=0)  # norm statistics too


def test_bfloat16_comes_close(network: Network, batch: Batch) -> None:
    head = LinearHead(network.info, 1)
    exact, rough = (head_predictor(network, head, DENSE, precision)(batch)["new"] for precision in PRECISIONS)
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, rtol=0.1, atol=0.02)


PRECISIONS = ("float32", "bfloat16")


def test_the_trivial_predictor_gives_its_map_to_every_image(batch: Batch) -> None:
    trivial = torch.rand(1, 20, 31)
    found = trivial_predictor(trivial, DENSE)(batch)
    assert list(found) == ["new"]
    assert torch.equal(found["new"], trivial.expand(2, -1, -1, -1))
    prior = torch.tensor([0.25, 0.75])
    assert torch.equal(trivial_predictor(prior, FACTS)(batch)["new"], prior.expand(2, -1))
