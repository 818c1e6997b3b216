from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from episode_lab import TASKS, make_batch, make_lab
from torch import Tensor

from mstasks.meta.inner import InnerLoop
from mstasks.meta.maml import Maml
from mstasks.meta.options import MamlOptions


def quadratic(point: Mapping[str, Tensor], step: int) -> Tensor:
    """1/2 a (x - 1)^2 + b x: slope a (x - 1) + b."""
    return 0.5 * point["a"] * (point["x"] - 1) ** 2 + point["b"] * point["x"]


def leaves(**values: float) -> dict[str, Tensor]:
    return {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in values.items()}


def loop(second_order: bool, steps: int = 2, masks: Mapping[str, Tensor] | None = None) -> InnerLoop:
    return InnerLoop({"x": 0.1}, steps, second_order, masks or {}, None)


def outer(inner: InnerLoop, start: dict[str, Tensor]) -> dict[str, float]:
    """Gradient of x'^2 / 2."""
    end = inner.adapt(quadratic, start)
    found = inner.outer(lambda point: point["x"] ** 2 / 2, end, [start["x"]], [start["a"], start["b"]])
    return {name: 0.0 if slope is None else slope.item() for name, slope in zip("xab", found, strict=True)}


def test_two_steps_on_a_parabola() -> None:
    start = leaves(x=3.0, a=2.0, b=0.5)
    # x - 1 + b / a shrinks by 1 - 0.1 a each step.
    assert loop(False).adapt(quadratic, start)["x"].item() == pytest.approx(0.75 + 2.25 * 0.8**2)


def test_outer_gradients_on_a_parabola() -> None:
    start = leaves(x=3.0, a=2.0, b=0.5)
    end = 0.75 + 2.25 * 0.8**2
    first = outer(loop(False), start)
    assert first == {"x": pytest.approx(end), "a": 0.0, "b": 0.0}, "inner gradients are constants"
    second = outer(loop(True), start)
    assert second["x"] == pytest.approx(end * 0.8**2)
    # x' = c + (x - c) r^2 with c = 1 - b / a and r = 1 - 0.1 a.
    assert second["b"] == pytest.approx(end * (-1 / 2) * (1 - 0.8**2))
    assert second["a"] == pytest.approx(end * ((0.5 / 4) * (1 - 0.8**2) + 2.25 * 2 * 0.8 * -0.1))


def test_what_is_not_adapted_stays() -> None:
    start = leaves(x=3.0, a=2.0, b=0.5)
    end = loop(True).adapt(quadratic, start)
    assert end["a"] is start["a"]
    assert start["x"].item() == 3.0


def test_masks_stop_inner_gradients() -> None:
    start = leaves(x=3.0, a=2.0, b=0.5)
    for second in (False, True):
        inner = loop(second, masks={"x": torch.zeros((), dtype=torch.float64)})
        assert inner.adapt(quadratic, start)["x"].item() == 3.0
        assert outer(inner, start)["x"] == pytest.approx(3.0)


class Live:
    """Bytes that autograd keeps for backward passes, now and at most."""

    def __init__(self) -> None:
        self.now, self.most = 0, 0

    def pack(self, tensor: Tensor) -> Any:
        size = tensor.numel() * tensor.element_size()
        box = Box(tensor.detach())  # an output that held its own graph would never be let go
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(box, self.free, size)
        return box

    def free(self, size: int) -> None:
        self.now -= size


class Box:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def kept(steps: int, order: str) -> int:
    options = MamlOptions(order=order, steps=steps, rate=0.1, combinations="all-tasks")
    lab = make_lab(lambda network: Maml(network, TASKS, 100, 0, options))
    live = Live()
    with torch.autograd.graph.saved_tensors_hooks(live.pack, lambda box: box.tensor):
        lab.gradients(make_batch(8))
    assert live.now == 0
    return live.most


def test_memory_of_first_order_steps_does_not_grow_with_their_number() -> None:
    one = kept(1, "first")
    assert one > 0
    assert kept(2, "first") == kept(7, "first") == one


def test_the_memory_check_sees_growth() -> None:
    assert kept(3, "second") > 2 * kept(1, "second")
