"""A run as a file: equal to the network, described, checked, and never half there."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from mstasks import Exporter, ExportError, ExportModel
from mstasks.errors import UsageError
from mstasks.export import Exported, export_run, probes
from mstasks.export_torch import TorchExporter
from mstasks.fit import fit, start_run
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder
from mstasks.trained import open_trained

PAGE = (Path(__file__).parents[1] / "docs" / "export.md").read_text(encoding="utf-8")
RECIPE = """
name: tiny
data: {dataset: scenes, size: [48, 64], train: 8, val: 4, test: 4, batch_size: 4}
backbone: {model: test_resnet}
decoder: {width: 8}
tasks: {segmentation: {}, depth: {}, normals: {}, edges: {}, attributes: {}}
optim: {steps: 2}
run: {pictures: 0}
"""
SIZES = ((1, 48, 64), (3, 65, 97), (2, 128, 64))


def train(folder: Path, text: str) -> RunFolder:
    (folder / "r.yaml").write_text(text)
    loaded = load_recipe(folder / "r.yaml")
    run = start_run(loaded, folder)
    fit(loaded, run, Console(quiet=True))
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(tmp_path_factory.mktemp("export"), RECIPE)


@pytest.fixture(scope="module")
def exported(run: RunFolder) -> Exported:
    return export_run(run, "torch")


def evaluated(run: RunFolder, images: Tensor) -> dict[str, Tensor]:
    """What evaluation makes of images: resize to the labels' size, which is the images', then decode."""
    experiment, network = open_trained(run)
    with torch.no_grad():
        raw = network.eval()(images)
    size = images.shape[-2:]
    grown = {
        name: torch.nn.functional.interpolate(value, size=size, mode="bilinear") if value.dim() == 4 else value
        for name, value in raw.items()
    }
    return {name: bound.task.decode(grown[name]) for name, bound in experiment.tasks.items()}


def load(file: Path) -> tuple[Callable[[Tensor], Mapping[str, Tensor]], dict[str, Any]]:
    extra = {"mstasks.json": ""}
    program = torch.export.load(file, extra_files=extra).module()
    return program, json.loads(extra["mstasks.json"])


def test_the_file_predicts_what_evaluation_does_at_any_batch_and_size(run: RunFolder, exported: Exported) -> None:
    program, _ = load(exported.path)
    for shape in SIZES:
        images = torch.rand(shape[0], 3, *shape[1:], generator=torch.Generator().manual_seed(1))
        expected, found = evaluated(run, images), program(images)
        assert list(found) == ["segmentation", "depth", "normals", "edges", "attributes"]
        for name, value in expected.items():
            assert found[name].shape == value.shape
            assert (found[name] - value).abs().max() <= 1e-5 * value.abs().max(), name


def test_predictions_of_the_file_depend_on_the_image(exported: Exported) -> None:
    program, _ = load(exported.path)
    first, second = (program(torch.full((1, 3, 64, 64), value)) for value in (0.1, 0.9))
    assert all(not torch.allclose(first[name], second[name], atol=1e-6) for name in first)


def test_the_file_is_where_it_is_said_to_be(run: RunFolder, exported: Exported) -> None:
    assert exported.path == run.path / "export" / "tiny.pt2"
    assert [path.name for path in exported.path.parent.iterdir()] == ["tiny.pt2"]
    assert set(exported.differences) == {"segmentation", "depth", "normals", "edges", "attributes"}
    assert max(exported.differences.values()) <= 1e-4


def test_the_file_says_what_it_is(run: RunFolder, exported: Exported) -> None:
    _, about = load(exported.path)
    assert about["recipe_sha256"] == hashlib.sha256((run.path / "resolved.yaml").read_bytes()).hexdigest()
    assert about["run"] == "tiny/001"
    assert about["input"]["trained_size"] == [48, 64]
    assert about["tasks"]["depth"] == {
        "kind": "depth-map",
        "shape": ["batch", 1, "height", "width"],
        "unit": "metres",
    }
    infos = open_trained(run)[0].infos
    for name in ("segmentation", "attributes"):
        assert about["tasks"][name]["names"] == list(infos[name].names)


def test_the_page_names_every_key_of_the_metadata(exported: Exported) -> None:
    _, about = load(exported.path)
    keys = {*about, *about["input"], *about["tasks"]["segmentation"]}
    assert len(keys) > 10
    assert {key for key in keys if f"`{key}`" not in PAGE} == set()
    assert {task["kind"] for task in about["tasks"].values()} == set(
        re.findall(r"^\| ([a-z-]+) \| \(batch", PAGE, re.M)
    )


def test_the_file_holds_no_pickle_and_no_path_of_this_machine(exported: Exported) -> None:
    with zipfile.ZipFile(exported.path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert len(contents) > 10
    assert [name for name, content in contents.items() if content[:1] == b"\x80" and content[-1:] == b"."] == []
    assert [name for name, content in contents.items() if content.startswith(b"PK")] == []  # what torch.save writes
    root = str(Path(__file__).parents[1]).encode()
    assert [name for name, content in contents.items() if root in content] == []


def test_nothing_is_replaced_without_being_asked(run: RunFolder, exported: Exported) -> None:
    before = exported.path.stat().st_mtime_ns
    with pytest.raises(UsageError, match=r"tiny.pt2: exists already. Replace it with `--force`, or choose another"):
        export_run(run, "torch")
    assert exported.path.stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="a folder; `--out` names a file"):
        export_run(run, "torch", run.path)


def test_force_replaces_a_file(run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "new" / "mine.pt2"
    out.parent.mkdir()
    out.write_text("old")
    assert export_run(run, "torch", out, force=True).path == out
    assert list(load(out)[0](torch.rand(1, 3, 64, 64))) == ["segmentation", "depth", "normals", "edges", "attributes"]


class Broken(Exporter):
    """Writes a note instead of the network."""

    suffix = ".txt"
    answer: Callable[[Tensor], Mapping[str, Tensor]]

    def write(self, model: ExportModel, file: Path) -> None:
        file.write_text("a file")

    def load(self, file: Path) -> Callable[[Tensor], Mapping[str, Tensor]]:
        return type(self).answer


def wrong(image: Tensor) -> Mapping[str, Tensor]:
    shape = (len(image), 1, *image.shape[-2:])
    return {name: torch.full(shape, 0.5) for name in ("segmentation", "depth", "normals", "edges")} | {
        "attributes": torch.full((len(image), 8), 0.5)
    }


def failing(image: Tensor) -> Mapping[str, Tensor]:
    raise RuntimeError("Reshape: wrong shape\nmore")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (wrong, r"what it wrote predicts 'segmentation' with a difference of .* 1e-04 is allowed. No file was kept"),
        (failing, r"what it wrote cannot be run: RuntimeError: Reshape: wrong shape. No file was kept"),
    ],
)
def test_a_file_that_predicts_something_else_is_not_kept(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, expected: str
) -> None:
    monkeypatch.setattr(Broken, "answer", staticmethod(answer), raising=False)
    monkeypatch.setattr("mstasks.export.build_exporter", lambda registry, name: Broken())
    with pytest.raises(ExportError, match=expected):
        export_run(run, "broken", tmp_path / "x.txt")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_named(run: RunFolder) -> None:
    with pytest.raises(
        UsageError, match=r"unknown exporter 'torhc'. Did you mean 'torch'\? Run `mstasks ls exporters`"
    ):
        export_run(run, "torhc")


def test_the_runs_of_a_parent_are_exported_one_by_one(tmp_path: Path) -> None:
    for task in ("depth", "edges"):
        (tmp_path / "tasks" / task).mkdir(parents=True)
        (tmp_path / "tasks" / task / "resolved.yaml").write_text("")
    with pytest.raises(UsageError, match=r"holds 2 networks. Export one of its runs, such as `mstasks export .*depth`"):
        export_run(RunFolder(tmp_path), "torch")


def test_probes_cover_the_recipes_size_odd_lengths_and_small_images() -> None:
    shapes = [tuple(images.shape) for images in probes((96, 128), 32)]
    assert (2, 3, 96, 128) in shapes
    assert len({shape[0] for shape in shapes}) == len({shape[2] for shape in shapes}) == 3
    assert any(shape[2] % 2 and shape[3] % 2 for shape in shapes)
    assert min(shape[2] for shape in shapes) == 64
    for images in probes((96, 128), 32):
        assert 0 <= images.min() < images.max() <= 1


def blocks(name: str) -> str:
    (code,) = re.findall(rf"```python\n(# {name}\n.*?)```", PAGE, re.DOTALL)
    return str(code)


def test_the_torch_script_of_the_page_runs_without_mstasks(exported: Exported, tmp_path: Path) -> None:
    code = "import sys; sys.modules['mstasks'] = None\n" + blocks("run_torch.py")
    (tmp_path / "s.py").write_text(code)
    command = [sys.executable, "s.py", str(exported.path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "depth (1, 1, 48, 64) metres" in done.stdout.splitlines()


def test_the_exporter_of_the_page_works(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_export.py").write_text(blocks("my_export.py"))
    from mstasks import plugins

    registry = plugins.load_plugins([str(tmp_path / "my_export.py")])
    spec = registry.find("exporter", "bare")
    monkeypatch.setattr("mstasks.export.build_exporter", lambda _, name: plugins.resolve(spec.factory)())
    assert export_run(run, "bare", tmp_path / "x.bare").path.is_file()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x/data/weights/model_weights_config.json", b'{"config": {"w": {"use_pickle": true}}}'),
        ("x/data/sample_inputs/model.pt", b"anything"),
    ],
)
def test_a_file_with_a_pickle_is_never_opened(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / "tampered.pt2"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    with pytest.raises(ExportError, match=rf"`{name}` is pickled, and mstasks never unpickles; export the run again"):
        TorchExporter().load(file)
