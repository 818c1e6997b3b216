"""docs/tasks.md says what is true: its plugin runs, and it names every option and metric of the shipped tasks."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

from mstasks import FeatureInfo, Features, Target, TargetInfo, TargetKind, Task
from mstasks.plugins import load_plugins, resolve

PAGE = (Path(__file__).parents[1] / "docs" / "tasks.md").read_text(encoding="utf-8")
SHIPPED = {
    "segmentation": TargetInfo(TargetKind.LABEL_MAP, names=("wall", "floor")),
    "depth": TargetInfo(TargetKind.DEPTH_MAP),
    "normals": TargetInfo(TargetKind.VECTOR_MAP),
    "edges": TargetInfo(TargetKind.SCALAR_MAP),
    "attributes": TargetInfo(TargetKind.ATTRIBUTES, names=("bright",)),
}


def block(language: str) -> str:
    """The page's first code block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def section(task: str) -> str:
    found = re.search(rf"\n### {task}\n(.*?)(?=\n##)", PAGE, re.DOTALL)
    assert found
    return found[1]


def first_sentence(error: pytest.ExceptionInfo[BaseException]) -> str:
    return str(error.value).split(" Found ")[0]


@pytest.fixture
def plain_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    """The page's plugin, loaded as a recipe beside the file would."""
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "my_task.py").write_text(block("python"), encoding="utf-8")
    registry = load_plugins(["./my_task.py"], folder=tmp_path)
    assert registry.names("task") == ["plain-depth"]
    task = resolve(registry.find("task", "plain-depth").factory)(TargetInfo(TargetKind.DEPTH_MAP), None)
    assert isinstance(task, Task)
    return task


def test_the_plugin_has_ten_lines() -> None:
    lines = [line for line in block("python").splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) == 10


def test_the_plugin_trains_and_is_scored(plain_depth: Task) -> None:
    head = plain_depth.head(FeatureInfo(trunk_channels=8, trunk_stride=4, channels=(8,), strides=(4,)))
    prediction = head(Features(torch.randn(3, 8, 6, 7), ()))
    valid = torch.ones(3, 1, 6, 7, dtype=torch.bool)
    valid[1] = False
    target = Target(torch.full((3, 1, 6, 7), 2.0), valid)
    loss = plain_depth.loss(prediction, target)
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert loss[1] == 0
    (metric,) = plain_depth.metrics().values()
    metric.update(plain_depth.decode(prediction.detach()), target)
    value = metric.compute()
    assert isinstance(value, torch.Tensor)
    assert value.item() == pytest.approx(loss[[0, 2]].mean().item(), rel=1e-5)
    assert plain_depth.picture(target.value[0]).shape == (6, 7, 3)


def test_the_yaml_of_the_page_names_the_plugin() -> None:
    assert "plugins: [./my_task.py]" in block("yaml")
    assert "plain-depth: {target: depth}" in block("yaml")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_page_names_every_option_with_its_default(name: str) -> None:
    (spec,) = import_module(f"mstasks_{name}").register_tasks()
    fields = {} if spec.options is None else resolve(spec.options).model_fields
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", section(name), re.MULTILINE))
    expected = {key: "null" if field.default is None else str(field.default) for key, field in fields.items()}
    assert rows == expected


@pytest.mark.parametrize("name", SHIPPED)
def test_the_page_names_every_metric_in_order(name: str) -> None:
    (spec,) = import_module(f"mstasks_{name}").register_tasks()
    metrics = list(resolve(spec.factory)(SHIPPED[name], None).metrics())
    places = [section(name).find(f"`{metric}`") for metric in metrics]
    assert metrics
    assert -1 not in places, f"{metrics} are found at {places}"
    assert places == sorted(places)


@pytest.mark.parametrize("kind", TargetKind)
def test_the_page_lists_every_kind(kind: TargetKind) -> None:
    assert f"| `{kind.name}` |" in PAGE


def test_the_page_names_every_member_of_a_task() -> None:
    members = [name for name in vars(Task) if not name.startswith("_")] + ["kind", "channels"]
    assert len(members) >= 7
    for name in members:
        assert re.search(rf"^\| `{name}[(`]", PAGE, re.MULTILINE), name


def test_the_errors_that_a_file_may_cause_read_as_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")
    good = block("python")
    mistakes = {
        "typo": good.replace("def register_tasks", "def register_task"),
        "unmarked": good.replace("@hookimpl\n", ""),
        "capital": good.replace('name="plain-depth"', 'name="Plain"'),
        "reference": good.replace('name="plain-depth"', 'name="x"').replace("my_task:PlainDepth", "PlainDepth"),
    }
    quoted = re.findall(r"^\| (?:`` (.*?) ``|`(.*?)`) ", PAGE.split("## Errors")[1], re.MULTILINE)
    texts = [one or other for one, other in quoted]
    for stem, source in mistakes.items():
        (tmp_path / f"mistake_{stem}.py").write_text(source, encoding="utf-8")
        rows = load_plugins([f"mistake_{stem}.py"], folder=tmp_path).plugins
        (error,) = [row.error for row in rows if row.error]
        assert any(text in error for text in texts), f"{error!r} is not on the page"
