"""What stands beside every adapted network: the linear map of the features as they were, and what looks at no image."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import TYPE_CHECKING

from mstasks.adapt.options import TuneOptions
from mstasks.adapt.predictors import head_predictor, trivial_predictor
from mstasks.adapt.ridge import ridge_head
from mstasks.adapt.seen import Released
from mstasks.adapt.session import Session, ignore
from mstasks.adapt.strategies import Probe
from mstasks.adapt.trivial import fit_trivial
from mstasks.heads import LinearHead, PooledHead

if TYPE_CHECKING:
    from torch import nn

    from mstasks.adapt.support import Support
    from mstasks.bound import BoundTask
    from mstasks.device import Precision
    from mstasks.network import Network
    from mstasks.predictors import Predictor

RIDGE, PROBE, TRIVIAL = "ridge", "probe", "trivial"


def references(
    network: Network, bound: BoundTask, support: Support, precision: Precision, new: Collection[str]
) -> dict[str, Predictor]:
    """By column, the predictors that an adaptation is compared with.

    ``ridge`` is the closed form; for a task that has none ``probe``, the same map trained by the task's own loss;
    neither for a dense task on a network without a trunk, or with one that nobody has trained. ``trivial`` is the mean
    label map, or the prior, of the support images.

    Args:
        network: Before it was adapted; on the device.
        bound: The task.
        support: The support set.
        precision: Of forward passes.
        new: Parts of the network that have no trained weights.
    """
    found: dict[str, Predictor] = {}
    plain = support.plain()
    trivial = fit_trivial(bound, plain)
    if not bound.task.kind.dense or (network.trunk is not None and "trunk" not in new):
        device = next(network.parameters()).device
        fit = ridge_head(network, bound, plain, device, precision)
        name, head = (PROBE, _probe(network, bound, support, precision)) if fit is None else (RIDGE, fit.head)
        found[name] = head_predictor(network, head, bound, precision)
    if trivial is not None:
        found[TRIVIAL] = trivial_predictor(trivial, bound)
    return found


def _probe(network: Network, bound: BoundTask, support: Support, precision: Precision) -> nn.Module:
    """A linear head trained on the network's features, which stay as they are."""
    alone = copy.deepcopy(network)
    kind = LinearHead if bound.task.kind.dense else PooledHead
    head = kind(network.info, bound.task.channels)
    alone.heads[bound.name] = head.to(next(network.parameters()).device)
    new = frozenset({f"heads.{bound.name}"})
    session = Session(alone, bound, new, new, support, Released(), None, precision, ignore)
    Probe(TuneOptions()).adapt(session)
    return alone.heads[bound.name]
