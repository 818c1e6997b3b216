"""`mstasks data cache` tells what it will write before it writes it; `mstasks data clear` removes that and no more."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mstasks.cli import data, main

Capture = pytest.CaptureFixture[str]

PLUGIN = """
import time
from mstasks import (IMAGE, DatasetSpec, FileDataset, Options, RawTarget, RecipePath, Source, TargetInfo, TargetKind,
    hookimpl, read_array, read_image)

class ShelfOptions(Options):
    root: RecipePath
    wait: float = 0.0

def targets(options):
    return {"depth": TargetInfo(TargetKind.DEPTH_MAP)}

class Shelf(FileDataset):
    def __init__(self, options, size):
        self.root, self.wait = options.root, options.wait
    def ids(self, split):
        found = sorted(path.stem for path in self.root.glob("*.jpg"))
        return {"train": found[2:], "val": found[:1], "test": found[1:2]}[split]
    def image(self, id):
        time.sleep(self.wait)
        return read_image(self.root / f"{id}.jpg", self.at_least)
    def target(self, id, name):
        metres = read_array(self.root / f"{id}.npy")
        return RawTarget(metres, metres > 0)
    def source(self, id, part):
        return Source((self.root / f"{id}{'.jpg' if part == IMAGE else '.npy'}",))
    def describe(self):
        return "A shelf."

@hookimpl
def register_datasets():
    return [DatasetSpec("shelf", "Photographs.", "shelf_plugin:Shelf", "shelf_plugin:ShelfOptions",
        targets="shelf_plugin:targets")]
