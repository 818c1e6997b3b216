from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mstasks.bench import autotune
from mstasks.bench.arms import largest_difference, predictions
from mstasks.bench.autotune import TOLERANCE, AutoTuner
from mstasks.network import Network

SIZE = (32, 32)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch, clock: Any) -> Callable[..., list[str]]:
    """Makes a pass of each backend take a given time on the clock; gives the log of passes."""

    def arrange(seconds: Mapping[str, float]) -> list[str]:
        log: list[str] = []

        def pass_of(network: Network, images: Tensor) -> Callable[[], None]:
            name = kind_of(network)

            def run() -> None:
                clock.now += seconds[name]
                log.append(name)

            return run

        monkeypatch.setattr(autotune, "pass_of", pass_of)
        return log

    return arrange


def kind_of(network: Network) -> str:
    if network.backbone._forward_pre_hooks:
        return "eager"
    return "channels_last" if any(isinstance(m, nn.BatchNorm2d) for m in network.modules()) else "folded"


@pytest.mark.parametrize("fastest", ["channels_last", "folded", "eager"])
def test_the_fastest_backend_is_chosen_and_predicts_the_same(
    network: Network, timed: Callable[..., list[str]], clock: Any, fastest: str
) -> None:
    timed(dict.fromkeys(("channels_last", "folded", "eager"), 0.2) | {fastest: 0.1})
    choice = AutoTuner(clock).choose(network, SIZE, images=1000)
    assert choice.backend == fastest == kind_of(choice.network)
    images = torch.rand(2, 3, *SIZE)
    assert largest_difference(predictions(network, images), predictions(choice.network, images)) <= TOLERANCE


def test_few_images_are_not_worth_trying(network: Network, timed: Callable[..., list[str]], clock: Any) -> None:
    log = timed({"channels_last": 0.1, "folded": 0.05, "eager": 0.1})
    assert AutoTuner(clock).choose(network, SIZE, images=199).network is network
    assert not log, "not even one pass"
    assert AutoTuner(clock).choose(network, SIZE, images=201).backend == "folded"


def test_images_that_take_less_than_ten_seconds_are_not_worth_trying(
    network: Network, timed: Callable[..., list[str]], clock: Any
) -> None:
    log = timed({"channels_last": 0.04, "folded": 0.01, "eager": 0.04})
    assert AutoTuner(clock).choose(network, SIZE, images=201).network is network  # 8 seconds
    assert set(log) == {"channels_last"}
    assert len(log) == 4


def test_trying_ends_after_two_seconds(network: Network, timed: Callable[..., list[str]], clock: Any) -> None:
    log = timed({"channels_last": 0.02, "folded": 0.02, "eager": 0.02})
    AutoTuner(clock).choose(network, SIZE, images=10**6)
    assert 2 <= 0.02 * len(log) <= 2 + 0.3  # warm-up and the last round


def test_a_choice_is_remembered_for_networks_of_the_same_shapes(
    network: Network, timed: Callable[..., list[str]], clock: Any
) -> None:
    log = timed({"channels_last": 0.2, "folded": 0.1, "eager": 0.2})
    tuner = AutoTuner(clock)
    tuner.choose(network, SIZE, images=1000)
    passes = len(log)
    assert tuner.choose(network, SIZE, images=1).backend == "folded"
    assert len(log) == passes
    tuner.choose(network, (64, 32), images=201)
    assert len(log) == 2 * passes  # another size is measured anew


def test_a_backend_with_other_predictions_is_no_candidate(
    network: Network, timed: Callable[..., list[str]], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(network: Network, size: tuple[int, int]) -> Network:
        other = autotune.channels_last(network, size)
        with torch.no_grad():
            other.heads["depth"].predict.weight.mul_(1 + 10 * TOLERANCE)
        return other

    monkeypatch.setitem(autotune._BACKENDS, "folded", wrong)
    log = timed({"channels_last": 0.2, "eager": 0.3})
    assert AutoTuner(clock).choose(network, SIZE, images=1000).network is network
    assert set(log) == {"channels_last", "eager"}
