"""Saliency at the gates equals that of explicit gates, example by example."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch
from saliency_lab import HEADS, images_of, measure_of, measured, per_example
from torch import Tensor, nn

from mstasks.heads import DenseHead
from mstasks.network import Network
from mstasks.sparsity.spaces import Spaces

Place = tuple[str, int | None]  # a module, and which of its calls; None for all


def by_explicit_gates(
    network: Network, places: Mapping[str, Sequence[Place]], sizes: Mapping[str, int], images: Tensor
) -> dict[str, dict[str, Tensor]]:
    """Gradients with respect to factors of one on the results of modules: by task and space, shape (examples, size)."""
    found: dict[str, dict[str, list[Tensor]]] = {task: {name: [] for name in places} for task in network.heads}
    for image in torch.split(images, 1):
        gates = {name: torch.ones(sizes[name], dtype=images.dtype, requires_grad=True) for name in places}
        hooks = []
        for name, where in places.items():
            for module, call in where:
                hooks.append(network.get_submodule(module).register_forward_hook(multiply(gates[name], call)))
        predictions = network(image)
        for task, prediction in predictions.items():
            loss = per_example(prediction).sum()
            gradients = torch.autograd.grad(loss, list(gates.values()), retain_graph=True, allow_unused=True)
            for (name, gate), gradient in zip(gates.items(), gradients, strict=True):
                found[task][name].append(torch.zeros_like(gate) if gradient is None else gradient)
        for hook in hooks:
            hook.remove()
    return {task: {name: torch.stack(rows) for name, rows in spaces.items()} for task, spaces in found.items()}


def multiply(gate: Tensor, call: int | None) -> Callable[[nn.Module, Any, Tensor], Tensor | None]:
    calls: list[int] = []

    def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor | None:
        calls.append(1)
        return output * gate.view(-1, 1, 1) if call is None or call == len(calls) - 1 else None

    return hook


def assert_equal_to_explicit_gates(
    network: Network,
    places: Mapping[str, Sequence[Place]],
    kind: Literal["fisher", "taylor"] = "fisher",
) -> None:
    """Every space's saliency for every task is the mean over examples of what explicit gates say, to 1e-6."""
    saliency = measure_of(network, kind=kind)
    sizes = {space: values.shape[1] for space, values in saliency.values().items()}
    assert set(places) == set(sizes)
    images = images_of(network, 3)
    expected = by_explicit_gates(network, places, sizes, images)
    for task, spaces in expected.items():
        found = measured(saliency, network, task, images)
        for name, gradients in spaces.items():
            mean = (gradients.square() if kind == "fisher" else gradients.abs()).mean(0)
            torch.testing.assert_close(
                found[name], mean, rtol=1e-6, atol=1e-12 * float(mean.max()), msg=f"{task} {name}"
            )
    assert all(any(spaces[name].any() for spaces in expected.values()) for name in places)


TRUNK: dict[str, list[Place]] = {"trunk.laterals.0.0": [("trunk.relu", 0)], "trunk.smooth.0.1": [("trunk.relu", 1)]}


