"""`mstasks fit --dry-run`: what a recipe will cost, without training it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.experiment import Experiment
from mstasks.macs import Cost, network_cost, total_cost
from mstasks.synthetic import synthetic_batch
from mstasks.train.step import train_step

_BYTES = 4
_TIMED_STEPS = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cost of a recipe.

    Attributes:
        networks: How many networks it trains: one, or one per task.
        steps: Steps of each.
        batch_size: Images a step.
        costs: Parameters and MACs by part, of all networks together.
        seconds: Training time of all networks on this machine, from timed steps on synthetic images: without
            reading data, validation and pictures.
        memory: Bytes for weights, gradients, AdamW's moments and the activations that the backward pass keeps.
        disk: Bytes of the checkpoints that are kept, the last and the best.
    """

    networks: int
    steps: int
    batch_size: int
    costs: Mapping[str, Cost]
    seconds: float
    memory: int
    disk: int

    def lines(self) -> list[str]:
        """The estimate for reading."""
        total = total_cost(self.costs)
        minutes = self.seconds / 60
        return [
            f"networks    {self.networks}",
            f"steps       {self.steps} of {self.batch_size} images",
            f"parameters  {total.parameters / 1e6:.2f} M ({_parts(self.costs, 'parameters')})",
            f"MACs        {total.macs / 1e6:.1f} M an image ({_parts(self.costs, 'macs')})",
            f"time        about {minutes:.1f} min of steps on this machine, reading data not included",
            f"memory      about {self.memory / 2**20:.0f} MiB besides the data and the libraries",
            f"disk        about {self.disk / 2**20:.0f} MiB of checkpoints",
        ]


def _parts(costs: Mapping[str, Cost], field: str) -> str:
    shown = {part: getattr(cost, field) / 1e6 for part, cost in costs.items()}
    return ", ".join(f"{part} {value:.2f} M" for part, value in shown.items())


def estimate(experiments: list[Experiment]) -> Estimate:
    """Estimate a recipe's networks: build each, count it, and time a few steps on synthetic images."""
    costs: dict[str, Cost] = {}
    seconds, memory, disk = 0.0, 0, 0
    for experiment in experiments:
        network = experiment.build_network(pretrained=False)
        for part, cost in network_cost(network, experiment.recipe.data.size).items():
            old = costs.get(part, Cost(0, 0))
            costs[part] = Cost(old.parameters + cost.parameters, old.macs + cost.macs)
        weights = sum(parameter.numel() for parameter in network.parameters())
        step_seconds, activations = _measure(experiment)
        seconds += step_seconds * experiment.recipe.optim.steps
        copies = 4 + (experiment.recipe.optim.ema is not None)
        memory = max(memory, copies * weights * _BYTES + activations)
        disk += 2 * (copies - 1) * weights * _BYTES
    recipe = experiments[0].recipe
    return Estimate(len(experiments), recipe.optim.steps, recipe.data.batch_size, costs, seconds, memory, disk)


def _measure(experiment: Experiment) -> tuple[float, int]:
    """Seconds a step, and bytes that the backward pass of a micro-batch keeps."""
    recipe = experiment.recipe
    state = experiment.build_state(pretrained=False)
    batch = synthetic_batch(experiment.infos, experiment.pipeline, recipe.data.size, recipe.data.batch_size)
    kept = _KeptTensors(state.network)
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, kept.unpack):
        train_step(state, batch, experiment.tasks, recipe.optim)
    began = time.perf_counter()
    for _ in range(_TIMED_STEPS):
        train_step(state, batch, experiment.tasks, recipe.optim)
    return (time.perf_counter() - began) / _TIMED_STEPS, kept.total // recipe.optim.accumulate


class _KeptTensors:
    """Counts the bytes of the distinct tensors that autograd keeps, the network's own parameters left out."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._seen = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
        self.total = 0

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.total += storage.nbytes()
        return tensor

    def unpack(self, tensor: Tensor) -> Tensor:
        return tensor
