"""Which way each metric of a task gets better, as a summary tells it. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def direction(task: Mapping[str, Any], metric: str) -> bool | None:
    """Whether a metric is better if it is higher.

    Args:
        task: The task's entry under `tasks` of a summary.
        metric: Its name; a part such as ``miou/door`` has the direction of its metric.

    Returns:
        None if the summary does not say: one without `directions` knows the primary metric alone.
    """
    name = metric.partition("/")[0]
    known = {task.get("primary"): task.get("higher_is_better"), **(task.get("directions") or {})}
    higher = known.get(name)
    return None if higher is None else bool(higher)
