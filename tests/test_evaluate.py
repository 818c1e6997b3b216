from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import pytest
import torch
from torch import Tensor

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.evaluate import TaskScores, evaluate, score_constants, score_predictors, selection_score
from mstasks.heads import DenseHead, PooledHead
from mstasks.network import Network, build_network
from mstasks.predictors import network_predictor
from mstasks.recipe.model import Backbone, Decoder


def scores(value: float, constant: float, best: float) -> TaskScores:
    return TaskScores("m", best > 0, best, {"m": value}, {"m": constant})


@pytest.mark.parametrize(
    ("value", "constant", "best", "expected"),
    [
        (0.75, 0.5, 1.0, 0.5),  # accuracy: half way
        (20.0, 40.0, 0.0, 0.5),  # error: half way
        (40.0, 40.0, 0.0, 0.0),  # no better than the constant
        (60.0, 40.0, 0.0, -0.5),  # worse
        (500.0, 40.0, 0.0, -1.0),  # clipped
        (math.nan, math.nan, 0.0, 0.0),  # nothing was valid
        (math.nan, 40.0, 0.0, -1.0),  # the prediction is not finite: the worst there is
        (0.5, 1.0, 1.0, 0.0),  # the constant is perfect: no gap to close
    ],
)
def test_the_share_of_the_gap_closed(value: float, constant: float, best: float, expected: float) -> None:
    assert scores(value, constant, best).gap_closed == pytest.approx(expected)


def test_selection_averages_over_tasks() -> None:
    assert selection_score({"a": scores(0.75, 0.5, 1.0), "b": scores(40.0, 40.0, 0.0)}) == pytest.approx(0.25)


CPU = torch.device("cpu")


class Tripled(Task):
    """Decodes to three times the raw value; scored by its absolute and its squared error."""

    def __init__(self, kind: TargetKind, channels: int) -> None:
        names = ("m", "n") if kind is TargetKind.ATTRIBUTES else ()
        super().__init__(TargetInfo(kind, names))
        self.kind, self.channels = kind, channels

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return prediction.flatten(1).mean(1)

    def decode(self, prediction: Tensor) -> Tensor:
        return 3 * prediction

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {
            "abs": PooledMean(lambda p, t: (p - t.value).abs(), higher_is_better=False, best_value=0.0),
            "square": PooledMean(lambda p, t: (p - t.value) ** 2, higher_is_better=False, best_value=0.0),
        }


TASKS = {
    "map": BoundTask("map", Tripled(TargetKind.SCALAR_MAP, 1), "scalars"),
    "facts": BoundTask("facts", Tripled(TargetKind.ATTRIBUTES, 2), "attributes"),
}


def batches(sizes: tuple[int, ...] = (3, 2)) -> list[Batch]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for size in sizes:
        images = torch.randint(0, 256, (size, 3, 32, 48), dtype=torch.uint8, generator=generator)
        targets = {
            "scalars": Target(
                torch.rand(size, 1, 20, 31, generator=generator), torch.rand(size, 1, 20, 31, generator=generator) < 0.7
            ),
            "attributes": Target(
                torch.rand(size, 2, generator=generator), torch.rand(size, 2, generator=generator) < 0.7
            ),
        }
        found.append(Batch(tuple(str(index) for index in range(size)), images, targets))
    return found


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    heads = {"map": lambda info: DenseHead(info, 1), "facts": lambda info: PooledHead(info, 2)}
    return build_network(Backbone(model="test_resnet"), Decoder(width=8), (32, 48), heads)


def errors(network: Network) -> dict[str, list[Tensor]]:
    """Absolute error of every valid element of each task, from a pass of its own."""
    network.eval()
    found: dict[str, list[Tensor]] = {name: [] for name in TASKS}
    for batch in batches():
        with torch.no_grad():
            raw = network(batch.images / 255)
        raw["map"] = torch.nn.functional.interpolate(raw["map"], (20, 31), mode="bilinear", align_corners=False)
        for name, bound in TASKS.items():
            labels = batch.targets[bound.target]
            found[name].append((3 * raw[name] - labels.value).abs()[labels.valid].double())
    return found


def test_a_network_is_scored_over_all_valid_elements_of_the_split(network: Network) -> None:
    expected = {name: torch.cat(parts) for name, parts in errors(network).items()}
    found = evaluate(network, TASKS, batches(), {"map": {"abs": 2.0}}, CPU)
    assert list(found) == ["map", "facts"]
    for name, task in found.items():
        assert (task.primary, task.higher_is_better, task.best_value) == ("abs", False, 0.0)
        assert task.directions == {"abs": False, "square": False}
        assert task.values["abs"] == pytest.approx(expected[name].mean().item(), rel=1e-5)
        assert task.values["square"] == pytest.approx(expected[name].square().mean().item(), rel=1e-5)
    assert found["map"].constant == {"abs": 2.0}
    assert found["facts"].constant == {}


def test_scoring_leaves_every_part_of_the_network_in_the_mode_it_was_in(network: Network) -> None:
    network.train()
    network.backbone.eval()  # as when its norm statistics are frozen
    modes = [module.training for module in network.modules()]
    evaluate(network, TASKS, batches(), {}, CPU)
    assert [module.training for module in network.modules()] == modes
    assert True in modes
    assert False in modes


def test_the_constant_predictor_is_scored_by_the_tasks_own_metrics() -> None:
    constants = {"map": torch.tensor([0.25]), "facts": torch.tensor([0.5, 0.75])}
    found = score_constants(TASKS, constants, batches())
    for name, bound in TASKS.items():
        labels = [batch.targets[bound.target] for batch in batches()]
        offsets = [
            (label.value - constants[name].view(1, -1, *[1] * (label.value.dim() - 2)))[label.valid] for label in labels
        ]
        assert found[name]["abs"] == pytest.approx(torch.cat(offsets).abs().mean().item(), rel=1e-5)


def test_several_predictors_are_scored_in_one_pass_as_each_would_be_alone(network: Network) -> None:
    reads = 0

    def counted() -> Iterator[Batch]:
        nonlocal reads
        for batch in batches():
            reads += 1
            yield batch

    def perfect(batch: Batch) -> dict[str, Tensor]:
        return {"facts": batch.targets["attributes"].value, "unheard of": torch.zeros(1)}

    def far(batch: Batch) -> dict[str, Tensor]:
        return {name: batch.targets[bound.target].value + 2.0 for name, bound in reversed(TASKS.items())}

    predictors = {"network": network_predictor(network, TASKS), "perfect": perfect, "far": far}
    found = score_predictors(predictors, TASKS, counted(), {}, CPU)
    assert reads == 2
    assert {name: list(scores) for name, scores in found.items()} == {
        "network": ["map", "facts"],
        "perfect": ["facts"],
        "far": ["map", "facts"],
    }
    assert found["perfect"]["facts"].values["abs"] == 0
    assert found["far"]["map"].values == pytest.approx({"abs": 2.0, "square": 4.0})
    assert found["network"] == evaluate(network, TASKS, batches(), {}, CPU)


def test_predictors_need_no_gradients_and_get_none(network: Network) -> None:
    asked: list[bool] = []

    def predict(batch: Batch) -> dict[str, Tensor]:
        asked.append(torch.is_grad_enabled())
        return {"facts": batch.targets["attributes"].value}

    score_predictors({"any": predict}, TASKS, batches(), {}, CPU)
    assert asked == [False, False]
