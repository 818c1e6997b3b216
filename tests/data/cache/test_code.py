"""Entries that other code wrote are not taken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kornia_rs
import numpy as np
import PIL
import pytest
import simplejpeg
from cache_album import Album

from mstasks.data.cache.code import code_of
from mstasks.plugin_file import load_file

PACKAGE = {
    "album_plugin/__init__.py": "",
    "album_plugin/data/__init__.py": "",
    "album_plugin/data/made.py": "from mstasks import FileDataset\nclass Made(FileDataset): ...\n",
    "album_plugin/colours.py": "RED = 1\n",
    "album_plugin/table.txt": "1 2 3\n",
}
SHOW = "from mstasks.data.cache.code import code_of; from album_plugin.data.made import Made; print(code_of(Made))"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, content in PACKAGE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def _search_path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before
    sys.modules.pop("my_album", None)


def fresh(folder: Path) -> str:
    """What a new process says of the package."""
    done = subprocess.run([sys.executable, "-B", "-c", SHOW], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_any_source_file_of_the_plugins_package_counts_and_nothing_else(package: Path) -> None:
    first = fresh(package)
    (package / "album_plugin" / "table.txt").write_text("3 2 1\n")
    (package / "beside.py").write_text("")
    assert fresh(package) == first
    (package / "album_plugin" / "colours.py").write_text("RED = 2\n")
    edited = fresh(package)
    assert edited != first
    (package / "album_plugin" / "colours.py").rename(package / "album_plugin" / "colors.py")
    assert len({first, edited, fresh(package)}) == 3


@pytest.mark.usefixtures("_search_path")
def test_a_plugin_file_counts_as_it_was_when_it_was_imported(tmp_path: Path) -> None:
    path = tmp_path / "my_album.py"
    path.write_text("from mstasks import FileDataset\nclass Mine(FileDataset): ...\n")
    before = load_file(path).Mine
    path.write_text("from mstasks import FileDataset\nclass Mine(FileDataset): ...\n# edited\n")
    first = code_of(before)
    assert first is not None
    assert code_of(load_file(path).Mine) not in (None, first)


def test_a_class_that_was_typed_in_has_no_code() -> None:
    script = "from mstasks import FileDataset\nclass Typed(FileDataset): ...\nfrom mstasks.data.cache.code import code_of\nprint(code_of(Typed))"
    done = subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


@pytest.mark.parametrize("library", [np, PIL, kornia_rs, simplejpeg])
def test_another_release_of_a_decoder_counts(monkeypatch: pytest.MonkeyPatch, library: object) -> None:
    code_of.cache_clear()
    first = code_of(Album)
    monkeypatch.setattr(library, "__version__", "1.2.3")
    code_of.cache_clear()
    assert code_of(Album) not in (None, first)
    monkeypatch.undo()
    code_of.cache_clear()
    assert code_of(Album) == first
