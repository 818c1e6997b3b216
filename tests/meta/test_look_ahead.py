"""The look-ahead update."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.func import functional_call

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric, per_example_mean
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.errors import UsageError
from mstasks.meta.look_ahead import LookAhead, _restored, _step_ahead
from mstasks.meta.options import LookAheadOptions
from mstasks.recipe.model import Optim
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.space import Member, Space
from mstasks.sparsity.spaces import Spaces
from mstasks.sparsity.strength.base import Readings, Strength
from mstasks.train.losses import LossSum
from mstasks.train.objective import Objective, StepLosses
from mstasks.train.state import TrainState
from mstasks.train.weighting import FixedWeighting, LossWeighting, UncertaintyWeighting

WEIGHTS = {"one": 1.0, "two": 3.0}
ALWAYS = (0.0, 1.0)


class Reading(Task):
    """Regress a scalar map by squared error."""

    kind = TargetKind.SCALAR_MAP
    channels = 1

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return per_example_mean((prediction - target.value) ** 2, target.valid)

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {"mae": PooledMean(lambda p, t: (p - t.value).abs(), higher_is_better=False, best_value=0.0)}


class Tiny(nn.Module):
    def __init__(self, norm: bool = True) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4) if norm else nn.Identity())
        self.heads = nn.ModuleDict({"one": nn.Conv2d(4, 1, 1), "two": nn.Conv2d(4, 1, 1)})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = torch.tanh(self.backbone(images))
        return {name: head(features) for name, head in self.heads.items()}


class Exact(Objective):
    """The same objective in the network's own precision: the production path casts to float32."""

    def sums(self, part: Batch, parameters: Any = None, tasks: Any = None, watcher: Any = None) -> dict[str, LossSum]:
        return squared_errors(self.network(part.images.double() / 255), part)


def squared_errors(predictions: Mapping[str, Tensor], part: Batch) -> dict[str, LossSum]:
    """Sum over labelled examples of the mean squared error over valid pixels, written out."""
    found = {}
    for name, prediction in predictions.items():
        target = part.targets[name]
        valid = target.valid.flatten(1)
        errors = ((prediction - target.value) ** 2).flatten(1) * valid
        found[name] = LossSum((errors.sum(1) / valid.sum(1).clamp(min=1)).sum(), valid.any(1).sum())
    return found


def make_batch(size: int = 6, seed: int = 0, labelled: Sequence[str] = ("one", "two")) -> Batch:
    """Random images and labels; the second target is missing for the first image, pixels are missing at random."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (size, 3, 8, 8), dtype=torch.uint8, generator=generator)
    targets = {}
    for name in ("one", "two"):
        value = torch.rand((size, 1, 8, 8), generator=generator)
        valid = torch.rand((size, 1, 8, 8), generator=generator) < (0.7 if name in labelled else 0.0)
        valid[0] &= name == "one"
        targets[name] = Target(value * valid, valid)
    return Batch(tuple(map(str, range(size))), images, targets)


def tasks() -> dict[str, BoundTask]:
    return {name: BoundTask(name, Reading(TargetInfo(TargetKind.SCALAR_MAP)), name, w) for name, w in WEIGHTS.items()}


def make_state(
    rate: float = 0.5,
    window: tuple[float, float] = ALWAYS,
    *,
    norm: bool = True,
    double: bool = False,
    weighting: LossWeighting | None = None,
    optim: Optim | None = None,
) -> tuple[TrainState, Objective]:
    torch.manual_seed(0)
    network: Any = Tiny(norm).double() if double else Tiny(norm)
    update = LookAhead(network, list(WEIGHTS), 10, 0, LookAheadOptions(rate=rate, window=window))
    optim = optim or Optim(lr=0.05, backbone_lr=0.02, weight_decay=0.1)
    weighting = weighting or FixedWeighting(WEIGHTS)
    state = TrainState.create(network, weighting, optim, torch.device("cpu"), update)
    kind = Exact if double else Objective
    return state, kind(network, weighting, tasks(), optim)


def step(state: TrainState, objective: Objective, batch: Batch) -> StepLosses:
    """The update and the optimiser's step; `.grad` is left for the test."""
    state.optimizer.zero_grad(set_to_none=True)
    losses = state.update.gradients(state, batch, objective)
    state.optimizer.step()
    state.step += 1
    return losses


