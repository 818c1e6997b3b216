"""Tiny runs and sessions to adapt: 32x48 rooms, a network of three stages, a few steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

import pytest
import torch
from rich.console import Console
from torch import Tensor

from mstasks.adapt.seen import Released, Seen
from mstasks.adapt.session import Log, Session, ignore
from mstasks.adapt.support import Support, draw_support
from mstasks.compaction import compact_run
from mstasks.data.batch import Batch
from mstasks.experiment import Experiment
from mstasks.fit import fit, start_run
from mstasks.network import Network
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder

RECIPE = """
name: tiny
method: sparse
data:
  dataset: scenes
  size: [32, 48]
  train: 12
  val: 2
  test: 3
  batch_size: 4
  augment: [{HorizontalFlip: {p: 0.5}}]
backbone: {model: test_resnet}
decoder: {width: 16}
tasks: {segmentation: {}, attributes: {}}
unseen: {depth: {}}
adapt: {shots: 4, draws: 2, strategy: {name: head-first, steps: 6, backbone_lr: 0.03, trunk_lr: 0.03}}
sparsity: {strength: one-shot, target: {macs: 0.5}}
optim: {lr: 1.0e-3, steps: 3}
run: {evaluate_every: 3, pictures: 0}
device: cpu
"""
_DENSE = ("method=multi-task", "sparsity=null")
_OVERRIDES = {
    "masked": (),
    "smooth": ("backbone.model=mobilenetv3_small_050",),  # behind hard-swish dead channels get gradients
    "dense": _DENSE,
    "image-level": (*_DENSE, "tasks.segmentation=null"),
    "single-task": (*_DENSE, "method=single-task"),
}

Runs = Callable[[str], RunFolder]


@pytest.fixture(scope="session")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of all runs."""
    file = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    file.write_text(RECIPE)
    return file


@pytest.fixture(scope="session")
def runs(recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Trained runs by name, ``compact`` of ``masked``; each is made once, and no test changes them."""
    made: dict[str, RunFolder] = {}

    def make(name: str) -> RunFolder:
        if name not in made:
            root = tmp_path_factory.mktemp(name)
            if name == "compact":
                made[name] = compact_run(make("masked"), root).run
            else:
                loaded = load_recipe(recipe_file, _OVERRIDES[name])
                made[name] = start_run(loaded, root)
                fit(loaded, made[name], Console(quiet=True))
        return made[name]

    return make


@pytest.fixture
def experiment(recipe_file: Path) -> Callable[..., Experiment]:
    """Makes an untrained experiment with `depth` among its tasks; takes overrides."""

    def make(*overrides: str) -> Experiment:
        moved = ("unseen.depth=null", "tasks.depth={}")
        return Experiment(load_recipe(recipe_file, (*_DENSE, *moved, *overrides)))

    return make


class MakeSession(Protocol):
    def __call__(
        self,
        experiment: Experiment,
        *,
        network: Network | None = None,
        task: str = "depth",
        new: Collection[str] = (),
        shots: int = 4,
        targets: Sequence[str] = ("depth",),
        hold_out: float = 0.0,
        seen: Seen | None = None,
        log: Log = ignore,
    ) -> Session:
        """A session to learn a task; what is not given is as for a dense run."""


@pytest.fixture
def session() -> MakeSession:
    """Makes sessions."""

    def make(
        experiment: Experiment,
        *,
        network: Network | None = None,
        task: str = "depth",
        new: Collection[str] = (),
        shots: int = 4,
        targets: Sequence[str] = ("depth",),
        hold_out: float = 0.0,
        seen: Seen | None = None,
        log: Log = ignore,
    ) -> Session:
        network = network or experiment.build_network(pretrained=False).eval()
        bound = experiment.tasks[task]
        ids = draw_support(experiment, bound, shots, 0)
        support = Support.of(experiment, ids, targets, 0, hold_out)
        parts = frozenset({*new, f"heads.{task}"})
        return Session(network, bound, parts, parts, support, seen or Released(), None, "float32", log)

    return make


def states(network: Network) -> dict[str, Tensor]:
    """A copy of all weights and buffers."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def changed(before: dict[str, Tensor], network: Network) -> set[str]:
    """Names of weights and buffers that are not the same bit for bit."""
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


@pytest.fixture
def watch() -> Callable[[Network], Callable[[], set[str]]]:
    """Remembers a network; what comes back says which of its weights and buffers have changed since."""

    def start(network: Network) -> Callable[[], set[str]]:
        before = states(network)
        return lambda: changed(before, network)

    return start


@pytest.fixture
def one_batch(experiment: Callable[..., Experiment]) -> Batch:
    """Four train images with the labels of all tasks."""
    return next(experiment().batches("train"))
