"""`mstasks show` prints a recipe with origins, `mstasks schema` a schema; errors leave through the group."""

from __future__ import annotations

import json
import re

import pytest
from bad_recipes import added, changed
from click.testing import CliRunner, Result
from recipe_fixtures import Write

from mstasks.cli.schema import schema
from mstasks.cli.show import show
from mstasks.recipe import RecipeErrors, load_recipe


def run(command: object, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--plugin", "recipe_kitchen"], catch_exceptions=False)  # type: ignore[arg-type]


def test_each_value_carries_its_origin_in_one_column(write: Write) -> None:
    write(changed("batch_size: 8", "batch_size: 8\n  augment: [Blur]"))
    lines = run(show, "r.yaml", "optim.lr=1e-3", "data.size.1=48").output.split("\n")
    origins = dict(line.split("  # ") for line in lines if "  # " in line)
    found = {key.strip(): origin for key, origin in origins.items()}
    assert found["name: toy-run"] == "r.yaml:1:7"
    assert found["lr: 0.001"] == "command line"
    assert found["size: [64, 48]"] == "r.yaml:4:9, command line"
    assert found["- {Blur: {}}"] == "r.yaml:6:13"
    assert found["clip: 1.0"] == "default"
    columns = {line.index("  # ") for line in lines if "  # " in line}
    assert len(columns) == 1
    assert "data:" in lines


def test_the_origins_of_a_strategy_and_of_a_section_that_nobody_wrote(write: Write) -> None:
    write(added("method: meta-sparsity\nsparsity: {strength: priced, target: {macs: 0.5}}\n"))
    lines = run(show, "r.yaml", "sparsity.strength.rounds=12").output.split("\n")
    found = [re.sub(r" +# ", "  # ", line) for line in lines]
    start = found.index("sparsity:")
    assert found[start + 3 : start + 5] == ["  strength:", "    name: priced  # r.yaml:11:22"]
    assert "    rounds: 12  # command line" in found
    assert "    decay: 0.9  # default" in found
    assert "    macs: 0.5  # r.yaml:11:45" in found
    start = found.index("meta:")
    assert found[start + 1 : start + 4] == [
        "  update:",
        "    name: look-ahead  # default",
        "    rate: 0.125  # default",
    ]


def test_what_it_prints_is_the_same_recipe(write: Write) -> None:
    write()
    write(run(show, "r.yaml").output, "shown.yaml")
    assert load_recipe("shown.yaml").recipe == load_recipe("r.yaml", plugins=["recipe_kitchen"]).recipe


def test_json_holds_the_recipe_and_the_origins(write: Write) -> None:
    write()
    found = json.loads(run(show, "r.yaml", "seed=3", "--json").output)
    assert found["recipe"]["tasks"]["depth"]["loss"] == "berhu"
    assert found["origins"]["tasks.depth.loss"] == "r.yaml:9:17"
    assert found["origins"]["seed"] == "command line"
    assert found["origins"]["data.size.0"] == "r.yaml:4:10"


def test_a_bad_recipe_leaves_as_its_errors(write: Write) -> None:
    write("name: 3\n")
    with pytest.raises(RecipeErrors, match=r"r.yaml:1:7: name is 3"):
        run(show, "r.yaml")


def test_the_schema_is_printed_as_json() -> None:
    found = json.loads(run(schema).output)
    assert "Task labels" in found["$defs"]
