"""docs/adapt.md says what is true: its example of images of one's own runs as it stands there."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mstasks.cli import main
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder
from mstasks.trained import open_trained

PAGE = (Path(__file__).parents[2] / "docs" / "adapt.md").read_text(encoding="utf-8")
RUN, FOLDER = "runs/quickstart/001", "my_fields"


def example() -> list[str]:
    """Arguments of the page's command."""
    (command,) = re.findall(r"^mstasks (adapt (?:.*\\\n)+.*)$", PAGE, re.MULTILINE)  # the only one of several lines
    return shlex.split(command.replace("\\\n", " "))


def test_an_example_is_there() -> None:
    assert {RUN, f"data.root={FOLDER}"} < set(example())
    assert f"\n{FOLDER}/\n  images/0001.jpg\n  crops/0001.png " in PAGE


def test_the_example_runs(
    runs: Callable[[str], RunFolder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for part in ("images", "crops"):
        (Path(FOLDER) / part).mkdir(parents=True)
    for index in range(24):
        classes = generator.choice([0, 1, 2, 255], (40, 60)).astype(np.uint8)
        Image.fromarray(classes).save(f"{FOLDER}/crops/{index:04}.png")
        Image.fromarray(classes).convert("RGB").save(f"{FOLDER}/images/{index:04}.jpg")
    arguments = [str(runs("masked").path) if word == RUN else word for word in example()]
    assert main([*arguments, "--draws", "1", "--out", "made", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["adapt"]["task"], made["adapt"]["shots"]) == ("crops", 10)
    assert made["adapt"]["released"] == ["segmentation", "attributes"]
    assert list(open_trained(RunFolder(Path(made["run"])))[1].heads) == ["crops"]
    recipe = load_recipe(Path(made["run"]) / "resolved.yaml").recipe
    assert recipe.tasks["crops"].task == "segmentation"
    assert made["tasks"]["crops"]["primary"] == "miou"
