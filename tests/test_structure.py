"""structure.json: the network comes back from it exactly, and what does not fit is explained."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from mstasks.compaction import shrink
from mstasks.heads import DenseHead, PooledHead
from mstasks.network import Network, build_network
from mstasks.recipe.model import Backbone, Decoder
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.space import scale_groups
from mstasks.structure import CompactStructure, StructureError, read_structure, rebuild_compact, write_structure

SIZE = (64, 64)


def fresh(model: str = "mobilenetv3_small_050", seed: int = 0) -> Network:
    torch.manual_seed(seed)
    heads = {"depth": lambda info: DenseHead(info, 1), "attributes": lambda info: PooledHead(info, 2)}
    return build_network(Backbone(model=model), Decoder(width=16), SIZE, heads)


@cache
def sparse(model: str) -> Network:
    """With half of the channels zero."""
    network = fresh(model).eval()
    generator = torch.Generator().manual_seed(0)
    for space in find_spaces(network, SIZE).spaces:
        alive = torch.rand(space.size, generator=generator) < 0.5
        scale_groups(space, dict(network.named_parameters()), alive.float())
    return network


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "structure.json"
    write_structure(path, shrink(sparse("mobilenetv3_small_050"), SIZE)[1])
    return path


@pytest.mark.parametrize("model", ["resnet18", "mobilenetv3_small_050", "convnext_atto"])
@pytest.mark.parametrize(("multiple", "folded"), [(1, False), (8, True)])
def test_the_network_comes_back_from_counts_and_weights(
    tmp_path: Path, model: str, multiple: int, folded: bool
) -> None:
    small, stored = shrink(sparse(model), SIZE, multiple, folded=folded)
    write_structure(tmp_path / "structure.json", stored)
    assert read_structure(tmp_path / "structure.json") == stored
    again = rebuild_compact(fresh(model, seed=1), tmp_path / "structure.json", SIZE).eval()
    again.load_state_dict(small.state_dict(), strict=True)
    images = torch.rand(2, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, found = small(images), again(images)
    assert all(torch.equal(found[task], expected[task]) for task in expected)
    assert sum(p.numel() for p in again.parameters()) < sum(p.numel() for p in sparse(model).parameters())


def test_the_file_holds_numbers_and_names_only(path: Path) -> None:
    content = json.loads(path.read_text())
    assert set(content) == {"format", "scope", "multiple", "folded", "channels", "dense"}
    assert content["channels"].keys() == content["dense"].keys()
    assert all(1 <= count <= content["dense"][name] for name, count in content["channels"].items())


def damage(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        content = json.loads(text)
        change(content)
        return json.dumps(content)

    return apply


STEM = "backbone.model.conv_stem"
DAMAGE: dict[str, tuple[Callable[[str], str], str]] = {
    "cut short": (lambda text: text[: len(text) // 2], r"structure.json: Invalid JSON.*mstasks compact` on its parent"),
    "another format": (damage(lambda c: c.update(format=2)), r"structure.json: `format`: Input should be 1"),
    "a key too many": (damage(lambda c: c.update(extra=1)), r"`extra`: Extra inputs are not permitted"),
    "no channels": (damage(lambda c: c.pop("channels")), r"`channels`: Field required"),
    "zero channels": (damage(lambda c: c["channels"].update({STEM: 0})), rf"`channels.{STEM}`: .* greater than 0"),
    "a fraction": (damage(lambda c: c["channels"].update({STEM: 1.5})), rf"`channels.{STEM}`: .* valid integer"),
    "too many channels": (
        damage(lambda c: c["channels"].update({STEM: 17})),
        rf"does not fit the network of this recipe: Space `{STEM}` must have 1 to 16 channels. Found 17. Compare env",
    ),
    "another network": (
        damage(lambda c: c["dense"].update({STEM: 32})),
        rf"does not fit .*: Space `{STEM}` has 16 channels in the network, 32 in the file",
    ),
    "an unknown space": (damage(lambda c: c["dense"].update(neck=8)), r"Space `neck` has no channels .* 8 in the file"),
    "a space too few": (damage(lambda c: c["channels"].pop(STEM)), rf"`{STEM}` is in only one of the two"),
    "an unknown layer": (damage(lambda c: c.update(folded=[["neck", "norm"]])), r"The network has no layer `neck`"),
}


@pytest.mark.parametrize(("change", "expected"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_explained(path: Path, change: Callable[[str], str], expected: str) -> None:
    path.write_text(change(path.read_text()))
    with pytest.raises(StructureError, match=expected):
        rebuild_compact(fresh(), path, SIZE)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match=r"structure.json: unreadable: No such file"):
        read_structure(tmp_path / "structure.json")


def test_counts_below_one_are_refused_when_written() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        CompactStructure(channels={"a": 0}, dense={"a": 1})
