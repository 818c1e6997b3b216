"""Whether a channel whose group is zero is zero wherever it is read: what makes removing it exact.

A pass over the traced operations with two facts per tensor: along which axis it carries the channels of a space, if it
does, and whether a channel whose group is zero is zero there. Removing the channels is exact if they are zero at every
layer that mixes them with others, and if nothing else mixes channels. An operation that is not known here counts as one
that does, so the answer errs on the safe side.
"""

from __future__ import annotations

from collections.abc import Mapping

from mstasks.sparsity.trace import Trace
from mstasks.sparsity.zero_rules import after
from mstasks.sparsity.zero_step import Channels, NotRemovable, State, Step


def readers(trace: Trace, members: Mapping[str, int]) -> set[str]:
    """The weights that read the space's channels, in any part of the network.

    Args:
        trace: The traced network.
        members: Dimension of the channels by parameter of the groups.

    Raises:
        NotRemovable: If a channel whose group is zero cannot be removed with equal predictions.
    """
    states: list[State] = []
    read: set[str] = set()
    for op in trace.ops:
        inputs = [None if position is None else states[position] for position in op.inputs]
        if op.parameter is not None:
            dim = members.get(op.parameter)
            states.append(None if dim is None else Channels(dim - len(op.shape), zero=True))
        elif any(inputs):
            states.append(after(Step(op, trace.ops, inputs, read)))
        else:
            states.append(None)
    for task, position in trace.outputs.items():
        if states[position] is not None:
            raise NotRemovable(f"its channels are part of the prediction of `{task}`")
    return read