def halves(batch: Batch) -> tuple[Batch, Batch]:
    return batch.take(range(0, len(batch), 2)), batch.take(range(1, len(batch), 2))


def gradients(state: TrainState) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in state.network.named_parameters() if p.grad is not None}


def test_without_a_step_it_is_the_mean_of_the_halves_to_the_last_bit() -> None:
    (state, objective), batch = make_state(rate=0.0), make_batch()
    for _ in range(2):  # before and after the optimiser has moments
        expected = []
        for half in halves(batch):
            state.optimizer.zero_grad()
            objective.backward(half)
            expected.append(gradients(state))
        state.optimizer.zero_grad()
        state.update.gradients(state, batch, objective)
        for name, found in gradients(state).items():
            assert torch.equal(found, (expected[0][name] + expected[1][name]) / 2), name
        state.optimizer.step()


def gradient_of(network: nn.Module, parameters: Mapping[str, Tensor], half: Batch) -> dict[str, Tensor]:
    """The gradient of one half's objective at `parameters`, from autograd alone."""
    leaves = {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    sums = squared_errors(functional_call(network, {**leaves, **buffers}, (half.images.double() / 255,)), half)
    total = torch.stack([WEIGHTS[name] * loss.total / max(int(loss.count), 1) for name, loss in sums.items()]).sum()
    return dict(zip(leaves, torch.autograd.grad(total, list(leaves.values())), strict=True))


def test_it_agrees_with_a_functional_version_in_float64() -> None:
    state, objective = make_state(rate=0.5, double=True)
    second = {name: torch.zeros_like(p) for name, p in state.network.named_parameters()}
    for number in range(4):
        batch = make_batch(seed=number)
        theta = {name: p.detach().clone() for name, p in state.network.named_parameters()}
        support, query = halves(batch)
        g_s = gradient_of(state.network, theta, support)
        ahead = {}
        for name, weight in theta.items():
            rate = 0.5 * (0.02 if name.startswith("backbone") else 0.05)
            moment = 0.999 * second[name] + (1 - 0.999) * g_s[name] ** 2
            denominator = (moment / (1 - 0.999 ** (number + 1))).sqrt() + 1e-8
            ahead[name] = weight - rate * g_s[name] / denominator
        g_q = gradient_of(state.network, ahead, query)
        step(state, objective, batch)
        for name, found in gradients(state).items():
            expected = (g_s[name] + g_q[name]) / 2
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12, msg=name)
            second[name] = 0.999 * second[name] + (1 - 0.999) * expected**2
        here = gradient_of(state.network, theta, query)["backbone.0.weight"]
        assert not torch.allclose(g_q["backbone.0.weight"], here, rtol=1e-2), "the step ahead is too small to matter"


def test_weights_come_back_and_running_statistics_are_those_of_the_support_pass() -> None:
    (state, objective), batch = make_state(), make_batch()
    step(state, objective, batch)
    weights = {name: p.detach().clone() for name, p in state.network.named_parameters()}
    twin, _ = make_state()
    twin.network.load_state_dict(state.network.state_dict())
    state.update.gradients(state, batch, objective)
    twin.network.train()(halves(batch)[0].images / 255)
    for name, p in state.network.named_parameters():
        assert torch.equal(p, weights[name]), name
    for name, buffer in state.network.named_buffers():
        assert torch.equal(buffer, twin.network.get_buffer(name)), name
    assert state.network.get_buffer("backbone.1.num_batches_tracked") == 2


def test_weights_come_back_if_the_query_pass_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    (state, objective), batch = make_state(), make_batch()
    weights = {name: p.detach().clone() for name, p in state.network.named_parameters()}
    passes = iter([True, False])
    plain = Reading.loss

    def loss(self: Reading, prediction: Tensor, target: Target) -> Tensor:
        moved = not torch.equal(state.network.heads["one"].weight, weights["heads.one.weight"])
        if moved and next(passes):
            raise KeyboardInterrupt
        return plain(self, prediction, target)

    monkeypatch.setattr(Reading, "loss", loss)
    with pytest.raises(KeyboardInterrupt):
        state.update.gradients(state, batch, objective)
    assert all(torch.equal(p, weights[name]) for name, p in state.network.named_parameters())


