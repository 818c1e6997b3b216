"""MACs and parameters as exact functions of how many channels each space has left."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.network import Network
from mstasks.sparsity.alive import require_coupled
from mstasks.sparsity.spaces import Spaces, in_scope
from mstasks.sparsity.trace import trace


@dataclass(frozen=True, slots=True)
class Costs:
    """What a scope costs when space s has n_s channels left.

    Parameter p has ``rest_p * (rows_p - sum_s R_ps (C_s - n_s)) * (columns_p - sum_s K_ps (C_s - n_s))`` entries, where
    R and K say how often the channels of s lie along its first and second dimension. A convolution or linear layer
    multiplies each entry of its weight once per output position. Both are sums of products of counts, which float64
    holds exactly up to 2^53.

    Attributes:
        spaces: The spaces, of kind ``channel``; `counts` below follow their order.
        rest: Entries of each parameter beyond its first two dimensions, shape (parameters,).
        dims: Lengths of its first two dimensions (1 if missing), shape (2, parameters).
        ties: R and K, shape (2, spaces, parameters).
        positions: Output positions of one image at which its entries are multiplied, shape (parameters,): 0 for what
            is no weight of a convolution or linear layer.
    """

    spaces: Spaces
    rest: Tensor
    dims: Tensor
    ties: Tensor
    positions: Tensor

    def macs(self, counts: Tensor) -> Tensor:
        """MACs of the scope for one image, as `mstasks.macs` counts them on the compact network, int64, shape (...).

        Args:
            counts: Channels left, shape (..., spaces), on the CPU.
        """
        return (self._entries(counts) @ self.positions).round().long()

    def parameters(self, counts: Tensor) -> Tensor:
        """Parameters of the scope, int64, shape (...)."""
        return self._entries(counts).sum(dim=-1).round().long()

    def marginal_macs(self, counts: Tensor) -> Tensor:
        """MACs that one channel less in each space would save, the others staying: int64, shape (spaces,).

        Args:
            counts: Channels left, shape (spaces,).
        """
        return (self._marginal(counts) @ self.positions).round().long()

    def marginal_parameters(self, counts: Tensor) -> Tensor:
        """Parameters that one channel less in each space would save, int64, shape (spaces,)."""
        return self._marginal(counts).sum(dim=-1).round().long()

    @property
    def full(self) -> Tensor:
        """Counts with nothing removed, int64, shape (spaces,)."""
        return self.spaces.sizes

    def _lengths(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        removed = (self.full - counts).double()
        return self.dims[0] - removed @ self.ties[0], self.dims[1] - removed @ self.ties[1]

    def _entries(self, counts: Tensor) -> Tensor:
        rows, columns = self._lengths(counts)
        return self.rest * rows * columns

    def _marginal(self, counts: Tensor) -> Tensor:
        """What leaves with one channel: rows x columns - (rows - R) x (columns - K), by space and parameter."""
        rows, columns = self._lengths(counts)
        row_ties, column_ties = self.ties[0], self.ties[1]
        return self.rest * (row_ties * columns + column_ties * rows - row_ties * column_ties)


def measure_costs(network: Network, spaces: Spaces, size: tuple[int, int]) -> Costs:
    """The costs of the spaces' scope; the network is neither run nor changed.

    Args:
        network: The network that the spaces were found in, nothing removed yet.
        spaces: Its spaces of kind ``channel``.
        size: Height and width of one image.

    Raises:
        ValueError: If the spaces are of another kind.
    """
    require_coupled(spaces)
    visits = trace(network, size).positions
    shapes = {name: tuple(p.shape) for name, p in network.named_parameters() if in_scope(name, spaces.scope)}
    index = {name: position for position, name in enumerate(shapes)}
    ties = torch.zeros(2, len(spaces.spaces), len(shapes), dtype=torch.float64)
    for row, space in enumerate(spaces.spaces):
        for member in (*space.members, *spaces.consumers[space.name]):
            if member.parameter in index:
                ties[member.dim, row, index[member.parameter]] += 1
    positions = [visits.get(name.removesuffix(".weight"), 0) if name.endswith(".weight") else 0 for name in shapes]
    lengths = [[*shape[:2], 1, 1][:2] for shape in shapes.values()]
    rest = [torch.Size(shape[2:]).numel() for shape in shapes.values()]
    return Costs(
        spaces,
        rest=torch.tensor(rest, dtype=torch.float64),
        dims=torch.tensor(lengths, dtype=torch.float64).T,
        ties=ties,
        positions=torch.tensor(positions, dtype=torch.float64),
    )
