"""`mstasks check RECIPE --data` finds what was planted in a data set of a third party, and says it by name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mstasks.cli import main

Capture = pytest.CaptureFixture[str]

PLUGIN = """
import os
from collections.abc import Collection

import numpy as np
from mstasks import (
    DatasetSpec, FileDataset, Options, RawTarget, RecipePath, Source, TargetInfo, TargetKind, hookimpl, read_array,
    read_image, read_picture,
)

NAMES = ("hat", "smile")


class PlantedOptions(Options):
    root: RecipePath
    deadly: str = ""


def targets(options):
    return {
        "segmentation": TargetInfo(TargetKind.LABEL_MAP, ("sky", "road", "car")),
        "depth": TargetInfo(TargetKind.DEPTH_MAP),
        "attributes": TargetInfo(TargetKind.ATTRIBUTES, NAMES),
    }


class Planted(FileDataset):
    def __init__(self, options, size):
        self.root, self.deadly = options.root, options.deadly

    def ids(self, split):
        return sorted(path.stem for path in (self.root / split).glob("*.png"))

    def _path(self, id, kind, suffix):
        (split,) = (s for s in ("train", "val", "test") if (self.root / s / f"{id}.png").exists())
        return self.root / split / kind / f"{id}{suffix}"

    def image(self, id):
        if id == self.deadly:
            os._exit(9)
        return read_image(self._path(id, "", ".png"), self.at_least)

    def target(self, id, name):
        if name == "attributes":
            known = {"a0": (1, 0), "a1": (0, 1)}.get(id)
            return known and RawTarget(np.array(known, np.float32), np.array([True, id == "a0"]))
        path = self._path(id, name, ".png" if name == "segmentation" else ".npy")
        if not path.exists():
            return None
        if name == "segmentation":
            stored = read_picture(path)
            return RawTarget(stored, stored != 255)
        stored = read_array(path)
        if stored.max() > 1e6:
            raise KeyError("a bug of the plugin")
        return RawTarget(stored, stored > 0)

    def source(self, id, part):
        return None

    def describe(self):
        return "A folder with faults."


@hookimpl
def register_datasets():
    return [
        DatasetSpec(
            name="planted",
            summary="Faults.",
            factory="{stem}:Planted",
            options="{stem}:PlantedOptions",
            targets="{stem}:targets",
        )
    ]