class LinearResidual(nn.Module):
    """x + branch(x), nothing behind it: a linear bottleneck."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.branch(x)
        return out


def expand(hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(8, hidden, 1), nn.SiLU(), nn.Conv2d(hidden, 8, 1, bias=False), nn.BatchNorm2d(8))


def squeeze() -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 3, 1), nn.SiLU(), nn.Conv2d(3, 12, 1))


def toys(layers: SimpleNamespace) -> dict[str, tuple[list[nn.Module], int, dict[str, list[Place]]]]:
    """Layers, channels, and by space the modules whose result is all of its channels."""
    block = "backbone.layers"
    return {
        "plain": (
            [nn.Conv2d(8, 6, 3), nn.ReLU()],
            6,
            {"backbone.stem": [("backbone.relu", None)], f"{block}.0": [(f"{block}.1", None)]},
        ),
        "residual stream": (
            [layers.Residual(expand(5)), layers.Residual(expand(6))],
            8,
            {
                "backbone.stem": [("backbone.relu", None), (f"{block}.0", None), (f"{block}.1", None)],
                f"{block}.0.branch.0": [(f"{block}.0.branch.1", None)],
                f"{block}.1.branch.0": [(f"{block}.1.branch.1", None)],
            },
        ),
        "linear bottlenecks": (
            [nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8), LinearResidual(expand(5)), LinearResidual(expand(6))],
            8,
            {
                "backbone.stem": [("backbone.relu", None)],
                f"{block}.0": [(f"{block}.1", None), (f"{block}.2", None), (f"{block}.3", None)],
                f"{block}.2.branch.0": [(f"{block}.2.branch.1", None)],
                f"{block}.3.branch.0": [(f"{block}.3.branch.1", None)],
            },
        ),
        "depthwise chain with squeeze-excite": (
            [
                *(nn.Conv2d(8, 12, 1), nn.SiLU(), nn.Conv2d(12, 12, 3, padding=1, groups=12), nn.BatchNorm2d(12)),
                *(nn.Hardswish(), layers.Gated(squeeze()), nn.Conv2d(12, 6, 1, bias=False), nn.BatchNorm2d(6)),
            ],
            6,
            {
                "backbone.stem": [("backbone.relu", None)],
                f"{block}.0": [(f"{block}.4", None)],
                f"{block}.5.branch.1": [(f"{block}.5.branch.2", None)],
                f"{block}.6": [(f"{block}.7", None)],
            },
        ),
        "side by side": (
            [layers.Grow(nn.Conv2d(8, 5, 1)), layers.Grow(nn.Conv2d(13, 3, 1))],
            16,
            {
                "backbone.stem": [("backbone.relu", None)],
                f"{block}.0.branch": [(f"{block}.0.branch", None)],
                f"{block}.1.branch": [(f"{block}.1.branch", None)],
            },
        ),
    }


@pytest.mark.parametrize("kind", ["fisher", "taylor"])
@pytest.mark.parametrize("name", list(toys(SimpleNamespace(Residual=nn.Identity, Gated=nn.Identity, Grow=nn.Identity))))
def test_toys_equal_explicit_gates(
    name: str, kind: Literal["fisher", "taylor"], toy: Callable[..., Network], layers: SimpleNamespace
) -> None:
    """The pooled head and the trunk's lateral both read the last map; its channels are counted once."""
    torch.manual_seed(0)
    modules, channels, places = toys(layers)[name]
    network = toy(*modules, channels=channels, heads=HEADS).double()
    assert_equal_to_explicit_gates(network, {**places, **TRUNK}, kind=kind)


def test_full_and_separable_heads_on_the_trunk_equal_an_explicit_gate(toy: Callable[..., Network]) -> None:
    """One head mixes the trunk's channels, another filters each first: both paths start at the trunk's output."""
    heads = {"full": lambda info: DenseHead(info, 1, "full"), "light": lambda info: DenseHead(info, 1)}
    network = toy(channels=8, heads=heads).double()
    assert_equal_to_explicit_gates(network, {"backbone.stem": [("backbone.relu", None)], **TRUNK})


def places_of(network: Network, spaces: Spaces) -> dict[str, list[Place]]:
    """Where the channels of timm's blocks and of the trunk are complete, by the names that their modules have."""
    modules = dict(network.named_modules())
    levels = 0 if network.trunk is None else len(network.trunk.laterals)
    places: dict[str, list[Place]] = {}
    for space in spaces.spaces:
        found: dict[Place, None] = {}
        for member in space.members:
            name, _, kind = member.parameter.rpartition(".")
            layer = modules[name]
            mixes = kind == "weight" and (isinstance(layer, nn.Linear) or getattr(layer, "groups", 0) == 1)
            if mixes and not name.endswith("se.conv_expand"):
                found[place_of(name, modules, levels)] = None
        places[space.name] = list(found)
    return places


def place_of(name: str, modules: Mapping[str, nn.Module], levels: int) -> Place:
    owner, _, leaf = name.rpartition(".")
    if name.startswith("trunk"):
        _, part, index, _ = name.split(".")
        return "trunk.relu", levels - 1 - int(index) + (part == "smooth")
    if owner == "backbone.model":  # the stem: ResNet pools it, the others start with a depthwise convolution
        return ("backbone.model.maxpool" if leaf == "conv1" else "backbone.model.blocks.0.0.bn1"), None
    block, inner = type(modules[owner]).__name__, ""
    if block == "BasicBlock":
        inner = {"conv1": "act1"}.get(leaf, "")
    elif block == "Bottleneck":
        inner = {"conv1": "act1", "conv2": "act2"}.get(leaf, "")
    elif block == "InvertedResidual":
        inner = {"conv_pw": "bn2"}.get(leaf, "")
    elif leaf == "conv_reduce":
        inner = "act1"
    elif leaf == "fc1":
        inner = "act"
    elif leaf == "0" and owner.endswith("downsample"):
        owner = owner.removesuffix(".downsample")
    return (f"{owner}.{inner}" if inner else owner), None


def test_real_backbones_equal_explicit_gates(network: Network, spaces_of: Callable[..., Spaces]) -> None:
    exact = copy.deepcopy(network).double()
    if max(exact.info.channels) > 1000:  # its dilated convolutions would take most of the time
        del exact.heads["segmentation"]
    for module in exact.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010 - the explicit gates lie behind these
    assert_equal_to_explicit_gates(exact, places_of(network, spaces_of(network)))
