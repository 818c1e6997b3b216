"""What `mstasks bench` found, and how bench.json holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mstasks.bench.measure import Times


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What a network costs, whatever runs it.

    Attributes:
        name: ``dense``, ``masked``, ``compact``, or the name of an exported file.
        macs: Multiply-accumulates for one image; None for a file, which does not tell.
        parameters: Number of parameters, or None alike.
        bytes: Of the file that holds the weights.
        peak_memory: By batch size, bytes of the images and of all that a forward pass holds at its worst
            moment, without the weights; None alike.
    """

    name: str
    macs: int | None
    parameters: int | None
    bytes: int
    peak_memory: Mapping[int, int] | None


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One network on one backend at one batch size.

    Attributes:
        network: ``dense``, ``masked``, ``compact`` or ``exported``; what is exported decodes its predictions too.
        backend: Its name, or the exporter's.
        batch: Images at once.
        times: Of a forward pass.
        speedup: How many times faster it is than the first arm of this batch size, the median over rounds.
        difference: Largest difference of a prediction over its task's largest magnitude, against what the run's own
            network predicts as every command runs it; the dense network of a sparse run is compared with itself.
    """

    network: str
    backend: str
    batch: int
    times: Times
    speedup: float
    difference: float


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Everything.

    Attributes:
        size: Height and width of the images.
        machine: ``device``, ``processor``, ``threads``, ``torch``.
        networks: What each network costs.
        arms: What was measured; of each batch size the first is the one that `speedup` speaks of.
        left_out: What was not, and why, a sentence each.
    """

    size: tuple[int, int]
    machine: Mapping[str, str | int]
    networks: tuple[NetworkFacts, ...]
    arms: tuple[ArmResult, ...]
    left_out: tuple[str, ...]

    @property
    def conditions(self) -> str:
        """What the times hold for, in a line."""
        (height, width), machine = self.size, self.machine
        threads = f"{machine['threads']} thread{'s' if machine['threads'] != 1 else ''}"
        return f"{height} x {width} images, {machine['device']}, {threads}, torch {machine['torch']}"

    def document(self) -> dict[str, Any]:
        """The content of bench.json."""
        return {
            "size": list(self.size),
            "machine": dict(self.machine),
            "networks": {
                facts.name: {
                    "macs": facts.macs,
                    "parameters": facts.parameters,
                    "bytes": facts.bytes,
                    "peak_memory": facts.peak_memory and {str(key): value for key, value in facts.peak_memory.items()},
                }
                for facts in self.networks
            },
            "arms": [_arm(arm) for arm in self.arms],
            "left_out": list(self.left_out),
        }


def _arm(arm: ArmResult) -> dict[str, Any]:
    first, third = arm.times.quartiles
    return {
        "network": arm.network,
        "backend": arm.backend,
        "batch": arm.batch,
        "rounds": len(arm.times.seconds),
        "seconds": {"median": arm.times.median, "first_quartile": first, "third_quartile": third},
        "speedup": arm.speedup,
        "difference": arm.difference,
    }
