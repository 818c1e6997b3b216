"""The arms of a comparison: each network on each backend that can run it here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.bench.backends import Backend, Forward, UnavailableError, start
from mstasks.equality import relative_difference
from mstasks.network import Network


@dataclass(frozen=True, slots=True)
class Arm:
    """One network on one backend.

    Attributes:
        network: Name of the network.
        backend: Name of the backend.
        forward: Runs it.
    """

    network: str
    backend: str
    forward: Forward


def prepare_arms(
    networks: Mapping[str, Network], backends: Sequence[Backend], images: Tensor
) -> tuple[list[Arm], list[str]]:
    """Every network on every backend, in that order, and what cannot run here, a sentence each.

    Args:
        networks: By name, in evaluation mode.
        backends: In the order of the arms.
        images: What each arm is tried on: float32 in [0, 1], shape (batch, 3, height, width), on the networks' device.
    """
    arms, left_out = [], []
    for name, network in networks.items():
        for backend in backends:
            try:
                forward = start(backend, network, images)
            except UnavailableError as error:
                left_out.append(f"{name}, {backend.name}: {error}")
            else:
                arms.append(Arm(name, backend.name, forward))
    return arms, left_out


@torch.no_grad()
def predictions(forward: Forward, images: Tensor) -> dict[str, Tensor]:
    """Raw predictions by task, float32, on the CPU."""
    return {task: output.float().cpu() for task, output in forward(images).items()}


def largest_difference(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> float:
    """Largest difference over the largest magnitude of the task's expected prediction, over all tasks.

    Returns:
        0 for equal predictions; NaN or infinity if a value is not finite, or if all expected ones are zero and others
        are not.
    """
    worst = torch.zeros(())
    for task, value in expected.items():
        worst = torch.maximum(worst, relative_difference(found[task], value))  # hands NaN on
    return float(worst)


def pass_of(forward: Forward, images: Tensor) -> Callable[[], None]:
    """A call that runs one forward pass and returns when the device has done it."""
    wait = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(images.device.type)

    def run() -> None:
        with torch.no_grad():
            forward(images)
        if wait is not None:
            wait()

    return run
