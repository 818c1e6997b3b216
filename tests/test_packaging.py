"""What is built is what is meant to be installed: `mstasks` and `mstasks_*`, the recipes, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGES = sorted(path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("[tp]*/mstasks_*/__init__.py"))


def build(folder: Path, *options: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), *options, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build(folder, "--wheel")
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip would lay it out."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def run(unpacked: Path, *arguments: str) -> str:
    """Output of a command line that sees the unpacked wheel alone, away from the source tree."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MSTASKS_")}
    environment["PYTHONPATH"] = str(unpacked)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=unpacked.parent, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_packages_and_recipes_to_check() -> None:
    assert {"tasks/mstasks_depth", "plugins/mstasks_scenes"} <= set(PACKAGES)
    assert list((ROOT / "recipes").rglob("*.yaml"))


def test_only_our_packages_become_importable(unpacked: Path) -> None:
    expected = {"mstasks", *(Path(package).name for package in PACKAGES)}
    assert {path.name for path in unpacked.iterdir()} == expected | {f"mstasks-{PROJECT['version']}.dist-info"}


def test_the_wheel_holds_every_source_file_and_no_rubbish(wheel: Path) -> None:
    folders = [ROOT / "mstasks", *(ROOT / package for package in PACKAGES)]
    sources = {path.relative_to(folder.parent).as_posix() for folder in folders for path in folder.rglob("*.py")}
    names = {name for name in contents(wheel) if name.endswith(".py")}
    assert names == sources
    assert not [name for name in contents(wheel) if "__pycache__" in name or "tests/" in name]


def test_every_package_is_typed(unpacked: Path) -> None:
    for package in ["mstasks", *(Path(package).name for package in PACKAGES)]:
        assert (unpacked / package / "py.typed").is_file()


def test_every_recipe_is_in_the_wheel(unpacked: Path) -> None:
    shipped, source = unpacked / "mstasks" / "_recipes", ROOT / "recipes"
    wanted = {path.relative_to(source).as_posix(): path.read_bytes() for path in source.rglob("*.yaml")}
    assert {path.relative_to(shipped).as_posix(): path.read_bytes() for path in shipped.rglob("*.yaml")} == wanted


def test_the_licence_is_in_the_wheel(unpacked: Path) -> None:
    text = (unpacked / f"mstasks-{PROJECT['version']}.dist-info" / "licenses" / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_entry_points_name_what_the_wheel_holds(unpacked: Path) -> None:
    parser = ConfigParser()
    parser.read(unpacked / f"mstasks-{PROJECT['version']}.dist-info" / "entry_points.txt")
    points = dict(parser["mstasks"])
    assert points == PROJECT["entry-points"]["mstasks"]
    assert set(points.values()) == {Path(package).name for package in PACKAGES}, "every package is an entry point"
    assert dict(parser["console_scripts"]) == {"mstasks": "mstasks.cli:main"}


def test_the_wheel_works_away_from_the_source(unpacked: Path) -> None:
    where = run(unpacked, "-c", "import mstasks, mstasks_depth; print(mstasks.__file__, mstasks_depth.__file__)")
    assert all(Path(path).is_relative_to(unpacked) for path in where.split())
    rows = json.loads(run(unpacked, "-m", "mstasks", "ls", "plugins", "--json"))
    assert {row["name"] for row in rows} >= set(PROJECT["entry-points"]["mstasks"])
    assert [row["error"] for row in rows if row["error"]] == []
    recipes = json.loads(run(unpacked, "-m", "mstasks", "ls", "recipes", "--json"))
    assert recipes
    assert all(Path(row["path"]).is_relative_to(unpacked) for row in recipes)


def test_the_version_is_told_once(unpacked: Path) -> None:
    assert run(unpacked, "-m", "mstasks", "--version") == f"mstasks {PROJECT['version']}\n"


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build(tmp_path)  # the source distribution, and from it a wheel
    (source,) = tmp_path.glob("*.tar.gz")
    (again,) = tmp_path.glob("*.whl")
    assert source.name == f"mstasks-{PROJECT['version']}.tar.gz"
    assert contents(again) == contents(wheel)
