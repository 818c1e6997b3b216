"""Trained sparsity of every kind of convolutional backbone leaves with equal predictions."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from rich.console import Console

from mstasks.compaction import shrink
from mstasks.equality import largest_difference
from mstasks.fit import fit, start_run
from mstasks.recipe import load_recipe
from mstasks.trained import open_trained

RECIPE = """
name: tiny
method: sparse
data: {dataset: scenes, size: [32, 48], train: 8, val: 2, test: 2, batch_size: 4}
backbone: {model: resnet18}
decoder: {width: 16}
tasks: {segmentation: {}, depth: {}, attributes: {}}
sparsity: {strength: one-shot, target: {macs: 0.5}}
optim: {lr: 1.0e-3, steps: 2}
run: {evaluate_every: 2, pictures: 0}
"""


class InFloat64(torch.nn.Module):
    """A network's own predictions without its rounding."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).double()

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict(self.network(images.double()))


@pytest.mark.parametrize(
    ("model", "stride"),
    [
        ("resnet18", None),
        ("resnet50", 8),
        ("tf_efficientnet_lite0", None),
        ("mobilenetv3_small_050", None),
        ("convnext_atto", None),
    ],
)
def test_trained_zeros_leave_with_equal_predictions(tmp_path: Path, model: str, stride: int | None) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    chosen = [f"backbone.model={model}", *([] if stride is None else [f"backbone.output_stride={stride}"])]
    loaded = load_recipe(tmp_path / "tiny.yaml", chosen)
    run = start_run(loaded, tmp_path)
    fit(loaded, run, Console(quiet=True))
    experiment, masked = open_trained(run)
    small, stored = shrink(masked, experiment.recipe.data.size)
    assert sum(stored.channels.values()) < 0.85 * sum(stored.dense.values())
    generator = torch.Generator().manual_seed(0)
    sizes = [(1, 32, 48), (8, 32, 48), (1, 64, 80)]
    batches = [torch.rand(batch, 3, *size, generator=generator) for batch, *size in sizes]
    exact = largest_difference(InFloat64(masked), InFloat64(small), batches)
    assert max(exact.values()) <= 1e-10
    # After two steps a network may be so badly conditioned that rounding alone moves its predictions by more than 1e-5.
    rounding = largest_difference(InFloat64(masked), masked, batches)
    found = largest_difference(masked, small, batches)
    assert all(found[task] <= max(1e-5, 3 * rounding[task]) for task in found)
