from __future__ import annotations

import pytest
import torch
from torch import nn

from mstasks.modes import evaluating


def test_every_part_comes_back_in_its_own_mode_whatever_happens() -> None:
    module = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(), nn.Sequential(nn.BatchNorm2d(3))).train()
    module[0].eval()  # as a norm whose statistics are frozen
    modes = [part.training for part in module.modules()]

    def look() -> None:
        with evaluating(module):
            assert not any(part.training for part in module.modules())
            assert not torch.is_grad_enabled()
            raise KeyError

    with pytest.raises(KeyError):
        look()
    assert [part.training for part in module.modules()] == modes == [True, False, True, True, True]
    assert torch.is_grad_enabled()