def test_the_first_step_moves_no_weight_by_more_than_the_rate() -> None:
    # Without the current gradient in the second moment the step would be g / eps.
    (state, objective), batch = make_state(rate=0.5), make_batch()
    before = {name: p.detach().clone() for name, p in state.network.named_parameters()}
    largest: list[float] = []

    def measure(module: nn.Module, inputs: Any) -> None:
        largest.append(
            max(float((p.detach() - before[name]).abs().max()) for name, p in state.network.named_parameters())
        )

    state.network.register_forward_pre_hook(measure)
    state.update.gradients(state, batch, objective)
    assert largest == [0.0, pytest.approx(0.5 * 0.05, rel=1e-4)]
    assert all(gradient.isfinite().all() for gradient in gradients(state).values())


def test_the_step_ahead_reads_nothing_back_from_the_device() -> None:
    """Fake tensors have no values: whatever would wait for one raises."""
    with FakeTensorMode():
        network: Any = Tiny()
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, fused=True)
        for number, parameter in enumerate(network.parameters()):
            parameter.grad = torch.rand_like(parameter)
            if number % 2:
                optimizer.state[parameter] = {"step": torch.tensor(3.0), "exp_avg_sq": torch.rand_like(parameter)}
        with _restored([*network.parameters(), *network.buffers()]):
            _step_ahead(optimizer, network, 0.5)


def test_reading_back_would_be_noticed() -> None:
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        torch.ones(3).sum().item()


def test_an_unlabelled_head_and_a_parameter_that_nothing_reads_stay_where_they_are() -> None:
    state, objective = make_state()
    state.network.heads["spare"] = nn.Conv2d(4, 1, 1)
    spare = state.network.heads["spare"]
    state.network.forward = lambda images: {  # type: ignore[method-assign]
        name: state.network.heads[name](state.network.backbone(images)) for name in ("one", "two")
    }
    state.optimizer.add_param_group({**state.optimizer.param_groups[0], "params": list(spare.parameters())})
    seen: list[Tensor] = []
    head = state.network.heads["two"]
    head.register_forward_pre_hook(lambda module, inputs: seen.append(module.weight.detach().clone()))
    for number in range(2):
        step(state, objective, make_batch(seed=number, labelled=["one"]))
    assert spare.weight.grad is None
    assert len(seen) == 4
    assert torch.equal(seen[0], seen[1])  # support and query pass of one step
    assert torch.equal(seen[2], seen[3])
    assert head.weight.grad is not None
    assert not head.weight.grad.any()


def test_the_loss_weighting_takes_no_look_ahead_step() -> None:
    weighting = UncertaintyWeighting(WEIGHTS)
    (state, objective), batch = make_state(weighting=weighting), make_batch()
    seen: list[Tensor] = []
    state.network.register_forward_pre_hook(lambda *_: seen.append(weighting.log_variance.detach().clone()))
    step(state, objective, batch)
    assert len(seen) == 2
    assert torch.equal(seen[0], seen[1])
    assert weighting.log_variance.grad is not None
    assert weighting.log_variance.grad.any()


def test_losses_are_means_over_the_examples_of_both_halves() -> None:
    (state, objective), batch = make_state(rate=0.0, norm=False), make_batch()
    whole = objective.backward(batch)
    found = state.update.gradients(state, batch, objective)
    assert {name: int(count) for name, count in found.counts.items()} == {"one": 6, "two": 5}
    for name in WEIGHTS:
        torch.testing.assert_close(found.losses[name], whole.losses[name])


@pytest.mark.parametrize(("at", "inside"), [(3, False), (4, True), (6, True), (7, False), (9, False)])
def test_outside_its_window_it_is_a_plain_step(at: int, inside: bool) -> None:
    (state, objective), batch = make_state(window=(0.4, 0.7)), make_batch()
    state.step = at
    objective.backward(batch)
    plain = gradients(state)
    state.optimizer.zero_grad()
    state.update.gradients(state, batch, objective)
    assert all(torch.equal(found, plain[name]) for name, found in gradients(state).items()) is not inside


