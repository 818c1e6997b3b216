"""The decoder trunk: sizes, cost, and channels that can be removed."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from mstasks.backbone import build_backbone
from mstasks.macs import count_macs
from mstasks.trunk import Trunk

CHANNELS, STRIDES = (4, 6, 8, 10, 12), (2, 4, 8, 16, 32)


def maps_of(
    size: tuple[int, int], channels: Sequence[int] = CHANNELS, strides: Sequence[int] = STRIDES
) -> list[Tensor]:
    return [
        torch.randn(2, count, -(-size[0] // stride), -(-size[1] // stride))
        for count, stride in zip(channels, strides, strict=True)
    ]


def with_random_norms(module: nn.Module) -> nn.Module:
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.normal_(part.weight)
            nn.init.normal_(part.bias)
    return module


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (33, 31)])
def test_the_output_has_stride_four_for_any_size(size: tuple[int, int]) -> None:
    out = Trunk(CHANNELS, STRIDES, 16)(maps_of(size))
    assert out.shape == (2, 16, -(-size[0] // 4), -(-size[1] // 4))
    assert out.min() >= 0


def test_equal_strides_are_fused() -> None:
    strides = (2, 4, 8, 8, 8)
    assert Trunk(CHANNELS, strides, 16)(maps_of((64, 96), strides=strides)).shape == (2, 16, 16, 24)


@pytest.mark.parametrize("stride", [8, 14, 16])
def test_a_coarse_backbone_is_upsampled_to_stride_four(stride: int) -> None:
    channels, strides = (5, 5), (stride, stride)
    trunk = Trunk(channels, strides, 16)
    cells = 4
    out = trunk([torch.randn(2, 5, cells, 2 * cells) for _ in channels])
    assert trunk.stride == 4
    assert out.shape[-2:] == (cells * stride // 4, 2 * cells * stride // 4)


def test_maps_finer_than_stride_four_are_not_read() -> None:
    trunk, maps = Trunk(CHANNELS, STRIDES, 16).eval(), maps_of((64, 64))
    changed = [torch.full_like(maps[0], 9.0), *maps[1:]]
    assert torch.equal(trunk(maps), trunk(changed))


@pytest.mark.parametrize("index", [1, 2, 3, 4])
def test_every_coarser_map_is_read(index: int) -> None:
    trunk, maps = Trunk(CHANNELS, STRIDES, 16).eval(), maps_of((64, 64))
    changed = [level + 1 if position == index else level for position, level in enumerate(maps)]
    assert not torch.equal(trunk(maps), trunk(changed))


def test_a_backbone_without_a_map_to_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a backbone map of stride 4 or more\. Found strides \(1, 2\)"):
        Trunk((3, 3), (1, 2))


def test_it_costs_no_more_than_the_light_backbone_below_it() -> None:
    size = (96, 128)
    backbone = build_backbone("tf_efficientnet_lite0", "random", size).eval()
    whole = nn.Sequential(backbone, Trunk(backbone.channels, backbone.strides))
    below = count_macs(backbone, size)
    assert below == pytest.approx(89e6, rel=0.01)
    assert count_macs(whole, size) - below <= below


def test_the_coarsest_map_reaches_every_place() -> None:
    trunk, maps = Trunk(CHANNELS, STRIDES, 16).eval(), maps_of((64, 64))
    changed = [*maps[:-1], maps[-1] + 1]
    difference = (trunk(maps) - trunk(changed)).abs().amax(dim=(0, 1))
    assert (difference > 0).all()


def keep(module: nn.Conv2d | nn.BatchNorm2d, kept: Tensor, dim: int = 0) -> None:
    """Keep some output (dim 0) or input (dim 1) channels of a module."""
    for name in ("weight", "bias", "running_mean", "running_var"):
        value = getattr(module, name, None)
        if value is not None and value.dim() > dim:
            with torch.no_grad():
                value.set_(value.index_select(dim, kept).clone())
    if isinstance(module, nn.BatchNorm2d):
        module.num_features = len(kept)
    elif module.groups > 1:
        module.groups = module.in_channels = module.out_channels = len(kept)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_channels_that_are_zero_can_be_removed_with_equal_outputs(level: int) -> None:
    """A level's space is closed by one ReLU: its producers are a lateral and the smoothing of the coarser level."""
    trunk = with_random_norms(Trunk(CHANNELS, STRIDES, 16)).eval()
    maps, dead = maps_of((65, 97)), torch.tensor([2, 5, 11])
    alive = torch.tensor([channel for channel in range(16) if channel not in dead])
    producers = [list(trunk.laterals[level])] + ([list(trunk.smooth[level + 1])] if level < 3 else [])
    with torch.no_grad():
        for *_, convolution, norm in producers:
            for value in (convolution.weight, norm.weight, norm.bias):
                value[dead] = 0
    expected = trunk(maps)
    smaller = copy.deepcopy(trunk)
    for *_, convolution, norm in [smaller.laterals[level]] + ([smaller.smooth[level + 1]] if level < 3 else []):
        keep(convolution, alive)
        keep(norm, alive)
    depthwise, mixing, _ = smaller.smooth[level]
    keep(depthwise, alive)
    keep(mixing, alive, dim=1)
    assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in trunk.parameters())
    torch.testing.assert_close(smaller(maps), expected, atol=1e-5, rtol=1e-5)
