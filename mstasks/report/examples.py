"""The images that a report shows, with labels and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.errors import UsageError
from mstasks.experiment import Experiment
from mstasks.network import Network
from mstasks.predictors import network_predictor


@dataclass(frozen=True, slots=True)
class Answer:
    """What one task says about one image, on the CPU, without the batch dimension.

    Attributes:
        bound: The task.
        value: The label.
        valid: Where it exists.
        prediction: Decoded, dense ones at the label's size.
    """

    bound: BoundTask
    value: Tensor
    valid: Tensor
    prediction: Tensor


@dataclass(frozen=True, slots=True)
class Example:
    """One image with all answers.

    Attributes:
        id: Of the image.
        pixels: RGB, shape (height, width, 3).
        answers: By task.
    """

    id: str
    pixels: NDArray[np.uint8]
    answers: Mapping[str, Answer]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which test images to show.

    Attributes:
        ids: These; if there are none, the first ones of the split.
        count: So many of them; None for as many as the recipe's `run.pictures` says.
    """

    ids: tuple[str, ...] = ()
    count: int | None = None

    def of(self, experiment: Experiment) -> list[str]:
        """The chosen ids.

        Raises:
            UsageError: If one of them is no test image.
        """
        there = experiment.ids("test")
        if not self.ids:
            return list(there[: experiment.recipe.run.pictures if self.count is None else self.count])
        known = set(there)
        for id in self.ids:
            if id not in known:
                raise UsageError(
                    f"--image {id}: none of the {len(there)} test images has that id; "
                    f"they are in splits.json of the run, such as {there[0]}."
                )
        return list(dict.fromkeys(self.ids))


def read_examples(experiment: Experiment, network: Network, ids: Sequence[str]) -> list[Example]:
    """Test images with what the network says about them, in the order of the ids."""
    if not ids:
        return []
    predict = network_predictor(network, experiment.tasks, experiment.recipe.optim.precision)
    examples: dict[str, Example] = {}
    for batch in experiment.batches("test", ids):
        decoded = predict(batch.to(experiment.device))
        images = batch.images.permute(0, 2, 3, 1).numpy()
        labels = {name: bound.labels(batch.targets) for name, bound in experiment.tasks.items()}
        for index, id in enumerate(batch.ids):
            answers = {
                name: Answer(bound, labels[name].value[index], labels[name].valid[index], decoded[name][index].cpu())
                for name, bound in experiment.tasks.items()
            }
            examples[id] = Example(id, images[index], answers)
    return [examples[id] for id in ids]


def merged(parts: Sequence[Sequence[Example]]) -> list[Example]:
    """The answers of several networks about the same images together, as a `single-task` parent has them."""
    return [
        Example(same[0].id, same[0].pixels, {name: answer for each in same for name, answer in each.answers.items()})
        for same in zip(*parts, strict=True)
    ]
