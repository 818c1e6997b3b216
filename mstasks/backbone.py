"""Any timm model as a backbone: feature maps of an image of any size."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import timm
from timm.models import get_pretrained_cfg
from torch import Tensor, nn

from mstasks.blocks import resize
from mstasks.errors import UsageError
from mstasks.weights import check_weights, imagenet_weights

Size = tuple[int, int]


class BackboneError(UsageError, ValueError):
    """timm cannot build the backbone that was asked for."""


class ImageBackbone(nn.Module):
    """A timm feature model whose maps are (batch, channels, height, width) for any image size.

    Convolutional models take any size as it is. Transformers take what fits their patches: their images are resized,
    not padded, so that maps cover the image exactly.

    Args:
        model: Built by ``timm.create_model(..., features_only=True)``.
        fixed_size: The only image size that the model takes, None if it takes others.
        multiple: Height and width must be multiples of it; 1 for any.

    Attributes:
        channels: Channels of the maps, fine to coarse.
        strides: Their strides.
        mean: Mean per colour that the model's weights expect of images in [0, 1].
        std: Standard deviation, alike.
    """

    def __init__(self, model: nn.Module, fixed_size: Size | None = None, multiple: int = 1) -> None:
        super().__init__()
        self.model = model
        self.fixed_size = fixed_size
        self.multiple = multiple
        described = cast("Any", model)
        self.channels: tuple[int, ...] = tuple(described.feature_info.channels())
        self.strides: tuple[int, ...] = tuple(described.feature_info.reduction())
        self.mean: tuple[float, ...] = tuple(described.pretrained_cfg["mean"])
        self.std: tuple[float, ...] = tuple(described.pretrained_cfg["std"])
        self.channels_last = str(getattr(described, "output_fmt", "NCHW")).endswith("NHWC")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps of normalised images, fine to coarse.

        Args:
            images: Shape (batch, 3, height, width).
        """
        maps: list[Tensor] = self.model(resize(images, self.accepted_size(images.shape[-2], images.shape[-1])))
        return [level.permute(0, 3, 1, 2) for level in maps] if self.channels_last else maps

    def accepted_size(self, height: int, width: int) -> Size:
        """The size that an image of (height, width) is resized to: the nearest that the model takes, not smaller."""
        if self.fixed_size is not None:
            return self.fixed_size
        return round_up((height, width), self.multiple)


def build_backbone(model: str, weights: str | Path, size: Size, output_stride: int | None = None) -> ImageBackbone:
    """A timm model as a backbone.

    Args:
        model: A timm model name.
        weights: ``imagenet``, ``random`` or the path of a .safetensors file in timm's names.
        size: Height and width that it will be trained at: what position embeddings are made for.
        output_stride: Dilate later stages to keep this stride; None for the model's own.

    Raises:
        BackboneError: If timm does not know the model, or it has no feature maps or no such output stride.
        WeightsError: If the weights cannot be had or do not fit.
    """
    check_model_name(model)
    file = _weights_file(model, weights)
    try:
        built = _create(model, size, file, {} if output_stride is None else {"output_stride": output_stride})
    except Exception as error:  # timm's models refuse with TypeError, AssertionError, RuntimeError, KeyError, ...
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BackboneError(_refusal(model, output_stride, reason)) from error
    if output_stride not in (None, built.strides[-1]):
        raise BackboneError(_refusal(model, output_stride, f"its maps have strides {built.strides}"))
    return built


def check_model_name(model: str) -> None:
    """Refuse a name that timm does not know, before anything is built.

    Raises:
        BackboneError: With what was probably meant.
    """
    architecture, _, tag = model.partition(".")
    names = timm.list_models()
    if architecture not in names:
        close = difflib.get_close_matches(architecture, names, n=3)
        hint = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
        raise BackboneError(f"timm {timm.__version__} has no model {model!r}. {hint}See timm.list_models() for all.")
    try:
        get_pretrained_cfg(model)
    except RuntimeError as error:
        known = ", ".join(timm.list_pretrained(f"{architecture}.*")) or "none"
        raise BackboneError(f"timm's {architecture!r} has no weights tagged {tag!r}. Known: {known}.") from error


def round_up(size: Size, multiple: int) -> Size:
    """The smallest multiples that are not below a height and width."""
    # No negative numbers: ONNX would round their quotient to zero instead of down.
    height, width = ((length + multiple - 1) // multiple * multiple for length in size)
    return height, width


def _weights_file(model: str, weights: str | Path) -> Path | None:
    if weights == "random":
        return None
    if weights == "imagenet":
        return imagenet_weights(model)
    check_weights(Path(weights), model)
    return Path(weights)


def _refusal(model: str, output_stride: int | None, reason: str) -> str:
    if output_stride is None:
        return f"timm's {model!r} cannot be a backbone: it gives no feature maps ({reason})."
    return (
        f"Backbone {model!r} cannot keep output_stride {output_stride} ({reason}). Leave out backbone.output_stride, "
        "or choose a model that timm can dilate, such as resnet50."
    )


def _create(model: str, size: Size, file: Path | None, arguments: Mapping[str, Any]) -> ImageBackbone:
    config = get_pretrained_cfg(model)
    if config is None or not config.fixed_input_size:
        return ImageBackbone(_feature_model(model, file, arguments))
    try:
        return _any_size(_feature_model(model, file, {"dynamic_img_size": True, **arguments}), size)
    except TypeError:  # the model has no such argument
        pass
    sized = round_up(size, 32)  # what the windows and the pyramids of published transformers divide into
    try:
        return ImageBackbone(_feature_model(model, file, {"img_size": sized, **arguments}), fixed_size=sized)
    except TypeError:
        height, width = config.input_size[-2:]
        return ImageBackbone(_feature_model(model, file, arguments), fixed_size=(height, width))


def _any_size(net: Any, size: Size) -> ImageBackbone:
    """A transformer that adapts to each image: its position embeddings are made for `size`, interpolated for others."""
    patch = max(net.feature_info.reduction())
    transformer: Any = getattr(net, "model", None)
    if hasattr(transformer, "set_input_size"):
        transformer.set_input_size(img_size=round_up(size, patch))
    return ImageBackbone(net, multiple=patch)


def _feature_model(model: str, file: Path | None, arguments: Mapping[str, Any]) -> Any:
    weights: dict[str, Any] = {}
    if file is not None:
        # custom_load would read the model's original format instead of safetensors.
        weights = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(file), "custom_load": False}}
    with _quiet():
        return timm.create_model(model, features_only=True, **weights, **arguments)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without timm's warnings about layers after the last map, which a feature model leaves out on purpose."""
    logger = logging.getLogger("timm.models._builder")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
