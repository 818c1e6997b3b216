"""What networks cost whatever runs them, and what the machine is."""

from __future__ import annotations

import platform
from collections.abc import Iterable

import torch
from safetensors.torch import save

from mstasks.bench.memory import peak_memory
from mstasks.bench.result import NetworkFacts
from mstasks.macs import network_cost, total_cost
from mstasks.network import Network


def network_facts(name: str, network: Network, size: tuple[int, int], batches: Iterable[int]) -> NetworkFacts:
    """MACs, parameters, size of the weights as a safetensors file, and peak memory by batch size.

    Args:
        name: Of the network.
        network: Left as it is.
        size: Height and width of the images.
        batches: Batch sizes.
    """
    cost = total_cost(network_cost(network, size))
    tensors = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    memory = {batch: peak_memory(network, size, batch) for batch in batches}
    return NetworkFacts(name, cost.macs, cost.parameters, len(save(tensors)), memory)


def machine(device: torch.device) -> dict[str, str | int]:
    """What times were taken on: ``device``, ``processor``, ``threads`` of the CPU, ``torch``."""
    on_gpu = device.type == "cuda"
    return {
        "device": device.type,
        "processor": torch.cuda.get_device_name(device) if on_gpu else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }
