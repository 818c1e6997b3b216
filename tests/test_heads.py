"""The ready heads: what they read, their shapes, their cost and where they start."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mstasks.features import FeatureInfo, Features
from mstasks.heads import ASPPHead, DecoderHead, DenseHead, Head, LinearHead, PooledHead, aspp_rates
from mstasks.trunk import Trunk

INFO = FeatureInfo(trunk_channels=64, trunk_stride=4, channels=(8, 16, 32), strides=(4, 8, 16))
HEADS: list[type[Any]] = [DenseHead, LinearHead, DecoderHead, ASPPHead, PooledHead]


def features(size: tuple[int, int] = (96, 128), batch: int = 2, info: FeatureInfo = INFO) -> Features:
    torch.manual_seed(0)
    height, width = size

    def level(channels: int, stride: int) -> Tensor:
        return torch.rand(batch, channels, height // stride, width // stride)

    backbone = [level(*shape) for shape in zip(info.channels, info.strides, strict=True)]
    return Features(level(info.trunk_channels, info.trunk_stride), backbone)


def macs(head: nn.Module, given: Features) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        head.eval()(given)
    return counter.get_total_flops() / 2


@pytest.mark.parametrize(
    ("head", "shape"),
    [
        (DenseHead, (5, 24, 32)),
        (LinearHead, (5, 24, 32)),
        (DecoderHead, (5, 24, 32)),
        (ASPPHead, (5, 6, 8)),
        (PooledHead, (5,)),
    ],
)
def test_predictions_have_the_resolution_of_what_is_read(head: type[Any], shape: tuple[int, ...]) -> None:
    assert head(INFO, 5)(features()).shape == (2, *shape)


def test_only_heads_on_the_trunk_read_it() -> None:
    given = features()
    without = Features(None, given.backbone)
    assert [head.reads_trunk for head in HEADS] == [True, True, False, False, False]
    assert all(issubclass(head, Head) for head in HEADS)
    for head in (DecoderHead, ASPPHead, PooledHead):
        built = head(INFO, 5).eval()
        assert torch.equal(built(given), built(without))
    for head in (DenseHead, LinearHead):
        with pytest.raises(ValueError, match=rf"`{head.__name__}` reads the trunk, but `Features.trunk` is None"):
            head(INFO, 5)(without)


def test_the_light_block_costs_seven_million_macs_and_the_full_one_fifty_seven() -> None:
    given = features(batch=1)
    last = 64 * 24 * 32
    assert macs(DenseHead(INFO, 1), given) - last == pytest.approx(7.18e6, rel=0.01)
    assert macs(DenseHead(INFO, 1, block="full"), given) - last == pytest.approx(56.6e6, rel=0.01)


@pytest.mark.parametrize("head", [DenseHead, DecoderHead])
def test_an_unknown_block_is_refused(head: type[Any]) -> None:
    with pytest.raises(ValueError, match=r"`block` must be 'separable' or 'full'\. Found 'dense'"):
        head(INFO, 1, block="dense")


def test_the_linear_head_is_linear_in_the_trunk_at_each_pixel() -> None:
    head, given = LinearHead(INFO, 5), features()
    assert given.trunk is not None
    weight, bias = head.predict.weight.flatten(1), head.predict.bias
    assert bias is not None
    expected = torch.einsum("oc,bchw->bohw", weight, given.trunk) + bias.view(1, 5, 1, 1)
    torch.testing.assert_close(head(given), expected)
    assert sum(parameter.numel() for parameter in head.parameters()) == 5 * 64 + 5


@pytest.mark.parametrize("block", ["separable", "full"])
def test_the_decoder_head_is_a_trunk_with_a_dense_head_behind_it(block: Any) -> None:
    given = features()
    decoder = DecoderHead(INFO, 5, block).eval()
    trunk, dense = Trunk(INFO.channels, INFO.strides, INFO.trunk_channels).eval(), DenseHead(INFO, 5, block).eval()
    state = decoder.state_dict()
    trunk.load_state_dict({k.removeprefix("trunk."): v for k, v in state.items() if k.startswith("trunk.")})
    dense.load_state_dict({k: v for k, v in state.items() if not k.startswith("trunk.")})
    expected = dense(Features(trunk(given.backbone), given.backbone))
    assert torch.equal(decoder(given), expected)


@pytest.mark.parametrize("head", HEADS)
def test_any_number_of_channels_may_be_left(head: type[Any]) -> None:
    """As after the removal of dead channels."""
    info = FeatureInfo(trunk_channels=13, trunk_stride=4, channels=(3, 1, 7), strides=(4, 8, 16))
    assert head(info, 2).eval()(features((32, 48), info=info)).shape[:2] == (2, 2)


@pytest.mark.parametrize("head", HEADS)
def test_first_predictions_are_near_the_bias(head: type[Any]) -> None:
    built = head(INFO, 5).train()
    with torch.no_grad():
        built.predict.bias.copy_(torch.tensor([-3.0, 0.0, 1.0, 2.0, 30.0]))
        out = built(features())
    distance = out - built.predict.bias.view(1, 5, *[1] * (out.dim() - 2))
    assert 0 < distance.abs().max() < 0.7


@pytest.mark.parametrize("head", HEADS)
def test_a_batch_of_one_trains(head: type[Any]) -> None:
    given = features((32, 48), batch=1)
    built = head(INFO, 5).train()
    built(given).square().mean().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in built.parameters())


def test_atrous_rates_follow_the_paper_and_the_stride() -> None:
    assert aspp_rates(16) == (6, 12, 18)
    assert aspp_rates(8) == (12, 24, 36)
    assert aspp_rates(32) == (3, 6, 9)
    assert aspp_rates(512) == (1, 2, 3)
    for stride in (8, 16):
        info = FeatureInfo(64, 4, (8, 16), (4, stride))
        dilations = {part.dilation[0] for part in ASPPHead(info, 2).modules() if isinstance(part, nn.Conv2d)}
        assert dilations == {1, *aspp_rates(stride)}


def test_the_image_branch_of_aspp_sees_the_whole_image() -> None:
    """Beyond the reach of the widest 3x3 a change of one corner still moves the opposite corner."""
    info = FeatureInfo(64, 4, (8,), (16,))
    head = ASPPHead(info, 2).eval()
    level = torch.rand(1, 8, 48, 48)
    changed = level.clone()
    changed[..., 0, 0] += 100.0
    difference = head(Features(None, [level])) - head(Features(None, [changed]))
    assert difference[..., -1, -1].abs().max() > 0


def test_the_pooled_head_is_linear_in_the_averages_of_the_last_two_maps() -> None:
    head, given = PooledHead(INFO, 5), features()
    weight, bias = head.predict.weight, head.predict.bias
    averages = torch.cat([level.flatten(2).sum(-1) / level[0, 0].numel() for level in given.backbone[-2:]], dim=1)
    torch.testing.assert_close(head(given), averages @ weight.T + bias)


def test_no_head_ties_its_output_to_its_input() -> None:
    """A zero trunk channel contributes nothing to a dense prediction, so the trunk can lose it without the head's help."""
    head, given = DenseHead(INFO, 5).eval(), features()
    assert given.trunk is not None
    given.trunk[:, 7] = 0
    expected = head(given)
    with torch.no_grad():
        head.block.first[0].weight[7] = 100.0
        head.block.first[1].weight[:, 7] = 100.0
    assert torch.equal(head(given), expected)
