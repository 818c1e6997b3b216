from __future__ import annotations

import re
from pathlib import Path

import pytest

from mstasks.bound import bind_tasks
from mstasks.errors import UsageError
from mstasks.recipe import dump_resolved, load_recipe

RECIPE = """
name: bound
data: {dataset: scenes, size: [64, 64]}
backbone: {model: mobilenetv3_small_050}
tasks:
  %s
"""


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("depth: {target: normals}", "task 'depth': it reads a depth-map target. Found target 'normals', a vector-map."),
        ("depth: {head: pooled}", "task 'depth': depth-map tasks take head 'trunk', 'linear', 'decoder' or 'aspp'. Found 'pooled'."),
        ("attributes: {head: trunk}", "task 'attributes': attributes tasks take head 'pooled'. Found 'trunk'."),
        ("depth: {head: {name: aspp, block: full}}", "task 'depth': `block` belongs to heads 'trunk' and 'decoder'. Found it with 'aspp'."),
        ("depth: {head: {name: linear, block: full}}", "task 'depth': `block` belongs to heads 'trunk' and 'decoder'. Found it with 'linear'."),
        ("attributes: {head: decoder}", "task 'attributes': attributes tasks take head 'pooled'. Found 'decoder'."),
        ("attributes: {head: linear}", "task 'attributes': attributes tasks take head 'pooled'. Found 'linear'."),
        ("overview: {task: depth, target: depth}", "task 'overview': that name is taken. Choose another key"),
        ("keys: {task: depth, target: depth}", "task 'keys': that name is taken. Choose another key"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_place(tmp_path: Path, task: str, expected: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE % task)
    with pytest.raises(UsageError) as caught:
        bind_tasks(load_recipe(path))
    assert expected in str(caught.value)
    assert re.search(r"r\.yaml:6:\d+: task ", str(caught.value))


PLUGIN = """
from mstasks import TargetKind, Task, TaskSpec, hookimpl

class Odd{base}:
    {body}

    def loss(self, prediction, target):
        return prediction

    def metrics(self):
        return {metrics}

@hookimpl
def register_tasks():
    return [TaskSpec(name="odd", summary="Odd.", factory="{stem}:Odd")]
"""


@pytest.mark.parametrize(
    ("base", "body", "metrics", "expected"),
    [
        ("(Task)", "kind, channels = TargetKind.DEPTH_MAP, 1", "{}", "`metrics` of {stem}:Odd gives none"),
        ("(Task)", "kind, channels = TargetKind.DEPTH_MAP, 1", "[3]", "must give a mapping of names to TaskMetric. Found [3]"),
        ("(Task)", "kind = TargetKind.DEPTH_MAP", "{}", "{stem}:Odd lacks `channels`"),
        ("(Task)", "def __init__(self, *given): self.kind = self.channels = 1", "{}", "{stem}:Odd lacks `info`"),
        ("(Task)", "def __init__(self, *given): raise RuntimeError('boom')", "{}", "{stem}:Odd failed: RuntimeError: boom"),
        ("", "def __init__(self, *given): pass", "{}", "{stem}:Odd must give a subclass of mstasks.Task. Found Odd."),
    ],
)  # fmt: skip
def test_what_a_plugin_gets_wrong_is_told_with_its_factory(
    tmp_path: Path, request: pytest.FixtureRequest, base: str, body: str, metrics: str, expected: str
) -> None:
    stem = f"odd_bound_{abs(hash(request.node.name))}"
    (tmp_path / f"{stem}.py").write_text(PLUGIN.format(base=base, body=body, metrics=metrics, stem=stem))
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE % "odd: {target: depth}" + f"plugins: [./{stem}.py]\n")
    with pytest.raises(UsageError) as caught:
        bind_tasks(load_recipe(path))
    assert expected.replace("{stem}", stem) in str(caught.value)
    assert "task 'odd': " in str(caught.value)


def test_the_recipe_may_choose_the_head(tmp_path: Path) -> None:
    from mstasks import ASPPHead, DenseHead, FeatureInfo

    path = tmp_path / "r.yaml"
    path.write_text(RECIPE % "{depth: {head: aspp}, normals: {head: {name: trunk, block: full}}, edges: {}}")
    features = FeatureInfo(16, 4, (8, 16), (16, 32))
    heads = {name: bound.head(features) for name, bound in bind_tasks(load_recipe(path)).items()}
    assert isinstance(heads["depth"], ASPPHead)
    sizes = {name: sum(p.numel() for p in heads[name].parameters()) for name in ("normals", "edges")}
    assert isinstance(heads["edges"], DenseHead)
    assert sizes["normals"] > 4 * sizes["edges"]


@pytest.mark.parametrize("head", ["linear", "decoder", "aspp"])
def test_a_resolved_recipe_with_a_ready_head_is_bound_again(tmp_path: Path, head: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE % f"depth: {{head: {head}}}")
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(dump_resolved(load_recipe(path).recipe))
    choice = bind_tasks(load_recipe(resolved))["depth"].head_choice
    assert choice is not None
    assert choice.name == head


def test_linear_and_decoder_are_heads_too(tmp_path: Path) -> None:
    from mstasks import DecoderHead, FeatureInfo, LinearHead

    path = tmp_path / "r.yaml"
    heads = "depth: {head: linear}, normals: {head: {name: decoder, block: full}}, edges: {head: decoder}"
    path.write_text(RECIPE % f"{{{heads}}}")
    features = FeatureInfo(16, 4, (8, 16), (16, 32))
    built = {name: bound.head(features) for name, bound in bind_tasks(load_recipe(path)).items()}
    assert [type(head) for head in built.values()] == [LinearHead, DecoderHead, DecoderHead]
    full, light = (sum(p.numel() for p in built[name].block.parameters()) for name in ("normals", "edges"))  # type: ignore[union-attr,operator]
    assert full > 4 * light
