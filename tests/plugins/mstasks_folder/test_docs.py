"""The page on data tells of this data set what is true: its examples load, its tables name every option."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic_core import PydanticUndefined

from mstasks import Options
from mstasks.recipe import load_recipe
from mstasks_folder.kinds import AttributeTable, DepthMap, ScalarMap, VectorMap
from mstasks_folder.label_map import LabelMap
from mstasks_folder.options import FolderOptions, SplitOptions
from mstasks_folder.places import IMAGES, LABELS
from mstasks_folder.targets import targets

PAGE = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
KINDS = (LabelMap, DepthMap, VectorMap, ScalarMap, AttributeTable)


def section() -> str:
    found = re.search(r"^## `folder`\n(.*?)(?=^## )", PAGE + "\n## ", re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def examples() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", section(), re.MULTILINE | re.DOTALL)


def written(default: object) -> str:
    """A default as a table shows it; what is needed, or stands for another option, has none."""
    if default is PydanticUndefined or default is None:
        return ""
    return {"": '""', ",": '","'}.get(str(default), str(default)).replace("(", "[").replace(")", "]").replace("'", "")


def rows(columns: int) -> dict[str, list[str]]:
    """By option, the other cells of the table with so many columns."""
    found = re.findall(rf"^\| `(\w+)` ((?:\|[^|\n]*){{{columns - 1}}})\|$", section(), re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")[1:]] for name, cells in found}


def test_the_complete_example_is_a_recipe_with_every_kind(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(examples()[0])
    recipe = load_recipe(tmp_path / "r.yaml").recipe
    options = recipe.data.options
    assert isinstance(options, FolderOptions)
    assert {type(target) for target in options.targets.values()} == set(KINDS)
    assert set(recipe.tasks) == set(targets(options))


def test_the_other_example_completes_it(tmp_path: Path) -> None:
    _, other = examples()
    (tmp_path / "r.yaml").write_text(f"name: x\n{other}backbone: {{model: resnet18}}\ntasks: {{segmentation: {{}}}}\n")
    options = load_recipe(tmp_path / "r.yaml").recipe.data.options
    assert isinstance(options, FolderOptions)
    assert options.split.folders == ("train", "valid", "test")


def test_every_example_of_a_split_is_one() -> None:
    shown = re.findall(r"\| `(\{.*?\})` \|$", section(), re.MULTILINE)
    assert len(shown) == 3
    for text in shown:
        assert SplitOptions.model_validate_json(json.dumps(yaml.safe_load(text))).seed == 0


def test_every_option_of_data_is_in_the_table() -> None:
    table = rows(3)
    assert set(table) == set(FolderOptions.model_fields)
    for name in ("images", "image_ending"):
        assert table[name][0] == written(FolderOptions.model_fields[name].default)


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_of_a_target_is_in_the_table_with_its_default(kind: type[Options]) -> None:
    table, tag = rows(4), get_args(kind.model_fields["kind"].annotation)[0]
    groups = {"all", tag} if kind is AttributeTable else {"all", tag, "all but attributes"}
    documented = {name for name, (kinds, *_) in table.items() if kinds in groups}
    assert documented == set(kind.model_fields)
    for name, field in kind.model_fields.items():
        if name == "folder":
            assert table[name][1] == "the target's name"
        elif name == "range":
            assert table[name][1] == "[0, 1]"
        else:
            assert table[name][1] == written(field.default)


def test_the_suffixes_of_the_page_are_those_of_the_code() -> None:
    found = re.search(r"Images are (.*?); labels (.*?)\. Hidden", section(), re.DOTALL)
    assert found
    assert set(re.findall(r"\.\w+", found[1])) == IMAGES
    assert set(re.findall(r"\.\w+", found[2])) == set(LABELS)
