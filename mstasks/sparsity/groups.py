"""The groups that sparsity is made of: the channel spaces of a network's shared part, found without data."""

from __future__ import annotations

from collections.abc import Callable

from mstasks.network import Network
from mstasks.sparsity.attention import refuse_attention
from mstasks.sparsity.coupled import coupled_spaces
from mstasks.sparsity.kernels import input_spaces, output_spaces
from mstasks.sparsity.space import default_floor
from mstasks.sparsity.spaces import Kind, Scope, Spaces, SpacesError
from mstasks.sparsity.trace import trace


def find_spaces(
    network: Network,
    size: tuple[int, int],
    scope: Scope = "shared",
    kind: Kind = "channel",
    floor: Callable[[int], int] = default_floor,
) -> Spaces:
    """The channel spaces of a network. It is neither run nor changed; the same network gives the same answer.

    - ``channel``: coupled groups. A group is all that produces one channel: rows and biases of convolutions, scale and
      shift of norms, depthwise filters, rows of squeeze-excite gates, layer scales, across residual additions. Its
      consumers' columns leave with the channel, but are no members. A zero group can be removed with equal predictions
      in evaluation mode; channels for which that does not hold are excluded.
    - ``input-channel``: a convolution's weights that read one channel, each convolution by itself.
    - ``output-channel``: a convolution's weights and bias that make one channel, each convolution by itself.

    Args:
        network: Any network; heads never have groups.
        size: Height and width of images that it takes.
        scope: ``shared`` for backbone and trunk, ``backbone`` for the backbone alone.
        kind: What a group is.
        floor: Channels that always stay in a space of a given size.

    Raises:
        SpacesError: If the scope has attention, or there is nothing to remove; naming the layers.
        ValueError: If there is no such scope or kind.
    """
    if kind not in ("channel", "input-channel", "output-channel"):
        raise ValueError(f"`kind` must be 'channel', 'input-channel' or 'output-channel'. Found {kind!r}.")
    traced = trace(network, size)
    refuse_attention(traced, scope)
    if kind == "channel":
        spaces, consumers, excluded = coupled_spaces(traced, scope, floor)
        found = Spaces(kind, scope, tuple(spaces), tuple(excluded), consumers)
    elif kind == "input-channel":
        spaces, excluded = input_spaces(traced, scope, floor)
        found = Spaces(kind, scope, tuple(spaces), tuple(excluded))
    else:
        found = Spaces(kind, scope, tuple(output_spaces(traced, scope, floor)), ())
    if not found.spaces:
        reasons = " ".join(layer.reason for layer in found.excluded[:3])
        raise SpacesError(f"The network's {scope} part has no channels that can be removed. {reasons}")
    return found
