"""The measure of difference is relative to the first network's predictions, and does not overlook what is not finite."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mstasks.equality import IMAGES, largest_difference, probes
from mstasks.experiment import Experiment
from mstasks.recipe import load_recipe


class Says(nn.Module):
    """Predicts the same whatever the image."""

    def __init__(self, **predictions: list[float]) -> None:
        super().__init__()
        self.predictions = {task: torch.tensor(values) for task, values in predictions.items()}

    def forward(self, _: Tensor) -> dict[str, Tensor]:
        return self.predictions


BATCHES = [torch.zeros(1, 3, 4, 4)] * 2


def test_each_task_is_measured_against_its_own_largest_value() -> None:
    first = Says(depth=[1.0, -4.0], edges=[0.5, 0.25], same=[0.0, 3.0])
    second = Says(depth=[1.0, -3.0], edges=[0.5, 0.5], same=[0.0, 3.0])
    assert largest_difference(first, second, BATCHES) == {"depth": 0.25, "edges": 0.5, "same": 0.0}


def test_zeros_equal_zeros_and_nothing_else() -> None:
    assert largest_difference(Says(depth=[0.0]), Says(depth=[0.0]), BATCHES) == {"depth": 0.0}
    assert largest_difference(Says(depth=[0.0]), Says(depth=[1e-6]), BATCHES) == {"depth": math.inf}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_never_equal(value: float) -> None:
    for first, second in (([1.0], [value]), ([value], [1.0]), ([value], [value])):
        (found,) = largest_difference(Says(depth=first), Says(depth=second), BATCHES).values()
        assert not found <= 1.0


def test_a_difference_in_the_first_batch_is_not_forgotten() -> None:
    class Bright(nn.Module):
        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"depth": images.mean().view(1) + 1}

    batches = [torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)]
    assert largest_difference(Bright(), Says(depth=[1.0]), batches) == {"depth": 0.5}


def test_the_images_are_real_and_of_several_sizes_and_batches(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "name: r\ndata: {dataset: scenes, size: [48, 64], train: 4, val: 2, test: 9, batch_size: 3}\n"
        "backbone: {model: mobilenetv3_small_050}\ntasks: {depth: {}}\noptim: {steps: 1}\n"
    )
    experiment = Experiment(load_recipe(tmp_path / "r.yaml"))
    batches = list(probes(experiment))
    assert [tuple(images.shape) for images in batches] == [(IMAGES, 3, 48, 64), (1, 3, 48, 64), (2, 3, 80, 128)]
    first = next(iter(experiment.batches("test"))).images
    torch.testing.assert_close(batches[0][:3], first.float() / 255, rtol=0, atol=1e-6)
