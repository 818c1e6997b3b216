"""timm models as backbones: maps, sizes, strides, and errors that say what to do."""

from __future__ import annotations

import math

import pytest
import timm
import torch
from torch import nn

from mstasks.backbone import BackboneError, build_backbone
from mstasks.errors import UsageError

CONVOLUTIONAL = ["resnet18", "tf_efficientnet_lite0", "mobilenetv3_small_050", "convnext_atto"]
DILATED = [("resnet18", 8), ("resnet18", 16), ("tf_efficientnet_lite0", 16), ("convnext_atto", 8)]
VIT = "vit_tiny_patch16_224"


@pytest.mark.parametrize("model", [*CONVOLUTIONAL, VIT])
@pytest.mark.parametrize("size", [(64, 96), (33, 65)])
def test_stated_channels_and_strides_are_those_of_the_maps(model: str, size: tuple[int, int]) -> None:
    backbone = build_backbone(model, "random", (64, 96)).eval()
    maps = backbone(torch.rand(1, 3, *size))
    assert len(maps) == len(backbone.channels) == len(backbone.strides) >= 3
    for level, channels, stride in zip(maps, backbone.channels, backbone.strides, strict=True):
        assert level.shape[:2] == (1, channels)
        for found, length in zip(level.shape[-2:], size, strict=True):
            assert found in (length // stride, math.ceil(length / stride))


@pytest.mark.parametrize(("model", "output_stride"), DILATED)
def test_output_stride_keeps_the_resolution(model: str, output_stride: int) -> None:
    backbone = build_backbone(model, "random", (64, 96), output_stride).eval()
    maps = backbone(torch.rand(1, 3, 64, 96))
    assert backbone.strides[-1] == output_stride
    assert maps[-1].shape[-2:] == (64 // output_stride, 96 // output_stride)


def test_output_stride_of_a_transformer_is_refused_by_name() -> None:
    with pytest.raises(BackboneError, match=r"Backbone 'vit_tiny_patch16_224' cannot keep output_stride 8 .*resnet50"):
        build_backbone(VIT, "random", (96, 96), 8)


def test_a_transformer_resizes_the_image_to_its_patches() -> None:
    backbone = build_backbone(VIT, "random", (96, 96)).eval()
    image = torch.rand(1, 3, 90, 100)
    stretched = nn.functional.interpolate(image, size=(96, 112), mode="bilinear")
    for found, expected in zip(backbone(image), backbone(stretched), strict=True):
        torch.testing.assert_close(found, expected)


def test_position_embeddings_are_made_for_the_size_of_training() -> None:
    state = build_backbone(VIT, "random", (96, 120)).state_dict()
    (embedding,) = [value for name, value in state.items() if name.endswith("pos_embed")]
    assert embedding.shape[1] == 1 + (96 // 16) * (128 // 16)


def test_a_transformer_of_one_size_takes_images_of_any() -> None:
    backbone = build_backbone("beit_base_patch16_224", "random", (64, 64)).eval()
    with torch.no_grad():
        maps = backbone(torch.rand(1, 3, 50, 90))
    assert backbone.fixed_size == (64, 64)
    assert maps[-1].shape[-2:] == (4, 4)


def test_channels_come_first_whatever_the_model() -> None:
    backbone = build_backbone("swin_tiny_patch4_window7_224", "random", (64, 64)).eval()
    with torch.no_grad():
        maps = backbone(torch.rand(1, 3, 64, 96))
    assert [tuple(level.shape[1:]) for level in maps] == [(96, 16, 24), (192, 8, 12), (384, 4, 6), (768, 2, 3)]


def test_normalisation_is_the_models_own() -> None:
    lite = build_backbone("tf_efficientnet_lite0", "random", (64, 64))
    resnet = build_backbone("resnet18", "random", (64, 64))
    assert (lite.mean, lite.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert (resnet.mean, resnet.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_the_seed_decides_random_weights() -> None:
    states = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        states.append(build_backbone("mobilenetv3_small_050", "random", (64, 64)).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet81", r"has no model 'resnet81'\. Did you mean 'resnet\d+'"),
        ("qqqqqqqqqqqqqqqq", r"has no model 'qqqqqqqqqqqqqqqq'\. See timm\.list_models"),
        ("resnet18.nonsense", r"'resnet18' has no weights tagged 'nonsense'\. Known: .*resnet18\.a1_in1k"),
        ("hf-hub:timm/resnet18", r"has no model 'hf-hub:timm/resnet18'"),
        ("local-dir:/tmp", r"has no model 'local-dir:/tmp'"),
        ("", r"has no model ''"),
    ],
)
def test_unknown_models_are_explained(name: str, message: str) -> None:
    with pytest.raises(BackboneError, match=message) as caught:
        build_backbone(name, "random", (64, 64))
    assert isinstance(caught.value, UsageError)


def test_a_model_without_feature_maps_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("features_only not implemented for this model.\nlong explanation")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(
        BackboneError, match=r"'resnet18' cannot be a backbone: .*features_only not implemented for this"
    ):
        build_backbone("resnet18", "random", (64, 64))
