"""What each channel matters to each task, measured at the channels' gates on the training pass itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mstasks.distributed import sum_over_ranks
from mstasks.network import Network
from mstasks.sparsity.gates import Gate
from mstasks.sparsity.spaces import Spaces
from mstasks.train.losses import LossSum


class GateSaliency(nn.Module):
    """Moving averages of per-example gate saliency, one task at a time.

    With d[i, c] the derivative of example i's loss with respect to the gate of channel c, over the labelled examples of
    one measurement: the ``fisher`` saliency is the mean of d^2 (Theis et al. 2018, "Faster gaze prediction with dense
    networks and Fisher pruning"), the ``taylor`` saliency the mean of |d|. In training mode batch statistics couple the
    examples, and d[i] is the derivative of the sum of all losses with respect to example i's gate.

    A measurement is `start`, then for each micro-batch a forward pass within `watch` and `observe`, then `finish`.
    Hooks keep the inputs of the gates' layers within `watch` alone; outside of a measurement there are no hooks.

    Args:
        network: Whose passes are measured; not registered as a module.
        gates: Of `spaces`, at least one a space.
        spaces: Its spaces of kind ``channel``.
        tasks: Names of the tasks.
        decay: Of the averages, in [0, 1): F <- decay F + (1 - decay) mean.
        kind: ``fisher`` or ``taylor``.

    Raises:
        ValueError: If `decay` or `kind` is out of range, or a space has no gate.
    """

    average: Tensor
    updates: Tensor

    def __init__(
        self,
        network: Network,
        gates: Sequence[Gate],
        spaces: Spaces,
        tasks: Sequence[str],
        decay: float = 0.9,
        kind: Literal["fisher", "taylor"] = "fisher",
    ) -> None:
        super().__init__()
        _check(gates, spaces, decay, kind)
        self.tasks, self.decay, self.kind = tuple(tasks), decay, kind
        self._sizes = {space.name: space.size for space in spaces.spaces}
        ends = spaces.sizes.cumsum(0).tolist()
        self._spans = {name: (end - size, size) for (name, size), end in zip(self._sizes.items(), ends, strict=True)}
        self._layers = {gate.layer: network.get_submodule(gate.layer) for gate in gates}
        self._gates = {layer: [gate for gate in gates if gate.layer == layer] for layer in self._layers}
        self._inputs: dict[str, list[Tensor]] = {layer: [] for layer in self._layers}
        self._hooks: list[RemovableHandle] = []
        self._task: str | None = None
        self._sums = self._count = torch.zeros(())
        self._watching = False
        self.register_buffer("average", torch.zeros(len(self.tasks), ends[-1]))
        self.register_buffer("updates", torch.zeros(len(self.tasks), dtype=torch.int64))

    def start(self, task: str) -> None:
        """Begin to measure for one task; what an unfinished measurement has seen is dropped.

        Raises:
            ValueError: If there is no such task.
        """
        if task not in self.tasks:
            raise ValueError(f"`task` must be one of {', '.join(self.tasks)}. Found {task!r}.")
        self.close()
        self._task = task
        self._sums, self._count = torch.zeros_like(self.average[0]), self.average.new_zeros(())
        for name, layer in self._layers.items():
            self._hooks.append(layer.register_forward_pre_hook(self._recorder(self._inputs[name])))

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Record the gates of a forward pass, if a measurement began."""
        self._watching = self._task is not None
        try:
            yield
        finally:
            self._watching = False

    def observe(self, losses: Mapping[str, LossSum]) -> None:
        """Add a micro-batch, between its forward and its backward pass; nothing happens unless a measurement began.

        A task that is missing, or whose loss has no gradient, is passed over. No tensor of the pass is kept.

        Args:
            losses: By task, the summed loss of the micro-batch's labelled examples, attached to the graph.

        Raises:
            RuntimeError: If no pass was recorded.
        """
        if self._task is None:
            return
        calls = [(layer, tensor) for layer, tensors in self._inputs.items() for tensor in tensors]
        self._drop()
        loss = losses.get(self._task)
        if loss is None or not loss.total.requires_grad:
            return
        if not calls:
            raise RuntimeError("`observe` must follow a forward pass with gradients within `watch`.")
        gradients = torch.autograd.grad(
            loss.total, [tensor for _, tensor in calls], retain_graph=True, allow_unused=True
        )
        derivatives = self._derivatives(calls, gradients)
        self._sums += (derivatives.square() if self.kind == "fisher" else derivatives.abs()).sum(0)
        self._count += loss.count

    def finish(self) -> None:
        """Fold what was seen, on all ranks together, into the task's average, unless it had no labels.

        All ranks must call it alike. A measurement that is not finite leaves no trace.
        """
        if self._task is None:
            return
        row = self.tasks.index(self._task)
        self.close()
        sum_over_ranks([self._sums, self._count])
        mean = self._sums / self._count.clamp(min=1)
        good = (self._count > 0) & mean.isfinite().all()  # stays on the device
        average = self.average[row]
        average.copy_(torch.where(good, self.decay * average + (1 - self.decay) * mean, average))
        self.updates[row] += good

    def close(self) -> None:
        """End a measurement without keeping it: its hooks and tensors go."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._drop()
        self._task = None

    @property
    def measured(self) -> Tensor:
        """Which tasks have a measurement, bool, shape (tasks,)."""
        return self.updates > 0

    def values(self) -> dict[str, Tensor]:
        """By space, the bias-corrected averages, shape (tasks, size), >= 0; zero for a task that was never measured."""
        return self._by_space(self._values())

    def shares(self, alive: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each task's saliency as shares of its sum over the alive channels of all spaces.

        Args:
            alive: By space, bool, shape (size,).

        Returns:
            By space, shape (tasks, size), in [0, 1]; zero for a dead channel and for a task that was never measured or
            that no channel matters to.
        """
        kept = torch.cat([alive[name] for name in self._sizes]).to(self.average.device)
        values = self._values() * kept
        total = values.sum(1, keepdim=True)
        return self._by_space(torch.where(total > 0, values / total, 0.0))

    def _values(self) -> Tensor:
        correction = 1 - self.decay ** self.updates.to(self.average.dtype).unsqueeze(1)
        return torch.where(self.measured.unsqueeze(1), self.average / correction, 0.0)

    def _by_space(self, values: Tensor) -> dict[str, Tensor]:
        return dict(zip(self._sizes, torch.split(values, list(self._sizes.values()), 1), strict=True))

    @torch.no_grad()
    def _derivatives(self, calls: Sequence[tuple[str, Tensor]], gradients: Sequence[Tensor | None]) -> Tensor:
        """Derivative of each example's loss with respect to each channel's gate, shape (batch, channels of all spaces).

        A tensor that several layers read counts once: in evaluation mode, dropout leaves them the same one.
        """
        first = calls[0][1]
        total = torch.zeros(len(first), self.average.shape[1], dtype=_wide(first), device=first.device)
        seen: set[tuple[int, str, int]] = set()
        for (layer, tensor), gradient in zip(calls, gradients, strict=True):
            if gradient is None:  # the task does not read it
                continue
            gates = self._gates[layer]
            sums = _sum_over_positions(tensor, gradient, gates[0].dim)
            for gate in gates:
                key = (id(tensor), gate.space, gate.start)
                start, size = self._spans[gate.space]
                if key not in seen:
                    total[:, start : start + size] += sums[:, gate.start : gate.start + size]
                seen.add(key)
        return total

    def _recorder(self, inputs: list[Tensor]) -> Callable[[nn.Module, Any], None]:
        def record(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            if self._watching and args[0].requires_grad and torch.is_grad_enabled():
                inputs.append(args[0])

        return record

    def _drop(self) -> None:
        for tensors in self._inputs.values():
            tensors.clear()


def _sum_over_positions(tensor: Tensor, gradient: Tensor, dim: int) -> Tensor:
    """Sum of tensor x gradient over all but the batch and `dim`, shape (batch, channels), in at least float32."""
    # Channels last, as they lie in memory: a plain sum over two dimensions of a map takes several times as long.
    rows, slopes = (
        part.movedim(dim, -1).reshape(len(part), -1, part.shape[dim]).to(_wide(part)) for part in (tensor, gradient)
    )
    return (rows * slopes).sum(1)


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def _check(gates: Sequence[Gate], spaces: Spaces, decay: float, kind: str) -> None:
    if not 0 <= decay < 1:
        raise ValueError(f"`decay` must be in [0, 1). Found {decay}.")
    if kind not in ("fisher", "taylor"):
        raise ValueError(f"`kind` must be 'fisher' or 'taylor'. Found {kind!r}.")
    missing = [name for name in spaces.names if name not in {gate.space for gate in gates}]
    if missing:
        raise ValueError(f"Space `{missing[0]}` has no gate; find the gates of these spaces with `find_gates`.")
