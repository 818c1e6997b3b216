"""Are targets met, and is what was removed really gone? Short real fits of every kind of convolutional backbone.

    OMP_NUM_THREADS=1 python tests/benchmarks/targets.py

Each row is a training run on rendered scenes of 64x64 with priced sparsity, from the recipe on. After it the dead channels
are removed, and torch's FLOP counter says what the compact network costs in the scope of the target. A run fails that
misses its target by more than 0.005, whose removed groups are not exactly zero, or whose compact network predicts
otherwise than the trained one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from mstasks.experiment import Experiment
from mstasks.macs import network_cost
from mstasks.network import Network
from mstasks.recipe import load_recipe
from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.compact import compact
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.spaces import parts_of
from mstasks.train.step import train_step

RECIPE = """
name: targets
method: sparse
data: {dataset: scenes, size: [64, 64], train: 32, batch_size: 4, augment: [{HorizontalFlip: {p: 0.5}}]}
backbone: {model: resnet18}
decoder: {width: 16}
tasks: {segmentation: {}, depth: {}, attributes: {}}
sparsity: {strength: priced, target: {macs: 0.5}}
optim: {lr: 1.0e-3, steps: 24}
"""
BACKBONES = {
    "resnet18": "{model: resnet18}",
    "resnet50 of stride 8": "{model: resnet50, output_stride: 8}",
    "tf_efficientnet_lite0": "{model: tf_efficientnet_lite0}",
    "mobilenetv3_small_050": "{model: mobilenetv3_small_050}",
    "convnext_atto": "{model: convnext_atto}",
}
STEPS = {"resnet50 of stride 8": 12}  # whose steps take several times as long
SCOPES, TARGETS = ("shared", "backbone"), (0.5, 0.25)
ALLOWED_MISS, ALLOWED_DIFFERENCE = 0.005, 1e-5


@dataclass(frozen=True)
class Outcome:
    """What a run left: groups that were removed of all, MACs of the scope as a fraction, differences, seconds."""

    removed: int
    groups: int
    fraction: float
    revived: int
    difference: float
    seconds: float

    def passed(self, target: float) -> bool:
        met = abs(self.fraction - target) <= ALLOWED_MISS
        return met and self.removed > 0 and self.revived == 0 and self.difference <= ALLOWED_DIFFERENCE


def run(path: Path, overrides: list[str]) -> Outcome:
    """Train a recipe without a run folder, and look at what is left."""
    began = time.perf_counter()
    experiment = Experiment(load_recipe(path, overrides))
    state = experiment.build_state()
    for batch in experiment.train_batches(0):
        train_step(state, batch, experiment.tasks, experiment.recipe.optim)
    assert state.strength is not None
    part, network = state.strength.part, state.network.eval()
    small = compact(network, part.costs.spaces)
    removed = {name: ~alive for name, alive in part.alive.items()}
    return Outcome(
        removed=sum(int(gone.sum()) for gone in removed.values()),
        groups=sum(len(gone) for gone in removed.values()),
        fraction=scope_macs(small, part) / scope_macs(network, part),
        revived=sum(int((removed[name] & ~zero_groups(s, part.parameters)).sum()) for name, s in part.spaces.items()),
        difference=largest_difference(network, small),
        seconds=time.perf_counter() - began,
    )


def scope_macs(network: Network, part: SparsePart) -> int:
    costs = network_cost(network, part.size)
    return sum(costs[name].macs for name in parts_of(part.groups.scope))


@torch.no_grad()
def largest_difference(one: Network, other: Network) -> float:
    """Over tasks, the largest difference of predictions over the largest prediction."""
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    expected, found = one(images), other(images)
    return max(float((found[name] - value).abs().max() / value.abs().max()) for name, value in expected.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=24, help="of every run but those of ResNet-50, which have 12")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| backbone | scope | target MACs | counted MACs | channels removed | compact - masked | seconds | |")
    print("|---|---|---|---|---|---|---|---|")
    passed = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "targets.yaml"
        path.write_text(RECIPE)
        for (name, backbone), scope, target in product(BACKBONES.items(), SCOPES, TARGETS):
            overrides = [f"backbone={backbone}", f"sparsity.scope={scope}", f"sparsity.target.macs={target}"]
            found = run(path, [*overrides, f"optim.steps={STEPS.get(name, arguments.steps)}"])
            passed.append(found.passed(target))
            print(
                f"| {name} | {scope} | {target:.2f} | {found.fraction:.4f} | {found.removed} of {found.groups} | "
                f"{found.difference:.0e} | {found.seconds:.1f} | {'ok' if passed[-1] else 'FAILED'} |",
                flush=True,
            )
    if not all(passed):
        raise SystemExit(f"{passed.count(False)} of {len(passed)} runs failed")


if __name__ == "__main__":
    main()
