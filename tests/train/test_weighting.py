from __future__ import annotations

import math

import pytest
import torch

from mstasks.train.weighting import FixedWeighting, UncertaintyWeighting, objective

LOSSES = {"one": torch.tensor(2.0), "two": torch.tensor(0.5)}
BOTH = {"one": torch.tensor(4), "two": torch.tensor(4)}


def test_fixed_is_the_weighted_sum() -> None:
    total = objective(LOSSES, BOTH, FixedWeighting({"one": 3.0, "two": 10.0}))
    assert total.item() == pytest.approx(3 * 2 + 10 * 0.5)


def test_uncertainty_starts_as_the_plain_sum() -> None:
    assert objective(LOSSES, BOTH, UncertaintyWeighting({"one": 1.0, "two": 1.0})).item() == pytest.approx(2.5)


def test_uncertainty_is_smallest_where_the_variance_is_twice_the_loss() -> None:
    # d/ds [exp(-s) L + s / 2] = 0  <=>  exp(s) = 2 L
    weighting = UncertaintyWeighting({"one": 1.0, "two": 1.0})
    optimizer = torch.optim.LBFGS(weighting.parameters(), max_iter=100, tolerance_grad=1e-9)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = objective(LOSSES, BOTH, weighting)
        loss.backward()
        return loss

    optimizer.step(closure)
    expected = torch.tensor([math.log(4.0), math.log(1.0)])
    torch.testing.assert_close(weighting.log_variance.detach(), expected, atol=1e-3, rtol=0)


def test_a_task_without_labels_moves_no_uncertainty() -> None:
    weighting = UncertaintyWeighting({"one": 1.0, "two": 1.0})
    losses = {"one": torch.tensor(2.0), "two": torch.tensor(0.0)}
    objective(losses, {"one": torch.tensor(3), "two": torch.tensor(0)}, weighting).backward()
    assert weighting.log_variance.grad is not None
    assert weighting.log_variance.grad[0] != 0
    assert weighting.log_variance.grad[1] == 0


def test_shares_of_micro_batches_add_up_to_the_whole() -> None:
    weighting = UncertaintyWeighting({"one": 1.0, "two": 1.0})
    with torch.no_grad():
        weighting.log_variance.copy_(torch.tensor([0.3, -1.2]))
    whole = objective(LOSSES, BOTH, weighting)
    half = {name: loss / 2 for name, loss in LOSSES.items()}
    parts = objective(half, BOTH, weighting, share=0.5) + objective(half, BOTH, weighting, share=0.5)
    torch.testing.assert_close(parts, whole)
