"""Stale entry points of editable installs are noticed."""

from __future__ import annotations

import json
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest

from mstasks import install
from mstasks.install import declared_plugins, editable_folder, install_problems


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """An editable project: its source folder and the metadata that its installation wrote."""
    source, info = tmp_path / "my project", tmp_path / "site" / "bends-1.0.dist-info"
    source.mkdir()
    info.mkdir(parents=True)
    (source / "pyproject.toml").write_text('[project]\nname = "bends"\n[project.entry-points.mstasks]\na = "m"\n')
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bends\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mstasks]\na = m\n[console_scripts]\nb = m:main\n")
    (info / "direct_url.json").write_text(json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}}))
    monkeypatch.setattr(install, "distributions", lambda: [PathDistribution(info)])
    monkeypatch.setattr(install, "distribution", lambda name: PathDistribution(info))
    return source, info


def test_a_current_installation_has_no_problem(project: tuple[Path, Path]) -> None:
    assert install_problems() == []


@pytest.mark.parametrize(
    ("plugins", "names"),
    [('a = "m"\nnew = "m.new"', "new"), ("", "a"), ('a = "moved"', "a"), ('b = "m"', "a, b")],
    ids=["added", "removed", "moved", "renamed"],
)
def test_a_changed_entry_point_asks_for_a_reinstall(project: tuple[Path, Path], plugins: str, names: str) -> None:
    source, _ = project
    (source / "pyproject.toml").write_text(f'[project]\nname = "bends"\n[project.entry-points.mstasks]\n{plugins}\n')
    assert install_problems() == [
        f"entry points of {source} changed after its installation ({names}): pip install -e '{source}'"
    ]


def test_an_installation_that_is_not_editable_is_left_alone(project: tuple[Path, Path]) -> None:
    source, info = project
    (source / "pyproject.toml").write_text('[project]\nname = "bends"\n')
    (info / "direct_url.json").write_text(json.dumps({"url": source.as_uri(), "dir_info": {}}))
    assert install_problems() == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"dir_info": {"editable": true}}'])
def test_metadata_that_another_tool_wrote_is_survived(project: tuple[Path, Path], text: str) -> None:
    _, info = project
    (info / "direct_url.json").write_text(text)
    assert editable_folder(PathDistribution(info)) is None


@pytest.mark.parametrize("text", ["not toml [", "project = 3", "[project.entry-points]\nmstasks = 3", "\udcff"])
def test_a_pyproject_that_cannot_be_read_declares_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert declared_plugins(tmp_path / "pyproject.toml") == {}
    assert declared_plugins(tmp_path / "no such file.toml") == {}


def test_running_from_a_folder_without_installation_is_told(
    project: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "distribution", lambda name: distribution("no-such-distribution"))
    assert install_problems() == [
        "mstasks is not installed but run from a folder; its plugins are not found: pip install -e ."
    ]
