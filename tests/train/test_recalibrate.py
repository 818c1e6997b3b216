"""Running statistics of BatchNorm, estimated anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mstasks.data.batch import Batch
from mstasks.device import Precision
from mstasks.errors import UsageError
from mstasks.train.recalibrate import recalibrate

CPU = torch.device("cpu")


class Normed(nn.Module):
    """Two norms with a dropout between them, and a norm that keeps no statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.first = nn.BatchNorm2d(4, momentum=0.3)
        self.drop = nn.Dropout(0.5)
        self.second = nn.Sequential(nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2))
        self.stateless = nn.BatchNorm2d(2, track_running_stats=False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        hidden = torch.relu(self.first(self.conv(images)))
        return {"one": self.stateless(self.second(self.drop(hidden)))}


@pytest.fixture
def network() -> Any:
    torch.manual_seed(0)
    network = Normed()
    for norm in (network.first, network.second[1]):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
        nn.init.constant_(norm.running_mean, 7.0)
        nn.init.constant_(norm.running_var, 9.0)
    return network


@pytest.fixture
def batches(batch_maker: Callable[..., Batch]) -> list[Batch]:
    return [batch_maker(size, seed) for seed, size in enumerate((6, 4, 2))]


def standardised(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    scaled = (x - mean) / (variance + norm.eps).sqrt()
    return scaled * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)


def test_statistics_are_means_over_the_batches_without_dropout(network: Any, batches: list[Batch]) -> None:
    recalibrate(network, batches, CPU)
    means: dict[str, list[Tensor]] = {"first": [], "second": []}
    variances: dict[str, list[Tensor]] = {"first": [], "second": []}
    for batch in batches:
        hidden = network.conv(batch.images.float() / 255)
        deeper = network.second[0](torch.relu(standardised(hidden, network.first)))
        for name, x in (("first", hidden), ("second", deeper)):
            means[name].append(x.mean((0, 2, 3)))
            variances[name].append(x.var((0, 2, 3), unbiased=True))
    for name, norm in (("first", network.first), ("second", network.second[1])):
        torch.testing.assert_close(norm.running_mean, torch.stack(means[name]).mean(0))
        torch.testing.assert_close(norm.running_var, torch.stack(variances[name]).mean(0))
        assert norm.num_batches_tracked == 3


def test_nothing_else_changes_and_nothing_is_drawn(network: Any, batches: list[Batch]) -> None:
    network.train()
    network.second.eval()  # frozen by its owner
    weights = {name: p.detach().clone() for name, p in network.named_parameters()}
    modes = {name: module.training for name, module in network.named_modules()}
    generator = torch.get_rng_state()
    recalibrate(network, batches, CPU)
    assert all(torch.equal(p, weights[name]) for name, p in network.named_parameters())
    assert all(p.grad is None for p in network.parameters())
    assert {name: module.training for name, module in network.named_modules()} == modes
    assert (network.first.momentum, network.second[1].momentum) == (0.3, 0.1)
    assert torch.equal(torch.get_rng_state(), generator)


def test_the_result_does_not_depend_on_what_was_there_before(network: Any, batches: list[Batch]) -> None:
    recalibrate(network, batches, CPU)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    nn.init.constant_(network.first.running_mean, float("nan"))
    network.eval()
    recalibrate(network, batches, CPU)
    assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_passes_have_the_precision_asked_for(network: Any, batches: list[Batch], precision: Precision) -> None:
    seen = []
    network.conv.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    recalibrate(network, batches, CPU, precision)
    assert seen == [getattr(torch, precision)] * 3
    assert network.first.running_mean.dtype == torch.float32


def test_a_network_without_batch_norm_is_not_run() -> None:
    def run() -> None:
        raise AssertionError("the batches were asked for")
        yield

    network: Any = nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    recalibrate(network, run(), CPU)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_no_batch_is_refused_and_leaves_the_statistics(network: Any) -> None:
    with pytest.raises(ValueError, match=r"`batches` must hold at least one batch .* Found none"):
        recalibrate(network, [], CPU)
    assert (network.first.running_mean == 7).all()
    assert network.training


def test_a_failing_pass_gives_modes_and_momenta_back(network: Any, batch_maker: Callable[..., Batch]) -> None:
    one = batch_maker(1)
    pixel = Batch(one.ids, one.images[:, :, :1, :1], {})
    network.eval()
    with pytest.raises(UsageError, match="leaves a norm layer one value per channel"):
        recalibrate(network, [pixel], CPU)
    assert network.first.momentum == 0.3
    assert not any(module.training for module in network.modules())
