"""The files of a study's results: results.csv, differences.csv and results.md, replaced whole."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mstasks.study import numbers
from mstasks.study.job import Job
from mstasks.study.numbers import differences
from mstasks.study.results import Results
from mstasks.study.summaries import read_scores
from mstasks.study.tables import sentences, tables

COLUMNS = (
    "study",
    "arm",
    "seed",
    "shots",
    "trial",
    "status",
    "reason",
    "task",
    "metric",
    "primary",
    "higher_is_better",
    "predictor",
    "split",
    "value",
    "draws",
    "macs",
    "parameters",
    "milliseconds",
    "seconds",
    "run",
)
"""Of results.csv."""


def write_results(results: Results, root: Path) -> None:
    """Write results.csv, differences.csv and results.md."""
    rows = (row for job in results.state.outcomes for row in _rows(results, job, root))
    _write(root / "results.csv", _csv(COLUMNS, rows))
    apart = ({key: "" if value is None else value for key, value in row.items()} for row in differences(results))
    _write(root / "differences.csv", _csv(numbers.COLUMNS, apart))
    _write(root / "results.md", markdown(results))


def markdown(results: Results) -> str:
    """The tables with the sentences that explain them."""
    study = results.state.plan.loaded.study
    lines = [f"# {study.title or study.name}", "", *(line for text in sentences(results) for line in (text, ""))]
    for table in tables(results):
        lines += [f"## {table.title}", ""]
        lines += [_row(table.columns), _row(["---"] * len(table.columns)), *map(_row, table.rows), ""]
        lines += [table.note, ""] if table.note else []
    return "\n".join(lines).rstrip() + "\n"


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _csv(columns: tuple[str, ...], rows: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _rows(results: Results, job: Job, root: Path) -> Iterator[dict[str, object]]:
    """One row a task and metric; a single row for a run without a result."""
    outcome, cost = results.state.outcomes[job], results.costs.get(job)
    run = "" if outcome.run is None else os.path.relpath(outcome.run, root)
    shots = "" if job.shots is None else job.shots
    base: dict[str, object] = {
        "study": results.state.plan.loaded.study.name,
        **{"arm": job.arm, "seed": job.seed, "shots": shots, "trial": " ".join(job.trial)},
        **{"status": outcome.status.value, "reason": outcome.reason, "run": run},
    }
    if cost is None or outcome.run is None:
        yield base
        return
    for name in ("macs", "parameters", "milliseconds", "seconds"):
        value = getattr(cost, name)
        base[name] = "" if value is None else value
    for score in read_scores(job, outcome.run):
        better = "" if score.higher_is_better is None else score.higher_is_better
        about = {"task": score.task, "metric": score.metric, "primary": score.primary, "higher_is_better": better}
        about |= {"predictor": score.predictor, "split": "test", "draws": len(score.draws) or ""}
        yield {**base, **about, "value": "" if score.value is None else score.value}


def _write(path: Path, content: str) -> None:
    """Replace a file; a reader sees the old or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)
