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