"""
RECIPE = """
name: shelf
plugins: [./shelf_plugin.py]
data: {dataset: shelf, root: photos, size: [32, 32], batch_size: 4}
backbone: {model: test_resnet}
tasks: {depth: {}}
optim: {steps: 2}
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight photographs with a recipe, in the working directory; the folder of the entries."""
    (tmp_path / "photos").mkdir()
    generator = np.random.default_rng(0)
    for number in range(8):
        Image.fromarray(generator.integers(0, 256, (40, 50, 3), np.uint8)).save(tmp_path / "photos" / f"s{number}.jpg")
        np.save(tmp_path / "photos" / f"s{number}.npy", generator.random((40, 50), np.float32) + 1)
    (tmp_path / "shelf_plugin.py").write_text(PLUGIN)
    (tmp_path / "r.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MSTASKS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data" / "v2"


@pytest.fixture(autouse=True)
def _imports() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before
    sys.modules.pop("shelf_plugin", None)


def entries(folder: Path) -> list[Path]:
    return [path for path in folder.glob("??/*") if not path.name.startswith(".")]


@pytest.mark.parametrize("workers", [0, 2])
def test_it_says_how_much_then_does_it_then_what_to_type_next(cache: Path, capsys: Capture, workers: int) -> None:
    assert main(["data", "cache", "r.yaml", f"data.workers={workers}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"about 96 KiB for 8 images in {cache}; the cache holds 0 bytes of at most 32 GiB; ")
    assert lines[0].endswith("GiB free on the disk")
    assert lines[1] == "images 8/8"
    assert lines[-2].startswith("16 images and labels added, 57.5 KiB")
    assert lines[-1] == f"next: mstasks fit r.yaml data.workers={workers}"
    assert len(entries(cache)) == 16


def test_a_second_time_there_is_nothing_to_add(cache: Path, capsys: Capture) -> None:
    main(["data", "cache", "r.yaml"])
    capsys.readouterr()
    assert main(["data", "cache", "r.yaml"]) == 0
    out = capsys.readouterr().out
    assert "about 0 bytes more for 8 images" in out
    assert "0 images and labels added, 0 bytes; 16 were there" in out


def test_programs_get_json_and_people_the_rest_on_stderr(cache: Path, capsys: Capture) -> None:
    assert main(["data", "cache", "r.yaml", "--json"]) == 0
    captured = capsys.readouterr()
    found: dict[str, Any] = json.loads(captured.out)
    assert found["added"]["entries"] == 16
    assert found["added"]["bytes"] == sum(path.stat().st_size for path in entries(cache))
    assert (found["folder"], found["images"], found["done"]) == (str(cache), 8, 8)
    assert "about 96 KiB for 8 images" in captured.err


def test_what_would_not_fit_is_refused_before_it_is_written(cache: Path, capsys: Capture) -> None:
    assert main(["data", "cache", "r.yaml", "data.cache_gib=0.00005"]) == 2
    captured = capsys.readouterr()
    assert "about 96 KiB for 8 images" in captured.err
    assert "of at most 52.4 KiB" in captured.err
    assert "That does not fit: raise data.cache_gib, remove what is there with `mstasks data clear`" in captured.err
    assert entries(cache) == []


def test_a_full_disk_is_refused_with_another_remedy(
    cache: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mstasks.data.cache.room.lacking_disk", lambda *_: "its disk is full")
    assert main(["data", "cache", "r.yaml"]) == 2
    assert "make room on the disk, or let MSTASKS_CACHE name a folder on another one" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_one_sentence(cache: Path, capsys: Capture) -> None:
    cache.parents[1].write_text("no folder")
    assert main(["data", "cache", "r.yaml"]) == 1
    error = capsys.readouterr().err
    assert error == f"nothing can be added to {cache}: it cannot be written to: Not a directory.\n"


def test_unreadable_files_are_named_and_the_rest_is_cached(cache: Path, capsys: Capture) -> None:
    Path("photos/s3.jpg").write_bytes(b"rubbish")
    assert main(["data", "cache", "r.yaml"]) == 0
    out = capsys.readouterr().out
    assert "photos/s3.jpg'" in out
    assert "unreadable: 1 of 8 images, or labels of them; to list all: mstasks check r.yaml --data" in out
    assert "next: mstasks fit" not in out
    assert len(entries(cache)) == 14  # a label is not kept that could not be held against its image


def test_nothing_readable_at_all_is_a_failure(cache: Path, capsys: Capture) -> None:
    for path in Path("photos").glob("*.jpg"):
        path.write_bytes(b"rubbish")
    assert main(["data", "cache", "r.yaml"]) == 1
    assert capsys.readouterr().err == "none of the 8 images could be read.\n"


def test_ids_that_the_recipe_leaves_out_are_left_out(cache: Path, capsys: Capture) -> None:
    Path("out.txt").write_text("s2\ns3\n")
    assert main(["data", "cache", "r.yaml", "data.exclude=out.txt"]) == 0
    assert "for 6 images" in capsys.readouterr().out
    assert len(entries(cache)) == 12


def test_a_data_set_that_needs_no_cache_gets_a_sentence(cache: Path, capsys: Capture) -> None:
    Path("r.yaml").write_text(RECIPE.replace("{dataset: shelf, root: photos,", "{dataset: scenes,"))
    assert main(["data", "cache", "r.yaml"]) == 0
    assert capsys.readouterr().out.startswith("data set 'scenes' needs no cache")
    assert not cache.exists()


def test_a_recipe_that_does_not_read_the_cache_is_told(cache: Path, capsys: Capture) -> None:
    assert main(["data", "cache", "r.yaml", "data.cache=off"]) == 0
    assert "data.cache is off in this recipe" in capsys.readouterr().out


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupt_keeps_what_is_there_and_the_same_command_goes_on(
    cache: Path, capsys: Capture, workers: int
) -> None:
    child = os.fork()
    if child == 0:
        with Path("error.txt").open("w") as sys.stderr:
            code = main(["data", "cache", "r.yaml", "data.wait=0.2", f"data.workers={workers}"])
        os._exit(code)
    while len(entries(cache)) < 3:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before it could be interrupted"
        time.sleep(0.02)
    os.kill(child, signal.SIGINT)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 75
    error = Path("error.txt").read_text()
    assert error.startswith("interrupted: ")
    assert error.endswith(
        "images are done, and stay in the cache. "
        f"Go on with: mstasks data cache r.yaml data.wait=0.2 data.workers={workers}\n"
    )
    kept = len(entries(cache))
    assert 0 < kept < 16
    assert main(["data", "cache", "r.yaml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["present"], found["added"]["entries"]) == (kept, 16 - kept)


def test_fit_announces_what_it_will_add_once(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "r.yaml", "data.cache=fill"]) == 0
    captured = capfd.readouterr()
    line = f"cache: decoded files are added to {cache}, which holds 0 of at most 32 GiB."
    assert (captured.out + captured.err).count("cache:") == 1
    assert line in captured.out
    assert len(entries(cache)) > 0


def test_clearing_asks_a_terminal_and_refuses_without_one(
    cache: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["data", "cache", "r.yaml"])
    capsys.readouterr()
    assert main(["data", "clear"]) == 2
    captured = capsys.readouterr()
    assert captured.out.startswith("16 images and labels, ")
    assert captured.err == "without a terminal nothing is removed unasked. Add --yes.\n"
    assert len(entries(cache)) == 16
    monkeypatch.setattr(data.sys.stdin, "isatty", lambda: True, raising=False)
    for answer, left in ((False, 16), (True, 0)):
        monkeypatch.setattr(data.click, "confirm", lambda *_, answer=answer, **__: answer)
        assert main(["data", "clear"]) == 0
        assert len(entries(cache)) == left


def test_clearing_removes_the_cache_of_data_alone(cache: Path, capsys: Capture) -> None:
    main(["data", "cache", "r.yaml"])
    beside = cache.parents[1] / "autotune.json"
    beside.write_text("{}")
    capsys.readouterr()
    assert main(["data", "clear", "--yes", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["entries"] == 16
    assert captured.err.splitlines()[-1].startswith("removed 16 images and labels, ")
    assert [path.name for path in cache.parents[1].iterdir()] == ["autotune.json"]
    assert main(["data", "clear", "--yes"]) == 0
    assert "removed 0 images and labels, 0 bytes" in capsys.readouterr().out


def test_a_linked_folder_is_not_cleared(cache: Path, tmp_path: Path, capsys: Capture) -> None:
    main(["data", "cache", "r.yaml"])
    cache.parent.rename(tmp_path / "elsewhere")
    cache.parent.symlink_to(tmp_path / "elsewhere")
    assert main(["data", "clear", "--yes"]) == 2
    assert f"{cache.parent} is a link, which is not followed" in capsys.readouterr().err
    assert len(entries(cache)) == 16
