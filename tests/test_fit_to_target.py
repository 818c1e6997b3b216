"""From a recipe to a run whose network costs what the recipe's target says, and whose removed channels are gone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rich.console import Console

from mstasks.fit import fit, start_run
from mstasks.macs import network_cost
from mstasks.recipe import load_recipe
from mstasks.sparsity.compact import compact
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.spaces import Scope, parts_of
from mstasks.trained import open_trained

RECIPE = """
name: target
method: meta-sparsity
data: {dataset: scenes, size: [64, 64], train: 16, val: 4, test: 4, batch_size: 4}
decoder: {width: 16}
tasks: {segmentation: {}, attributes: {}}
meta: {update: look-ahead}
optim: {steps: 12}
run: {evaluate_every: 12, pictures: 1}
"""


@pytest.mark.parametrize(
    ("model", "scope", "target"),
    [("mobilenetv3_small_050", "shared", 0.25), ("convnext_atto", "backbone", 0.5)],
)
def test_a_run_meets_its_target_and_its_compact_network_predicts_the_same(
    tmp_path: Path, model: str, scope: Scope, target: float
) -> None:
    path = tmp_path / "target.yaml"
    path.write_text(f"{RECIPE}backbone: {{model: {model}}}\nsparsity: {{scope: {scope}, target: {{macs: {target}}}}}\n")
    loaded = load_recipe(path)
    run = start_run(loaded, tmp_path / "runs")
    summary = fit(loaded, run, Console(quiet=True))["sparsity"]
    _, network = open_trained(run)
    network.eval()
    small = compact(network, find_spaces(network, (64, 64), scope))

    dense, left = (sum(network_cost(one, (64, 64))[part].macs for part in parts_of(scope)) for one in (network, small))
    assert abs(left / dense - target) <= 0.005
    assert (summary["macs_dense"], summary["macs_compact"]) == (dense, left)
    assert summary["reached"] == {"macs": left / dense}

    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, found = network(images), small(images)
    for task, value in expected.items():
        assert value.std() > 1e-3, task
        assert (found[task] - value).abs().max() <= 1e-5 * value.abs().max(), task
