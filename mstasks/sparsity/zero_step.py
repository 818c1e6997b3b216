"""What is known of a space's channels at one operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mstasks.sparsity.trace import Op


class NotRemovable(Exception):  # noqa: N818 - an answer, not a failure
    """Removing a channel of the space would change a prediction; the text says where."""


@dataclass(frozen=True, slots=True)
class Channels:
    """How a tensor carries the channels.

    Attributes:
        axis: Their axis, counted from the right: -3 in a map.
        zero: Whether a channel is zero when its group is.
    """

    axis: int
    zero: bool


State = Channels | None


@dataclass(frozen=True, slots=True)
class Step:
    """One operation at least one of whose inputs carries the channels.

    Attributes:
        op: The operation.
        ops: All operations.
        inputs: What each of its inputs carries, in the order of `op.inputs`.
        read: The weights found so far that read the channels; `reads` adds to them.
    """

    op: Op
    ops: Sequence[Op]
    inputs: list[State]
    read: set[str]

    def refusal(self, why: str) -> NotRemovable:
        """An answer of no, at this operation."""
        return NotRemovable(f"at `{self.op.layer}`, {why}")

    def only(self) -> Channels:
        """The channels of the one input that carries them, or of all that do, if they agree on the axis."""
        carried = [state for state in self.inputs if state is not None]
        if len({state.axis for state in carried}) > 1:
            raise self.refusal(f"{self.op.name} meets the channels along different axes")
        return Channels(carried[0].axis, zero=all(state.zero for state in carried))

    def shape(self, argument: int) -> tuple[int, ...]:
        """Shape of an input that is an operation's result."""
        position = self.op.inputs[argument]
        assert position is not None, "an input that carries channels comes from an operation"
        return self.ops[position].shape

    def stays(self, argument: int) -> bool:
        """Whether the operation has this input, and it is not zero for a channel whose group is zero."""
        given = argument < len(self.op.inputs) and self.op.inputs[argument] is not None
        state = self.inputs[argument] if given else None
        return given and not (state is not None and state.zero)

    def reads(self, state: Channels, axis: int, weight: int) -> None:
        """Note that a weight mixes the channels, which asks that they are zero."""
        position = self.op.inputs[weight]
        source = None if position is None else self.ops[position]
        if source is not None and source.name == "T" and source.inputs[0] is not None:
            source = self.ops[source.inputs[0]]
        if source is None or source.parameter is None:
            raise self.refusal(f"{self.op.name} multiplies maps, as attention does")
        if state.axis != axis:
            raise self.refusal("the channels are not the dimension that the layer mixes")
        if not state.zero:
            raise self.refusal("the channels arrive as a constant that is not zero, though their groups are")
        self.read.add(source.parameter)
