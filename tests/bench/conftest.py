"""A clock that only calls move, and a small sparse run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from mstasks.fit import fit, start_run
from mstasks.heads import DenseHead, PooledHead
from mstasks.network import Network, build_network
from mstasks.recipe import load_recipe
from mstasks.recipe.model import Backbone, Decoder
from mstasks.runfolder import RunFolder

RECIPE = """
name: tiny
method: sparse
data: {dataset: scenes, size: [48, 64], train: 8, val: 4, test: 4, batch_size: 4}
backbone: {model: mobilenetv3_small_050}
decoder: {width: 16}
tasks: {depth: {}, attributes: {}}
sparsity: {strength: one-shot, target: {macs: 0.6}}
optim: {steps: 2}
run: {pictures: 0}
"""


class FakeClock:
    """Time that stands still unless somebody moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunFolder]:
    """Trains the recipe with overrides."""

    def run(*overrides: str) -> RunFolder:
        folder = tmp_path_factory.mktemp("bench")
        (folder / "r.yaml").write_text(RECIPE)
        loaded = load_recipe(folder / "r.yaml", overrides)
        made = start_run(loaded, folder)
        fit(loaded, made, Console(quiet=True))
        return made

    return run


@pytest.fixture(scope="session")
def sparse_run(train: Callable[..., RunFolder]) -> RunFolder:
    """A run with zero channels; shared, tests may add files."""
    return train()


@pytest.fixture(scope="session")
def network() -> Network:
    """A small ResNet with two heads, whose norms do something; shared, tests must not change it."""
    torch.manual_seed(0)
    heads = {"depth": lambda info: DenseHead(info, 1), "attributes": lambda info: PooledHead(info, 3)}
    made = build_network(Backbone(model="resnet18"), Decoder(width=16), (32, 32), heads).eval()
    for name, buffer in made.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.3, 0.3)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("predict.weight"):
                parameter.uniform_(-0.5, 0.5)
        assert all(output.std() > 1e-3 for output in made(torch.rand(2, 3, 32, 32)).values()), "all would look equal"
    return made


@pytest.fixture
def run_path(sparse_run: RunFolder) -> Path:
    return sparse_run.path
