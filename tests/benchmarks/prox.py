"""Cost of the proximal step on ResNet-50 beside the optimiser's own, and beside a plain Newton iteration.

    python tests/benchmarks/prox.py

One space for each convolution: its rows and the scale and shift of the norm after it, 23 of the network's 25 M parameters.
The arms take turns in one process; a figure is the median over the turns of the ratio of two neighbours.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import timm
import torch
from torch import Tensor, nn

from mstasks.sparsity.proximal import Metric, ProximalStep
from mstasks.sparsity.space import Member, Space, default_floor, group_weight

RATE, STRENGTH, BETAS, EPS = 1e-4, 1e-3, (0.9, 0.999), 1e-8
CAP, TOLERANCE = 100, 1e-7


def spaces_of(network: nn.Module) -> list[Space]:
    """In timm's ResNets, the norm of a convolution is the module with parameters that is registered after it."""
    layers = [(name, module) for name, module in network.named_modules() if list(module.parameters(recurse=False))]
    spaces = []
    for (name, module), (norm, _) in pairwise(layers):
        if isinstance(module, nn.Conv2d):
            members = (Member(f"{name}.weight"), Member(f"{norm}.weight"), Member(f"{norm}.bias"))
            spaces.append(Space(name, module.out_channels, members, default_floor(module.out_channels)))
    return spaces


class Arm:
    """A network with gradients, its optimiser, and the proximal step."""

    def __init__(self, metric: Metric) -> None:
        torch.manual_seed(0)
        network = timm.create_model("resnet50").to(memory_format=torch.channels_last)
        self.parameters = dict(network.named_parameters())
        self.optimizer = torch.optim.AdamW(self.parameters.values(), lr=RATE, betas=BETAS, eps=EPS, fused=True)
        for parameter in self.parameters.values():
            # Entries of a gradient differ by orders of magnitude, and so do those of the metric.
            parameter.grad = torch.randn_like(parameter) * torch.randn_like(parameter).exp() * 1e-3
        self.spaces = spaces_of(network)
        self.proximal = ProximalStep(self.spaces, self.parameters, self.optimizer, metric)

    def prox(self) -> None:
        self.proximal({space.name: STRENGTH for space in self.spaces})

    def step(self) -> None:
        self.optimizer.step()
        self.prox()


@torch.no_grad()
def plain_newton(arm: Arm) -> None:
    """The same prox by Newton's method on sum (D u)^2 / (D s + t)^2 - 1 from s = 0, to a tolerance or a cap."""
    for space in arm.spaces:
        weights = [arm.parameters[member.parameter] for member in space.members]
        u = torch.cat([weight.reshape(space.size, -1) for weight in weights], 1)
        d = torch.cat([denominator(arm.optimizer.state[weight]).reshape(space.size, -1) for weight in weights], 1)
        t = RATE * STRENGTH * group_weight(space, arm.parameters)
        s = u.new_zeros(space.size, 1)
        for _ in range(CAP):
            below = d * s + t
            excess = ((d * u) ** 2 / below**2).sum(1, keepdim=True) - 1
            slope = -2 * ((d * u) ** 2 * d / below**3).sum(1, keepdim=True)
            s = (s - excess / slope).clamp(min=0)
            if excess.abs().max() < TOLERANCE:
                break
        v = u * d * s / (d * s + t)
        for weight, part in zip(weights, v.split([weight[0].numel() for weight in weights], 1), strict=True):
            weight.copy_(part.reshape(weight.shape))


def denominator(state: dict[str, Tensor]) -> Tensor:
    return (state["exp_avg_sq"] / (1 - BETAS[1] ** state["step"])).sqrt() + EPS


def seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def report(name: str, others: list[float], base: list[float], times: str) -> None:
    ratios = [a / b for a, b in zip(others, base, strict=True)]
    print(
        f"{name:42} median {statistics.median(ratios):6.2f}, {min(ratios):.2f} to {max(ratios):.2f}   "
        f"({statistics.median(others) * 1e3:.0f} ms / {statistics.median(base) * 1e3:.0f} ms; {times})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=25)
    parser.add_argument("--newton-turns", type=int, default=3, help="turns of the plain Newton iteration, seconds each")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    euclidean, adam = Arm("euclidean"), Arm("adam")
    runs = {"alone": euclidean.optimizer.step, "euclidean": euclidean.step, "adam": adam.step}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(arguments.turns + 2):
        for name, run in runs.items() if turn % 2 == 0 else reversed(runs.items()):
            took = seconds(run)
            if turn >= 2:  # the first turns warm up
                times[name].append(took)
    print(f"{arguments.threads} threads, {arguments.turns} turns")
    report("AdamW fused + euclidean prox / AdamW fused", times["euclidean"], times["alone"], "at most 1.6")
    report("AdamW fused + Adam-metric prox / AdamW fused", times["adam"], times["alone"], "at most 8")
    plain, ours = [], []
    for _ in range(arguments.newton_turns):
        adam.optimizer.step()
        ours.append(seconds(adam.prox))
        plain.append(seconds(lambda: plain_newton(adam)))
    report("plain Newton / Adam-metric prox", plain, ours, "at least 20")


if __name__ == "__main__":
    main()