"""

RECIPE = """
name: planted-recipe
data: {dataset: planted, root: ., size: [32, 48], batch_size: 4}
backbone: {model: mobilenetv3_small_050}
tasks: {segmentation: {}, depth: {}, attributes: {}}
"""

SIZE = (40, 60)
METRES = np.linspace(4.0, 0.7, 40)[:, None] * np.ones((1, 60)) + 0.013 * np.arange(60)


def plant(root: Path) -> None:
    """Nine images to train on, four of them with a fault; two equal ones in val; one of train again in test."""
    generator = np.random.default_rng(0)
    classes = np.zeros(SIZE, np.uint8)
    classes[20:], classes[:, 50:] = 1, 255

    def write(split: str, id: str, metres: np.ndarray = METRES, labels: np.ndarray | None = classes) -> None:
        for kind in ("", "depth", "segmentation"):
            (root / split / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(root / split / f"{id}.png")
        np.save(root / split / "depth" / f"{id}.npy", metres.astype(np.float32))
        if labels is not None:
            Image.fromarray(labels).save(root / split / "segmentation" / f"{id}.png")

    for number in range(5):
        write("train", f"a{number}")
    write("train", "cut")
    whole = (root / "train" / "cut.png").read_bytes()
    (root / "train" / "cut.png").write_bytes(whole[: len(whole) // 2])
    write("train", "range", labels=np.full(SIZE, 7, np.uint8))
    write("train", "side", metres=METRES.T)
    write("train", "bug", metres=METRES * 1e7)
    for id in ("v0", "v1"):
        write("val", id, metres=METRES * 1000, labels=None)
    (root / "val" / "v1.png").write_bytes((root / "val" / "v0.png").read_bytes())
    write("test", "t0")
    (root / "test" / "t0.png").write_bytes((root / "train" / "a3.png").read_bytes())


@contextmanager
def planted(folder: Path, stem: str) -> Iterator[Path]:
    """The data set with its plugin and a recipe, as the working directory."""
    plant(folder)
    (folder / f"{stem}.py").write_text(PLUGIN.replace("{stem}", stem))
    (folder / "r.yaml").write_text(f"plugins: [./{stem}.py]{RECIPE}")
    search = list(sys.path)
    with chdir(folder):
        yield folder
    sys.modules.pop(stem, None)
    sys.path[:] = search


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    with planted(tmp_path, f"planted_{abs(hash(request.node.name))}") as made:
        yield made


def report(folder: Path, number: int = 1) -> dict[str, Any]:
    path = folder / "runs" / "planted-recipe" / f"data-{number:03d}" / "data.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Checked:
    """A scan: its report, what was printed, and where its files are."""

    found: dict[str, Any]
    out: str
    err: str
    home: Path


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    with planted(tmp_path_factory.mktemp("planted"), "planted_for_all") as made:
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            assert main(["check", "r.yaml", "--data"]) == 1
        home = made / "runs" / "planted-recipe" / "data-001"
        yield Checked(report(made), out.getvalue(), err.getvalue(), home)


def test_each_fault_is_found_by_name_with_its_reason(checked: Checked) -> None:
    found, out, err = checked.found, checked.out, checked.err
    assert {(row["split"], row["id"], row["part"]) for row in found["faults"]} == {
        ("train", "cut", "image"),
        ("train", "range", "segmentation"),
        ("train", "side", "depth"),
        ("train", "bug", "depth"),
    }
    reasons = {row["id"]: row["reason"] for row in found["faults"]}
    assert "cut.png' cannot be read as a picture" in reasons["cut"]
    assert reasons["range"] == "A valid label of 'segmentation' must be a class index from 0 to 2. Found 7 in 'range'."
    assert "is turned against its image" in reasons["side"]
    assert reasons["bug"] == "KeyError: 'a bug of the plugin'"
    assert all(row["reason"] in out for row in found["faults"])
    assert err.splitlines()[-1].startswith(
        "4 files or labels of 4 samples cannot be used; training stops at the first."
    )


def test_labels_and_values_are_counted(checked: Checked) -> None:
    found, out = checked.found, checked.out
    assert found["found"] == "A folder with faults."
    assert "data set: planted: A folder with faults." in out
    assert {name: split["images"] for name, split in found["splits"].items()} == {"train": 9, "val": 2, "test": 1}
    train = {name: task["splits"]["train"] for name, task in found["tasks"].items()}
    assert [train[name]["labelled"] for name in ("segmentation", "depth", "attributes")] == [8, 8, 2]
    assert train["segmentation"]["valid"] == pytest.approx(50 / 60)
    assert train["segmentation"]["classes"] == {"sky": 0.5, "road": 0.5, "car": 0.0}
    assert train["segmentation"]["never"] == ["car"]
    assert train["depth"]["min"] == pytest.approx(METRES.min(), rel=1e-6)
    assert train["depth"]["max"] == pytest.approx(METRES.max(), rel=1e-6)
    assert train["depth"]["median"] == pytest.approx(float(np.median(METRES)), rel=0.01)
    assert train["attributes"]["attributes"] == {"hat": {"yes": 1, "annotated": 2}, "smile": {"yes": 0, "annotated": 1}}
    assert train["attributes"]["valid"] == 0.75


def test_equal_images_are_named_across_splits_and_counted_within(checked: Checked) -> None:
    found, out = checked.found, checked.out
    groups = [[(row["split"], row["id"]) for row in group] for group in found["duplicates"]]
    assert sorted(groups) == [[("train", "a3"), ("test", "t0")], [("val", "v0"), ("val", "v1")]]
    assert {name: split["repeated"] for name, split in found["splits"].items()} == {"train": 0, "val": 1, "test": 0}
    assert "train: a3, test: t0" in out


def test_what_looks_wrong_is_said(checked: Checked) -> None:
    found, out = checked.found, checked.out
    said = [(row["task"], row["split"]) for row in found["suspicions"]]
    assert said == [
        ("depth", "train"),
        ("segmentation", "val"),
        ("depth", "val"),
        ("attributes", "val"),
        ("attributes", "test"),
    ]
    assert "suspicious: depth, train: 1 of 8 labels lie on their side" in out
    assert "suspicious: depth, val: the median is 27" in out
    assert "it looks like millimetres" in out


def test_the_files_are_written_and_named(checked: Checked) -> None:
    out, err = checked.out, checked.err
    home = Path("runs") / "planted-recipe" / "data-001"
    assert [line for line in out.splitlines() if line.startswith("written: ")] == [
        f"written: {home / name}" for name in ("data.json", "exclude.txt", "data.png")
    ]
    listed = [line for line in (checked.home / "exclude.txt").read_text().splitlines() if not line.startswith("#")]
    assert listed == ["bug", "cut", "range", "side"]
    with Image.open(checked.home / "data.png") as picture:
        assert min(picture.size) > 300
    assert "images 12/12  4 faults" in err


def test_two_processes_find_the_same(checked: Checked, folder: Path, capsys: Capture) -> None:
    assert main(["check", "r.yaml", "--data", "data.workers=2"]) == 1
    found = {**report(folder), "seconds": 0}
    assert json.dumps(found).replace(str(folder), "") == json.dumps({**checked.found, "seconds": 0}).replace(
        str(checked.home.parents[2]), ""
    )


def test_what_the_scan_excludes_makes_the_next_one_pass(folder: Path, capsys: Capture) -> None:
    assert main(["check", "r.yaml", "--data"]) == 1
    listed = folder / "runs" / "planted-recipe" / "data-001" / "exclude.txt"
    assert f"data.exclude={listed.relative_to(folder)}" in capsys.readouterr().err
    assert main(["check", "r.yaml", "--data", f"data.exclude={listed}"]) == 0
    again = report(folder, 2)
    assert again["splits"]["train"]["excluded"] == 4
    assert again["tasks"]["depth"]["splits"]["train"]["labelled"] == 5
    assert ("depth", "train") not in [(row["task"], row["split"]) for row in again["suspicions"]]
    assert [row["excluded"] for row in again["faults"]] == [True] * 4
    assert (listed.parents[1] / "data-002" / "exclude.txt").read_text() == listed.read_text()


def test_a_split_that_is_left_out_completely_fails_as_training_does(folder: Path, capsys: Capture) -> None:
    (folder / "out.txt").write_text("v0\nv1\nbug\ncut\nrange\nside\n")
    assert main(["check", "r.yaml", "--data", "data.exclude=out.txt"]) == 1
    captured = capsys.readouterr()
    said = "`data.exclude` lists all of its 2 images; training needs all three splits"
    assert captured.err.splitlines()[-1].startswith(f"val: {said}")
    assert said in captured.out
    assert main(["fit", "r.yaml", "data.exclude=out.txt"]) == 2
    assert "has no image in its val split" in capsys.readouterr().err


def test_a_task_without_labels_to_train_on_fails_as_training_does(folder: Path, capsys: Capture) -> None:
    (folder / "out.txt").write_text("a0\na1\nbug\ncut\nrange\nside\n")
    assert main(["check", "r.yaml", "--data", "data.exclude=out.txt"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "train: task 'attributes': none of 3 images has a usable label; a folder or column may be missing or named "
        "otherwise, else take the task out of the recipe."
    )
    assert main(["fit", "r.yaml", "data.exclude=out.txt"]) == 2
    assert "task 'attributes': none of 3 train images has a label" in capsys.readouterr().err


def test_programs_get_the_report_alone(folder: Path, capsys: Capture) -> None:
    assert main(["check", "r.yaml", "--data", "--json", "--out", "elsewhere"]) == 1
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((folder / "elsewhere" / "planted-recipe" / "data-001" / "data.json").read_text())
    assert printed == written
    assert not (folder / "runs").exists()


def test_nothing_of_the_cache_is_read_or_filled(folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSTASKS_CACHE", str(folder / "cache"))
    assert main(["check", "r.yaml", "--data", "data.cache=fill"]) == 1
    assert not (folder / "cache").exists()


def test_a_process_that_dies_ends_in_a_sentence_and_leaves_no_folder(folder: Path) -> None:
    arguments = ["-m", "mstasks", "check", "r.yaml", "--data", "data.deadly=a4", "data.workers=2"]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("A loader process died after ")
    assert "Traceback" not in done.stderr
    assert list((folder / "runs" / "planted-recipe").iterdir()) == []


def test_without_data_nothing_is_read(folder: Path, capsys: Capture) -> None:
    (folder / "train" / "a0.png").write_bytes(b"")
    assert main(["check", "r.yaml"]) == 0
    assert capsys.readouterr().out.endswith("r.yaml: valid; every head, loss and metric took a synthetic batch.\n")
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("option", [["--json"], ["--out", "x"]])
def test_options_of_the_report_need_data(folder: Path, capsys: Capture, option: list[str]) -> None:
    assert main(["check", "r.yaml", *option]) == 2
    assert capsys.readouterr().err == f"{option[0]} is about the report of --data. Add --data.\n"


def test_a_data_set_without_files_is_scanned_too(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["data.train=3", "data.val=2", "data.test=2", "data.size=[48,64]", "sparsity=null", "method=multi-task"]
    assert main(["check", "quickstart", "--data", *small, "meta=null"]) == 0
    out = capsys.readouterr().out
    assert "data set: scenes: a data set that does not say what it is made of\nscanned: 7 images" in out
    assert re.search(r"segmentation  train  3 .* \d+ of 13 classes occur", out)
    assert (tmp_path / "runs" / "quickstart" / "data-001" / "data.png").is_file()
