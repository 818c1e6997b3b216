"""study.html: the tables and figures of a study on one self-contained page."""

from __future__ import annotations

from pathlib import Path

from mstasks.report.markup import Html
from mstasks.report.page import Page, Section, code, collapsible, figures, paragraph, table
from mstasks.study.figures import course_figures, task_figures
from mstasks.study.results import Results
from mstasks.study.tables import Table, arms_table, missing_table, sentences, task_table, tuning_table


def write_page(results: Results, root: Path) -> int:
    """Write study.html and return its size in bytes."""
    return build_page(results).write(root / "study.html")


def build_page(results: Results) -> Page:
    """The page: arms, a section a task, how arms became sparse, what was tuned, what is missing, the study file."""
    loaded = results.state.plan.loaded
    first, *notes = sentences(results)
    page = Page(loaded.study.title or loaded.study.name, first)
    page.add(Section("Arms").add(*_shown(arms_table(results))))
    for task in results.tasks:
        drawn = task_figures(results, task)
        page.add(Section(task).add(*_shown(task_table(results, task)), figures(*drawn) if drawn else ""))
    course = course_figures(results)
    page.add(Section("How the arms became sparse").add(figures(*course) if course else ""))
    for rest in (tuning_table(results), missing_table(results)):
        page.add(Section(rest.title).add(*_shown(rest)))
    written = collapsible(loaded.path.name, code(loaded.text))
    return page.add(Section("How to read this").add(*notes, written))


def _shown(content: Table) -> list[Html]:
    """A table with its note; nothing if it has no row."""
    if not content.rows:
        return []
    parts = [table(content.columns, content.rows, numbers=content.numbers)]
    return [*parts, paragraph(content.note, note=True)] if content.note else parts
