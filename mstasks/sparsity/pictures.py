"""Pictures of a run's sparsity, from its own files alone."""

from __future__ import annotations

from mstasks.runfolder import RunFolder
from mstasks.sparsity.draw_course import Course, draw_macs, draw_trajectory
from mstasks.sparsity.draw_serves import draw_serves
from mstasks.sparsity.draw_structure import draw_structure
from mstasks.sparsity.record import read_record


def draw_sparsity(run: RunFolder) -> list[str]:
    """Draw all that the run has the numbers for; a picture without numbers is not written.

    - ``sparsity.png``: the network's spaces with what is alive, removed, and zero but not removable.
    - ``serves.png``: which task each channel that is left serves.
    - ``strength.png``: price or lambda against the step.
    - ``macs.png``: MACs and zero groups against the step.

    Args:
        run: Its metrics.jsonl and sparsity.json are read; either may be missing.

    Returns:
        Names of the files written.
    """
    record, course = read_record(run), read_course(run)
    target = None if record is None else record.target
    drawn = {
        "sparsity.png": record is not None and draw_structure(record, run.path / "sparsity.png"),
        "serves.png": record is not None and draw_serves(record, run.path / "serves.png"),
        "strength.png": draw_trajectory(course, run.path / "strength.png"),
        "macs.png": draw_macs(course, target, run.path / "macs.png"),
    }
    return [name for name, written in drawn.items() if written]


def read_course(run: RunFolder) -> Course:
    """The run's rows about sparsity by step, sorted.

    A resumed run logs the steps after its checkpoint again; the last row of a step counts.
    """
    found = {row["step"]: row["sparsity"] for row in run.rows() if "sparsity" in row}
    return dict(sorted(found.items()))
