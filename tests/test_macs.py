"""Counting multiply-accumulates against hand-computed values."""

from __future__ import annotations

import copy

import torch
from torch import nn

from mstasks.backbone import build_backbone
from mstasks.heads import ASPPHead, DenseHead, PooledHead
from mstasks.macs import Cost, count_macs, network_cost, total_cost
from mstasks.network import Network
from mstasks.recipe.model import Backbone


def small_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),  # 10x14 -> 5x7
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 4, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    )


BY_HAND = 5 * 7 * (8 * 3 * 9 + 8 * 9 + 4 * 8) + 4 * 5


def test_a_small_net_costs_what_pen_and_paper_say() -> None:
    assert count_macs(small_net(), (10, 14)) == BY_HAND
    assert count_macs(small_net(), (10, 14), batch=3) == 3 * BY_HAND


def test_counting_on_the_meta_device_computes_nothing_and_agrees() -> None:
    with torch.device("meta"):
        net = small_net()
    assert count_macs(net, (10, 14)) == BY_HAND


def test_counting_leaves_the_module_as_it_was() -> None:
    net = small_net().train()
    net[1].eval()  # a frozen norm layer in a net in training
    before = copy.deepcopy(net.state_dict())
    count_macs(net, (10, 14))
    assert [part.training for part in net] == [True, False, True, True, True, True, True, True]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_attention_is_counted() -> None:
    """A transformer block: 12 n d^2 for its matrices and 2 n^2 d for attention, n tokens of d channels."""
    backbone = build_backbone("vit_tiny_patch16_224", "random", (96, 96))
    patches, width, depth = 36, 192, 12
    tokens = patches + 1
    blocks = depth * (12 * tokens * width**2 + 2 * tokens**2 * width)
    assert count_macs(backbone, (96, 96)) == patches * width * 3 * 16**2 + blocks


def test_the_parts_of_a_network_add_up_to_the_whole() -> None:
    heads = {
        "depth": lambda info: DenseHead(info, 1),
        "seg": lambda info: ASPPHead(info, 4),
        "facts": lambda info: PooledHead(info, 3),
    }
    settings = Backbone(model="mobilenetv3_small_050")
    network = Network(build_backbone(settings.model, settings.weights, (64, 96)), heads)
    costs = network_cost(network, (64, 96))
    assert list(costs) == ["backbone", "trunk", "heads.depth", "heads.seg", "heads.facts"]
    whole = Cost(sum(value.numel() for value in network.parameters()), count_macs(network, (64, 96)))
    assert total_cost(costs) == whole
    assert costs["heads.facts"] == Cost(3 * (24 + 288 + 1), 3 * (24 + 288))


def test_a_network_without_a_trunk_has_no_cost_for_it() -> None:
    backbone = build_backbone("mobilenetv3_small_050", "random", (64, 64))
    network = Network(backbone, {"facts": lambda info: PooledHead(info, 3)})
    assert list(network_cost(network, (64, 64))) == ["backbone", "heads.facts"]
