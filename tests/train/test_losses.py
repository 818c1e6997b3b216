from __future__ import annotations

import pytest
import torch

from mstasks import Target
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.train.losses import resize_prediction, task_losses


def test_totals_and_counts_match_a_loop_over_examples(tasks: dict[str, BoundTask], batch: Batch) -> None:
    prediction = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    sums = task_losses({"one": prediction, "two": prediction}, batch.targets, tasks)
    for name in tasks:
        expected, labelled = 0.0, 0
        for index in range(len(batch)):
            valid = batch.targets[name].valid[index]
            if valid.any():
                error = (prediction[index] - batch.targets[name].value[index]) ** 2
                expected += float(error[valid].mean())
                labelled += 1
        assert float(sums[name].total) == pytest.approx(expected, rel=1e-5)
        assert int(sums[name].count) == labelled
    assert int(sums["two"].count) == 3


def test_a_prediction_is_resized_bilinearly_to_the_labels() -> None:
    coarse = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    labels = Target(torch.zeros(1, 4, 4, dtype=torch.long), torch.ones(1, 4, 4, dtype=torch.bool))
    fine = resize_prediction(coarse, labels)
    assert fine.shape == (1, 1, 4, 4)
    assert fine[0, 0, 0].tolist() == pytest.approx([0.0, 0.25, 0.75, 1.0])


def test_a_vector_prediction_is_left_alone() -> None:
    labels = Target(torch.zeros(2, 5), torch.ones(2, 5, dtype=torch.bool))
    prediction = torch.randn(2, 5)
    assert resize_prediction(prediction, labels) is prediction


def test_a_loss_of_the_wrong_shape_is_explained(
    tasks: dict[str, BoundTask], batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(tasks["one"].task), "loss", lambda self, p, t: (p - t.value).mean())
    predictions = {name: torch.zeros(6, 1, 8, 8) for name in tasks}
    with pytest.raises(ValueError, match=r"loss of task 'one' must have shape \(6,\). Found \(\)"):
        task_losses(predictions, batch.targets, tasks)


def test_a_careless_loss_never_sees_what_is_not_labelled(
    tasks: dict[str, BoundTask], batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 0 / 0 for an example without a valid pixel: its gradient would be NaN even if the value were masked afterwards.
    def careless(self: object, prediction: torch.Tensor, target: Target) -> torch.Tensor:
        error = (prediction - target.value) ** 2 * target.valid
        return error.flatten(1).sum(1) / target.valid.flatten(1).sum(1)

    prediction = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1), requires_grad=True)
    careful = task_losses({"two": prediction}, batch.targets, {"two": tasks["two"]})["two"]
    (expected,) = torch.autograd.grad(careful.total, prediction)
    monkeypatch.setattr(type(tasks["two"].task), "loss", careless)
    loss = task_losses({"two": prediction}, batch.targets, {"two": tasks["two"]})["two"]
    (found,) = torch.autograd.grad(loss.total, prediction)
    torch.testing.assert_close(found, expected)
    nothing = Target(batch.targets["two"].value, torch.zeros_like(batch.targets["two"].valid))
    loss = task_losses({"two": prediction}, {"two": nothing}, {"two": tasks["two"]})["two"]
    (found,) = torch.autograd.grad(loss.total, prediction)
    assert loss.total == 0
    assert not found.any()
