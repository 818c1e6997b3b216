"""The `sparsity` section of an adapted run's summary.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mstasks.compact_summary import own_costs
from mstasks.macs import Cost, network_cost, total_cost
from mstasks.network import Network
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.spaces import parts_of
from mstasks.sparsity.summary import measure_worth


def adapted_sparsity(
    parent: Mapping[str, Any],
    network: Network,
    size: tuple[int, int],
    dense: Mapping[str, Cost] | None = None,
) -> dict[str, Any] | None:
    """The section, with the keys of the parent's.

    Args:
        parent: Summary of the run that was adapted.
        network: The adapted network with all of its heads.
        size: Height and width of the image that MACs are counted for.
        dense: By part, what the network would cost with nothing removed, from `Attached.dense`; None if nothing was.

    Returns:
        Costs of the adapted network, dense and compact, and counts of its zeros as they are now, so after growth too.
        A compact network has no zeros left: ``zero_groups`` and ``zero_parameters`` are then the parent's. ``target``
        and ``strength`` say how the parent was trained. None if the parent has no such section.
    """
    section = parent.get("sparsity")
    if section is None:
        return None
    if dense is not None:
        return own_costs({**section, **_dense_costs(section["scope"], dense)}, network_cost(network, size))
    channels = find_spaces(network, size, section["scope"])
    groups = channels
    if section["groups"] != "channel":
        groups = find_spaces(network, size, section["scope"], section["groups"])
    worth = measure_worth(network, groups, channels, size)
    reached = section["reached"]
    left = None if reached is None else {kind: worth.left[kind] for kind in reached}
    return {**section, "reached": left, **worth.numbers}


def _dense_costs(scope: Any, dense: Mapping[str, Cost]) -> dict[str, int]:
    shared, whole = total_cost({part: dense[part] for part in parts_of(scope) if part in dense}), total_cost(dense)
    return {
        "macs_dense": shared.macs,
        "parameters_dense": shared.parameters,
        "network_macs_dense": whole.macs,
        "network_parameters_dense": whole.parameters,
    }
