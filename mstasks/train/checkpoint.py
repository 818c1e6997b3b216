"""Checkpoints: safetensors and JSON in a folder that appears whole or not at all.

checkpoints/index.json           {"last": "step-000400", "best": "step-000300"}
checkpoints/step-000400/         model.safetensors  average.safetensors  training.safetensors  state.json  manifest.json
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mstasks.errors import MstasksError
from mstasks.runfolder import write_json
from mstasks.train.optim import named_parameters
from mstasks.train.state import TrainState

Which = Literal["last", "best"]
_MODEL, _AVERAGE, _TRAINING = "model.safetensors", "average.safetensors", "training.safetensors"
_COUNTERS = "state.json"


class CheckpointError(MstasksError):
    """A checkpoint is missing, damaged, or of another network."""


def save_checkpoint(folder: Path, state: TrainState, *, best: bool) -> Path:
    """Write the state as the last checkpoint, and as the best if it is; older ones that are neither are removed.

    Args:
        folder: The run's ``checkpoints`` folder.
        state: What to save.
        best: Whether this is the best so far.

    Returns:
        The checkpoint's folder.
    """
    name = f"step-{state.step:06d}"
    if name not in _index(folder).values():
        with _new_checkpoint(folder, name) as temporary:
            save_file(_contiguous(state.network.state_dict()), temporary / _MODEL)
            if state.average is not None:
                save_file(_contiguous(state.average.state_dict()), temporary / _AVERAGE)
            save_file(_training_tensors(state), temporary / _TRAINING)
            (temporary / _COUNTERS).write_text(json.dumps(_counters(state), indent=1))
    index = {**_index(folder), "last": name, **({"best": name} if best else {})}
    write_json(folder / "index.json", index)
    for other in folder.glob("step-*"):
        if other.name not in index.values():
            shutil.rmtree(other)
    return folder / name


def save_network(folder: Path, network: nn.Module, origin: Path) -> Path:
    """Write a network alone as last and best checkpoint: it can be evaluated, but training cannot go on from it.

    Args:
        folder: The run's ``checkpoints`` folder, without checkpoints.
        network: What to save.
        origin: The checkpoint that it was made from, whose name and counters it keeps.

    Returns:
        The checkpoint's folder.
    """
    with _new_checkpoint(folder, origin.name) as temporary:
        save_file(_contiguous(network.state_dict()), temporary / _MODEL)
        shutil.copyfile(origin / _COUNTERS, temporary / _COUNTERS)
    write_json(folder / "index.json", {"last": origin.name, "best": origin.name})
    return folder / origin.name


@contextmanager
def _new_checkpoint(folder: Path, name: str) -> Iterator[Path]:
    """A folder beside a checkpoint's place, renamed once it is full; what killed savers left behind goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in [*folder.glob(".step-*"), folder / name]:
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = folder / f".{name}.{os.getpid()}"
    temporary.mkdir()
    yield temporary
    hashes = {path.name: _sha256(path) for path in sorted(temporary.iterdir())}
    (temporary / "manifest.json").write_text(json.dumps({"sha256": hashes}, indent=1))
    temporary.rename(folder / name)


def weights_file(checkpoint: Path) -> Path:
    """The file of a checkpoint that `load_weights` reads."""
    average = checkpoint / _AVERAGE
    return average if average.is_file() else checkpoint / _MODEL


def find_checkpoint(folder: Path, which: Which) -> Path:
    """The last or best checkpoint, its files verified against the manifest.

    Raises:
        CheckpointError: If there is none, or a file was changed or cut short.
    """
    name = _index(folder).get(which)
    if name is None or not (folder / name).is_dir():
        raise CheckpointError(
            f"{folder}: no {which} checkpoint. The run was stopped before it saved one; run it again."
        )
    chosen = folder / name
    try:
        manifest = json.loads((chosen / "manifest.json").read_text())["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{chosen}: manifest.json is unreadable ({error}); the checkpoint is damaged.") from error
    for file, expected in manifest.items():
        if not (chosen / file).is_file() or _sha256(chosen / file) != expected:
            raise CheckpointError(f"{chosen / file}: missing or not as it was written; the checkpoint is damaged.")
    return chosen


def load_weights(checkpoint: Path, network: nn.Module) -> None:
    """Load the weights that were evaluated: the averaged ones if the run kept an average.

    Raises:
        CheckpointError: If they are of another network.
    """
    _load_strictly(network, read_weights(checkpoint), checkpoint)


def read_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The weights that `load_weights` loads, as a state dict of the network.

    Raises:
        CheckpointError: If they are unreadable.
    """
    file = weights_file(checkpoint)
    tensors = _read(file)
    return tensors if file.name == _MODEL else _strip(tensors, "module.")


def restore(checkpoint: Path, state: TrainState) -> None:
    """Put a checkpoint back into a freshly created state, random generators included.

    Raises:
        CheckpointError: If it is damaged or of another recipe.
    """
    counters = json.loads((checkpoint / _COUNTERS).read_text())
    _load_strictly(state.network, _read(checkpoint / _MODEL), checkpoint)
    if state.average is not None:
        _load_strictly(state.average, _read(checkpoint / _AVERAGE), checkpoint)
    tensors = _read(checkpoint / _TRAINING)
    for name, module in state.extras.items():
        _load_strictly(module, _strip(tensors, f"{name}."), checkpoint)
    _restore_moments(state, _strip(tensors, "optimizer."))
    torch.set_rng_state(tensors["rng.cpu"])
    if torch.cuda.is_available() and "rng.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng.cuda"])
    for name, value in counters.items():
        setattr(state, name, value)


def _counters(state: TrainState) -> dict[str, Any]:
    return {
        "step": state.step,
        "skipped": state.skipped,
        "seconds": state.seconds,
        "best_score": state.best_score,
        "best_step": state.best_step,
    }


def _training_tensors(state: TrainState) -> dict[str, Tensor]:
    tensors = {
        f"{name}.{key}": value for name, module in state.extras.items() for key, value in module.state_dict().items()
    }
    for name, parameter in _optimised(state).items():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{name}:{key}"] = value
    tensors["rng.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    return _contiguous(tensors)


def _restore_moments(state: TrainState, tensors: Mapping[str, Tensor]) -> None:
    parameters = _optimised(state)
    for key, value in tensors.items():
        name, _, moment = key.rpartition(":")
        parameter = parameters[name]
        # Like `Optimizer.load_state_dict`: moments follow their parameter's device and layout, step counts too.
        moved = value.to(parameter.device)
        if moved.dim() == 4:
            moved = moved.to(memory_format=torch.channels_last)
        state.optimizer.state[parameter][moment] = moved


def _optimised(state: TrainState) -> dict[str, nn.Parameter]:
    return dict(named_parameters({"network": state.network, **state.extras}))


def _strip(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().contiguous().cpu() for key, value in tensors.items()}


def _load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], checkpoint: Path) -> None:
    try:
        module.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"{checkpoint}: does not fit the network of this recipe: {error}") from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: unreadable: {error}") from error
    return tensors


def _index(folder: Path) -> dict[str, str]:
    path = folder / "index.json"
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
