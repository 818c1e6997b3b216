"""ONNX files: equal to the network in onnxruntime at any size, described, usable without mstasks."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from rich.console import Console

import mstasks_onnx
from mstasks import ExportError
from mstasks.export import export_run
from mstasks.fit import fit, start_run
from mstasks.plugins import load_plugins
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder
from mstasks.traced import DecodedNetwork
from mstasks.trained import open_trained
from mstasks_onnx.exporter import OnnxExporter

PAGE = (Path(__file__).parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
TASKS = ["segmentation", "depth", "normals", "edges", "attributes"]
RECIPE = """
name: tiny
data: {dataset: scenes, size: [48, 64], train: 8, val: 4, test: 4, batch_size: 4}
backbone: {model: test_resnet}
decoder: {width: 8}
tasks: {segmentation: {}, depth: {}, normals: {}, edges: {}, attributes: {}}
optim: {steps: 2}
run: {pictures: 0}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("onnx")
    (folder / "r.yaml").write_text(RECIPE)
    loaded = load_recipe(folder / "r.yaml")
    run = start_run(loaded, folder)
    fit(loaded, run, Console(quiet=True))
    return run


@pytest.fixture(scope="module")
def file(run: RunFolder) -> Path:
    return export_run(run, "onnx").path


@pytest.fixture(scope="module")
def network(run: RunFolder) -> DecodedNetwork:
    experiment, network = open_trained(run)
    return DecodedNetwork(network, experiment.tasks).eval()


def session(file: Path) -> Any:
    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("shape", [(1, 48, 64), (3, 65, 97), (2, 128, 64), (8, 48, 80)])
def test_onnxruntime_predicts_what_the_network_does(
    file: Path, network: DecodedNetwork, shape: tuple[int, int, int]
) -> None:
    images = torch.rand(shape[0], 3, *shape[1:], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = network(images)
    found = session(file).run(TASKS, {"image": images.numpy()})
    for name, value in zip(TASKS, found, strict=True):
        assert value.shape == tuple(expected[name].shape)
        assert np.abs(value - expected[name].numpy()).max() <= 1e-4 * expected[name].abs().max().item(), name


def test_input_and_outputs_have_names_and_free_lengths(file: Path) -> None:
    opened = session(file)
    (image,) = opened.get_inputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(float)", ["batch", 3, "height", "width"])
    shapes = {output.name: output.shape for output in opened.get_outputs()}
    assert list(shapes) == TASKS
    assert shapes["depth"] == ["batch", 1, "height", "width"]
    assert shapes["attributes"] == ["batch", 8]


def test_the_file_is_valid_alone_and_says_what_it_is(file: Path) -> None:
    onnx.checker.check_model(str(file), full_check=True)
    assert [path.name for path in file.parent.iterdir()] == ["tiny.onnx"]
    about = json.loads(session(file).get_modelmeta().custom_metadata_map["mstasks"])
    assert list(about["tasks"]) == TASKS
    assert about["tasks"]["normals"]["unit"].startswith("unit vector")
    assert str(Path(__file__).parents[3]).encode() not in file.read_bytes()


def test_the_script_of_the_page_runs_without_mstasks(file: Path, network: DecodedNetwork, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(# run_onnx.py\n.*?)```", PAGE, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    (tmp_path / "s.py").write_text("import sys; sys.modules['mstasks'] = sys.modules['torch'] = None\n" + code)
    photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    command = [sys.executable, "s.py", str(file), "photo.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "depth (1, 1, 48, 64) depth-map metres" in done.stdout.splitlines()
    with torch.no_grad():
        expected = network(torch.from_numpy(photo.transpose(2, 0, 1)[None].copy()).float() / 255)
    for name in TASKS:
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected[name][0].numpy(), rtol=1e-3, atol=1e-4)


def test_a_missing_library_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    gone = ("onnxscript", "onnxruntime")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else find(name))
    expected = r"exporting to ONNX needs onnxscript and onnxruntime: pip install 'mstasks\[onnx\]'$"
    with pytest.raises(ExportError, match=expected):
        OnnxExporter()


def test_the_exporter_is_found_and_listing_it_is_light() -> None:
    (spec,) = mstasks_onnx.register_exporters()
    assert load_plugins().find("exporter", "onnx") == spec
    code = "import sys, mstasks_onnx; mstasks_onnx.register_exporters(); print(*sys.modules)"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(fresh.stdout.split()) & {"torch", "onnx", "onnxruntime", "pydantic"}
