"""`mstasks doctor` tells what is there and what is wrong, whatever is missing."""

from __future__ import annotations

import builtins
import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from mstasks import __version__
from mstasks.cli import doctor, main

Capture = pytest.CaptureFixture[str]


def facts(capsys: Capture, *arguments: str) -> dict[str, Any]:
    assert main(["doctor", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_versions_and_device_are_told(capsys: Capture) -> None:
    found = facts(capsys)
    assert found["versions"]["mstasks"] == __version__
    assert found["versions"]["torch"] == version("torch")
    assert found["device"]["torch_threads"] >= 1
    assert isinstance(found["device"]["cuda"], list)


def test_settings_and_cache_are_told(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("MSTASKS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MSTASKS_CACHE", str(tmp_path))
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")
    found = facts(capsys)
    assert found["cache"] == str(tmp_path)
    assert found["environment"] == {"MSTASKS_CACHE": str(tmp_path), "MSTASKS_DISABLE_PLUGIN_AUTOLOAD": "1"}


def test_a_broken_plugin_is_a_problem_with_its_reason(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "doctored.py").write_text("import no_such_library")
    reason = f"ModuleNotFoundError: No module named 'no_such_library' ({tmp_path / 'doctored.py'}:1)"
    assert f"plugin doctored: {reason}" in facts(capsys, "--plugin", str(tmp_path / "doctored.py"))["problems"]


def test_stale_entry_points_are_a_problem(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "install_problems", lambda: ["reinstall: pip install -e ."])
    assert "reinstall: pip install -e ." in facts(capsys)["problems"]


def test_missing_libraries_are_told_and_break_nothing(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name in ("torch", "platformdirs"):
            raise ImportError(f"libcudart.so is missing, says {name}")
        return real(name, *rest)

    def unknown(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(doctor, "version", unknown)
    found = facts(capsys)
    assert found["versions"]["torch"] == "not installed"
    assert found["device"]["error"] == "ImportError: libcudart.so is missing, says torch"
    assert found["cache"] == "unknown: ImportError: libcudart.so is missing, says platformdirs"


def test_the_page_for_people_holds_the_same_facts(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "doctored_too.py").write_text("import no_such_library")
    assert main(["doctor", "--plugin", str(tmp_path / "doctored_too.py")]) == 0
    page = capsys.readouterr().out
    rows = dict(line.split(maxsplit=1) for line in page.splitlines() if len(line.split()) > 1)
    assert rows["torch"] == version("torch")
    assert "builtin" in page
    assert "problem: plugin doctored_too: ModuleNotFoundError" in page


def test_a_sound_installation_says_so(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "install_problems", list)
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("\nno problem found\n")


RECIPE = """
name: examined
data: {{dataset: {dataset}, root: {root}, size: [64, 64]}}
backbone: {{model: mobilenetv3_small_050}}
tasks: {{depth: {{}}}}
"""


def test_without_a_recipe_nothing_is_said_of_data(capsys: Capture) -> None:
    assert facts(capsys)["data"] is None


def test_a_recipe_s_data_set_is_told_with_what_is_left_out(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "exclude.txt").write_text("train/000001\n# train/000002\nval/000000\n")
    sizes = ["data.train=5", "data.val=3", "data.test=2", f"data.exclude={tmp_path / 'exclude.txt'}"]
    found = facts(capsys, "quickstart", *sizes)
    assert found["data"]["dataset"] == "scenes"
    assert found["data"]["splits"] == {
        "train": {"images": 5, "excluded": 1},
        "val": {"images": 3, "excluded": 1},
        "test": {"images": 2, "excluded": 0},
    }
    assert found["data"]["problems"] == []
    assert main(["doctor", "quickstart", *sizes]) == 0
    page = capsys.readouterr().out
    assert "data set: scenes: " in page
    assert "train  5       1" in page


def test_a_data_set_that_is_not_there_is_a_problem_with_its_reason(capsys: Capture, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE.format(dataset="nyuv2", root=tmp_path / "nothing"))
    found = facts(capsys, str(recipe))
    (problem,) = found["data"]["problems"]
    assert f"There is no '{tmp_path / 'nothing'}'" in problem
    assert f"data of {recipe}: {problem}" in found["problems"]
    assert found["data"]["dataset"] == "nyuv2"
    assert main(["doctor", str(recipe)]) == 0
    assert "data set: nyuv2: nothing found" in capsys.readouterr().out


def test_a_recipe_that_is_wrong_or_missing_is_a_problem(capsys: Capture, tmp_path: Path) -> None:
    assert "no such file or shipped recipe" in facts(capsys, "no-such-recipe")["problems"][-1]
    (tmp_path / "r.yaml").write_text("name: [")
    (problem, *_) = facts(capsys, str(tmp_path / "r.yaml"))["data"]["problems"]
    assert "r.yaml:1" in problem


def test_a_data_set_that_fails_in_an_unforeseen_way_is_a_problem(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("mstasks.scan.found.look", fail)
    assert facts(capsys, "quickstart")["data"]["problems"] == ["ZeroDivisionError: division by zero"]
