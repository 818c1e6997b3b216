"""Weights of a backbone: from files and the hub's cache, never from pickle, and errors that say what to do."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import Tensor, nn

from mstasks import weights as weights_module
from mstasks.backbone import build_backbone
from mstasks.weights import WeightsError

VIT = "vit_tiny_patch16_224"
MODELS = ["resnet18", "resnet50", "tf_efficientnet_lite0", "mobilenetv3_small_050", "convnext_atto", VIT]


def randomised(model: nn.Module, seed: int = 1) -> nn.Module:
    """The model with every float tensor random and norm statistics valid, so that no two tensors are alike."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            noise = torch.rand(value.shape, generator=generator)
            value.copy_(0.5 + noise if name.endswith(("running_var", "gamma")) else (noise - 0.5) * 0.1)
    return model.eval()


def saved(state: dict[str, Tensor], path: Path) -> Path:
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return path


@pytest.fixture
def resnet_state() -> dict[str, Tensor]:
    return timm.create_model("resnet18").state_dict()


@pytest.mark.parametrize("model", MODELS)
def test_a_file_in_timms_names_gives_the_maps_of_the_full_model(model: str, tmp_path: Path) -> None:
    full = randomised(timm.create_model(model))
    file = saved(full.state_dict(), tmp_path / "model.safetensors")
    size = (224, 224) if model == VIT else (64, 96)
    backbone = build_backbone(model, file, size).eval()
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        expected = full.forward_intermediates(image, indices=len(backbone.channels), intermediates_only=True)
        found = backbone(image)
    for one, other in zip(found, expected, strict=True):
        assert one.std() > 1e-4
        torch.testing.assert_close(one, other)


def test_weights_apply_to_a_dilated_model_too(tmp_path: Path) -> None:
    full = randomised(timm.create_model("resnet50"))
    backbone = build_backbone("resnet50", saved(full.state_dict(), tmp_path / "a.safetensors"), (64, 64), 8)
    mine = {name.removeprefix("model."): value for name, value in backbone.state_dict().items()}
    assert len(mine) > 300
    assert all(torch.equal(value, full.state_dict()[name]) for name, value in mine.items())


@pytest.mark.parametrize("classes", [None, 13])
def test_the_classifier_may_be_missing_or_of_any_size(
    classes: int | None, resnet_state: dict[str, Tensor], tmp_path: Path
) -> None:
    state = {name: value for name, value in resnet_state.items() if not name.startswith("fc.")}
    if classes is not None:
        state |= {"fc.weight": torch.zeros(classes, 512), "fc.bias": torch.zeros(classes)}
    backbone = build_backbone("resnet18", saved(state, tmp_path / "a.safetensors"), (64, 64))
    assert torch.equal(backbone.state_dict()["model.conv1.weight"], resnet_state["conv1.weight"])


def test_a_file_of_another_model_is_refused_with_a_few_names(resnet_state: dict[str, Tensor], tmp_path: Path) -> None:
    del resnet_state["layer1.0.conv1.weight"]
    resnet_state["stem.weight"] = torch.zeros(2)
    resnet_state["conv1.weight"] = torch.zeros(64, 3, 3, 3)
    file = saved(resnet_state, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError) as caught:
        build_backbone("resnet18", file, (64, 64))
    assert str(caught.value) == (
        f"{file} does not hold the weights of timm's 'resnet18': 1 missing (layer1.0.conv1.weight); "
        "1 unexpected (stem.weight); 1 of another shape (conv1.weight (64, 3, 3, 3) instead of (64, 3, 7, 7))."
    )


def test_long_lists_are_cut(resnet_state: dict[str, Tensor], tmp_path: Path) -> None:
    file = saved(resnet_state, tmp_path / "resnet.safetensors")
    with pytest.raises(WeightsError, match=r"\d+ missing \(\S+, \S+, \S+, \.\.\.\)") as caught:
        build_backbone("convnext_atto", file, (64, 64))
    assert len(str(caught.value)) < 400 + len(str(file))


class Canary:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    ("name", "message"),
    [("weights.safetensors", "is not a safetensors file"), ("weights.pth", r"or a \.safetensors file\. Found")],
)
def test_pickle_is_refused_and_never_executed(name: str, message: str, tmp_path: Path) -> None:
    canary = tmp_path / "executed"
    file = tmp_path / name
    file.write_bytes(pickle.dumps(Canary(canary)))
    with pytest.raises(WeightsError, match=message):
        build_backbone("resnet18", file, (64, 64))
    assert not canary.exists()
    pickle.loads(file.read_bytes())
    assert canary.exists(), "the canary does not work, the test above shows nothing"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"backbone\.weights: there is no file .*nowhere\.safetensors"):
        build_backbone("resnet18", tmp_path / "nowhere.safetensors", (64, 64))


def test_imagenet_weights_come_from_the_local_cache_without_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    repository = tmp_path / "models--timm--resnet18.a1_in1k"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    full = randomised(timm.create_model("resnet18"))
    saved(full.state_dict(), snapshot / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(weights_module, "get_hf_file_metadata", no_network)
    backbone = build_backbone("resnet18", "imagenet", (64, 64))
    assert torch.equal(backbone.state_dict()["model.conv1.weight"], full.state_dict()["conv1.weight"])


def test_without_network_the_error_names_the_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    started = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        build_backbone("resnet18", "imagenet", (64, 64))
    assert time.monotonic() - started < 5
    text = str(caught.value)
    assert "Fetch the file model.safetensors of hub model timm/resnet18.a1_in1k" in text
    assert "backbone.weights=/path/to/model.safetensors" in text
    assert "backbone.weights=random" in text


def test_offline_mode_gives_the_same_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        WeightsError, match=r"\(OfflineModeIsEnabled\)\. Fetch the file model\.safetensors of hub model"
    ):
        build_backbone("resnet18", "imagenet", (64, 64))


def test_a_model_without_published_weights_is_explained() -> None:
    with pytest.raises(WeightsError, match=r"no \.safetensors weights for backbone 'gcvit_tiny'"):
        build_backbone("gcvit_tiny", "imagenet", (64, 64))


@pytest.mark.real_data
def test_real_imagenet_weights_load_by_path(tmp_path: Path) -> None:
    folder = os.environ.get("MSTASKS_TEST_DATA")
    if not folder or not (Path(folder) / "lite0_to_timm.py").is_file():
        pytest.skip("MSTASKS_TEST_DATA names no folder with lite0_to_timm.py")
    file = tmp_path / "lite0.safetensors"
    subprocess.run([sys.executable, Path(folder) / "lite0_to_timm.py", file], check=True, capture_output=True)
    full = timm.create_model(
        "tf_efficientnet_lite0", pretrained_cfg_overlay={"file": str(file)}, pretrained=True
    ).eval()
    backbone = build_backbone("tf_efficientnet_lite0", file, (96, 128)).eval()
    image = torch.rand(1, 3, 96, 128)
    with torch.no_grad():
        expected = full.forward_intermediates(image, intermediates_only=True)
        for one, other in zip(backbone(image), expected, strict=True):
            torch.testing.assert_close(one, other)