def test_a_batch_without_a_query_image_is_explained() -> None:
    (state, objective), batch = make_state(), make_batch(1)
    with pytest.raises(UsageError, match=r"1 image\(s\) cannot be cut .* Raise `data.batch_size`"):
        state.update.gradients(state, batch, objective)


class Watching(Strength):
    """Notes the weights at which it observes, and removes nothing by itself."""

    def __init__(self, part: SparsePart) -> None:
        super().__init__(part, list(WEIGHTS), 10)
        self.seen: list[tuple[Tensor, int]] = []

    def observe(self, losses: Mapping[str, LossSum]) -> None:
        weight = self.part.parameters["backbone.0.weight"].detach().clone()
        self.seen.append((weight, int(losses["one"].count)))

    def act(self, step: int) -> None: ...

    def readings(self) -> Readings:
        return Readings("lambda", {})


def watched(state: TrainState) -> Watching:
    members = tuple(Member(f"backbone.0.{name}") for name in ("weight", "bias"))
    nowhere: Any = None
    groups = Spaces("channel", "backbone", (Space("conv", 4, members, 1),), ())
    part = SparsePart(state.network, groups, nowhere, None, "euclidean", (8, 8))
    part.attach(state.optimizer)
    return Watching(part)


def test_a_strength_observes_the_support_half_or_the_plain_batch_at_the_current_weights() -> None:
    for window, examples in ((ALWAYS, 3), ((0.5, 1.0), 6)):
        (state, objective), batch = make_state(window=window), make_batch()
        state.strength = strength = watched(state)
        current = state.network.backbone[0].weight.detach().clone()
        state.update.gradients(state, batch, objective)
        assert len(strength.seen) == 1
        assert torch.equal(strength.seen[0][0], current)
        assert strength.seen[0][1] == examples


def test_a_removed_channel_is_zero_at_the_weights_ahead() -> None:
    (state, objective), batch = make_state(norm=False), make_batch()
    state.strength = strength = watched(state)
    dead = torch.tensor([False, True, False, False])
    seen: list[Tensor] = []
    conv = state.network.backbone[0]
    conv.register_forward_pre_hook(lambda module, inputs: seen.append(module.weight.detach().abs().sum((1, 2, 3))))
    step(state, objective, batch)  # gives it a second moment
    strength.part.remove({"conv": dead})
    step(state, objective, batch)
    assert [norms[1] == 0 for norms in seen] == [False, False, True, True]
    assert (seen[3][~dead] > 0).all()


RANKS = """
import importlib.util, sys
import torch
from mstasks.distributed import process_group, rank, sum_over_ranks

spec = importlib.util.spec_from_file_location("case", sys.argv[1])
case = importlib.util.module_from_spec(spec)
spec.loader.exec_module(case)
with process_group():
    found = case.two_steps(part=rank())
    sum_over_ranks(found.values())
    if rank() == 0:
        torch.save(found, "found.pt")
"""


def two_steps(part: int | None = None) -> dict[str, Tensor]:
    """The gradients that a rank adds in the second of two steps, when it has this half of each batch, or all of it."""
    from mstasks.distributed import sum_over_ranks

    state, objective = make_state(norm=False)
    for number in range(2):
        batch = make_batch(8, seed=number)
        state.optimizer.zero_grad(set_to_none=True)
        state.update.gradients(state, batch if part is None else batch.split(2)[part], objective)
        found = gradients(state)
        sum_over_ranks([p.grad for p in state.network.parameters() if p.grad is not None])
        state.optimizer.step()
        state.step += 1
    return found


def test_two_ranks_give_the_gradient_of_one(tmp_path: Path) -> None:
    (tmp_path / "ranks.py").write_text(RANKS)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "ranks.py"]
    done = subprocess.run([*launch, __file__], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found, expected = torch.load(tmp_path / "found.pt"), two_steps()
    assert len(found) == len(expected) == 6
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6, msg=name)
