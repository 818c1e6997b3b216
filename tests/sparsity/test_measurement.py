"""How several tasks' saliencies become one."""

from __future__ import annotations

import torch

from mstasks.sparsity.measurement import combine

SHARES = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.1, 0.7], [0.0, 0.0, 0.0]], dtype=torch.float64)


def test_the_maximum_keeps_what_any_task_needs() -> None:
    assert combine(SHARES).tolist() == [0.5, 0.5, 0.7]


def test_the_mean_leaves_out_tasks_that_were_not_measured() -> None:
    torch.testing.assert_close(combine(SHARES, "mean"), torch.tensor([0.35, 0.3, 0.35], dtype=torch.float64))
