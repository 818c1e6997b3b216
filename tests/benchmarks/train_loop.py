"""Images/s of the training loop against a hand-written torch loop doing the same work.

    python tests/benchmarks/train_loop.py

Both train the same network on the same cached scenes (albumentations flip, segmentation + depth + attributes averaged over each
image's valid labels, AdamW, clipping, cosine), in one process, in turns of under a second; the figure is the median over the turns of the ratio of two neighbours.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import albumentations
import numpy as np
import torch
from torch.nn import functional

from mstasks.experiment import Experiment
from mstasks.recipe import load_recipe
from mstasks.train.step import train_step

RECIPE = """
name: bench
device: cpu
data: {dataset: scenes, size: [96, 96], train: 256, batch_size: 32, augment: [{HorizontalFlip: {p: 0.5}}]}
backbone: {model: mobilenetv3_small_050}
tasks: {segmentation: {}, depth: {}, attributes: {}}
optim: {steps: 1000000, warmup: 0.0}
"""


def ours(experiment: Experiment) -> Callable[[], None]:
    state = experiment.build_state()
    batches = experiment.train_batches(0)
    return lambda: train_step(state, next(batches), experiment.tasks, experiment.recipe.optim) and None


def by_hand(experiment: Experiment) -> Callable[[], None]:
    network = experiment.build_network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    dataset, ids = experiment.dataset, list(experiment.ids("train"))
    generator = np.random.default_rng(0)
    step = 0

    flip = albumentations.Compose([albumentations.HorizontalFlip(p=0.5)], seed=0)

    def load() -> list[torch.Tensor]:
        rows = []
        for index in generator.integers(0, len(ids), 32):
            sample = dataset.load(ids[index], ["segmentation", "depth", "attributes"])
            label, depth = sample.targets["segmentation"], sample.targets["depth"]
            maps = [label.value, label.valid.astype(np.uint8), depth.value, depth.valid.astype(np.uint8)]
            moved = flip(image=sample.image, masks=maps)
            attributes = sample.targets["attributes"]
            rows.append([moved["image"].transpose(2, 0, 1), *moved["masks"], attributes.value, attributes.valid])
        return [torch.from_numpy(np.stack(arrays)) for arrays in zip(*rows, strict=True)]

    def mean(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Over each image's valid elements, then over the images that have any."""
        counts = valid.flatten(1).sum(1)
        return ((values * valid).flatten(1).sum(1) / counts.clamp(min=1)).sum() / (counts > 0).sum().clamp(min=1)

    def train() -> None:
        nonlocal step
        images, labels, labelled, depth, measured, attributes, annotated = load()
        outputs = network(images.to(memory_format=torch.channels_last).float() / 255)
        scores, metres = (
            functional.interpolate(outputs[name], size=images.shape[-2:], mode="bilinear")
            for name in ("segmentation", "depth")
        )
        wanted = labels.long().masked_fill(labelled == 0, -100)
        loss = mean(functional.cross_entropy(scores, wanted, reduction="none"), labelled)
        loss = loss + mean((functional.softplus(metres[:, 0]) - depth).abs(), measured)
        bce = functional.binary_cross_entropy_with_logits(outputs["attributes"], attributes, reduction="none")
        loss = loss + mean(bce, annotated)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if not math.isfinite(torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)):
            raise SystemExit("loss is not finite")
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * step / 1_000_000))
        optimizer.step()
        step += 1

    return train


def seconds(train: Callable[[], None], steps: int) -> float:
    began = time.perf_counter()
    for _ in range(steps):
        train()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=41)
    parser.add_argument("--steps", type=int, default=4, help="steps a turn")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.yaml"
        path.write_text(RECIPE)
        experiment = Experiment(load_recipe(path))
    loops = {"mstasks": ours(experiment), "by hand": by_hand(experiment)}
    for train in loops.values():
        seconds(train, 16)  # warms up, and renders every scene once
    turns = {name: [] for name in loops}
    for turn in range(arguments.turns):
        for name in loops if turn % 2 == 0 else reversed(loops):
            turns[name].append(seconds(loops[name], arguments.steps))
    for name, times in turns.items():
        print(f"{name:8}  {32 * arguments.steps / statistics.median(times):7.1f} images/s")
    ratios = [a / b for a, b in zip(turns["mstasks"], turns["by hand"], strict=True)]
    print(f"time of mstasks / by hand: median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")
    print(f"{arguments.threads} threads, {arguments.turns} turns of {arguments.steps} steps each")


if __name__ == "__main__":
    main()
