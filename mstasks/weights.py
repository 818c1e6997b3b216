"""Weights of a backbone: timm's own from the hub or its cache, or a .safetensors file in timm's names. Never pickle."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import timm
import torch
from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from safetensors import SafetensorError, safe_open
from timm.models import get_pretrained_cfg

from mstasks.errors import MstasksError

_FILE = "model.safetensors"
_PROBE_SECONDS = 10.0
_Shapes = Mapping[str, tuple[int, ...]]


class WeightsError(MstasksError, ValueError):
    """The weights of a backbone cannot be had, or do not fit it."""


def imagenet_weights(model: str) -> Path:
    """The file of timm's default pretrained weights: from the Hugging Face cache, else downloaded.

    The hub is asked once before the download and its retries start, so that a machine without network fails in seconds.

    Args:
        model: A timm model name, with or without a tag.

    Raises:
        WeightsError: If timm has none, or they are neither cached nor within reach.
    """
    config = get_pretrained_cfg(model)
    if config is None or not config.hf_hub_id:
        raise WeightsError(
            f"timm offers no .safetensors weights for backbone {model!r}. Set backbone.weights=random, or convert its "
            "weights and set backbone.weights=/path/to/model.safetensors."
        )
    repository, _, revision = config.hf_hub_id.partition("@")
    cached = try_to_load_from_cache(repository, _FILE, revision=revision or None)
    if isinstance(cached, str):
        return Path(cached)
    try:
        get_hf_file_metadata(hf_hub_url(repository, _FILE, revision=revision or None), timeout=_PROBE_SECONDS)
        return Path(hf_hub_download(repository, _FILE, revision=revision or None))
    except Exception as error:  # no network, offline mode, proxy, missing file: each of another library's types
        raise WeightsError(
            f"The weights of backbone {model!r} are not on this machine and the Hugging Face hub gave none "
            f"({type(error).__name__}). Fetch the file {_FILE} of hub model {repository} elsewhere and set "
            f"backbone.weights=/path/to/{_FILE}, or set backbone.weights=random."
        ) from error


def check_weights(path: Path, model: str) -> None:
    """Refuse a file that does not hold exactly the weights of a timm model; only its header is read.

    The classifier may be missing, or of any size: it is not used.

    Args:
        path: A .safetensors file in timm's names.
        model: A timm model name.

    Raises:
        WeightsError: With the first few names that are missing, unexpected or of another shape.
    """
    found = _shapes_in_file(path)
    with torch.device("meta"):  # names and shapes only: no memory, no random numbers
        full = timm.create_model(model)
    expected = {name: tuple(value.shape) for name, value in full.state_dict().items()}
    classifier = _classifier_prefixes(model)
    wanted = {name for name in expected if not name.startswith(classifier)}
    given = {name for name in found if not name.startswith(classifier)}
    # Files written by an old torch lack this counter of BatchNorm; torch fills it in.
    missing = {name for name in wanted - given if not name.endswith("num_batches_tracked")}
    differing = [name for name in sorted(wanted & given) if found[name] != expected[name]]
    shapes = [f"{name} {found[name]} instead of {expected[name]}" for name in differing]
    problems = [
        *_listed("missing", sorted(missing)),
        *_listed("unexpected", sorted(given - wanted)),
        *_listed("of another shape", shapes),
    ]
    if problems:
        raise WeightsError(f"{path} does not hold the weights of timm's {model!r}: {'; '.join(problems)}.")


def _shapes_in_file(path: Path) -> _Shapes:
    if path.suffix != ".safetensors":
        raise WeightsError(f"backbone.weights must be 'imagenet', 'random' or a .safetensors file. Found {path}.")
    if not path.is_file():
        raise WeightsError(f"backbone.weights: there is no file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            return {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except SafetensorError as error:
        raise WeightsError(
            f"{path} is not a safetensors file ({error}). Save it with safetensors.torch.save_file."
        ) from error


def _classifier_prefixes(model: str) -> tuple[str, ...]:
    config = get_pretrained_cfg(model)
    names = (config.classifier if config is not None else None) or ()
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _listed(what: str, names: Collection[str], shown: int = 3) -> list[str]:
    if not names:
        return []
    rest = ", ..." if len(names) > shown else ""
    return [f"{len(names)} {what} ({', '.join(list(names)[:shown])}{rest})"]
