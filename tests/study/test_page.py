"""The page holds every table, its figures where there is something to draw, and the study file."""

from __future__ import annotations

import json
from collections.abc import Callable

from study_bench import STUDY, Bench

from mstasks.study.figures import _colours_of_adapted, task_figures
from mstasks.study.tables import tables

FEW = STUDY.replace("  dense:", "  dense: {overrides: ['unseen={normals: {}}']}").replace(
    "compare:", "  few: {adapt: dense, task: normals, shots: [5, 10]}\ncompare:"
)


def test_every_cell_of_every_table_is_on_the_page(bench: Bench, behave: Callable[..., None]) -> None:
    behave(fail=["few/seed-1/shots-5"])
    results = bench.run(bench.plan(FEW))
    page = (bench.root / "study.html").read_text()
    cells = {cell for table in tables(results) for row in table.rows for cell in (*row, table.title)}
    assert len(cells) > 30
    assert [cell for cell in cells if cell not in page] == []
    assert "sparsity={strength: priced, target: {macs: 0.5}}" in page.replace("&quot;", '"')


def test_adaptation_curves_are_drawn_over_the_shots(bench: Bench) -> None:
    bench.run(bench.plan(FEW))
    page = (bench.root / "study.html").read_text()
    assert "adapted to normals" in page
    assert "few 10: 4" in page  # what a dot tells
    assert "segmentation: miou against MACs" in page


def test_the_way_to_sparsity_is_drawn_if_it_was_logged(bench: Bench) -> None:
    plan = bench.plan()
    bench.run(plan)
    assert "MACs left" not in (bench.root / "study.html").read_text()
    rows = [
        {
            "step": step,
            "sparsity": {"macs": 1 - step / 10, "strength": {"name": "price", "values": {"all": 10.0**-step}}},
        }
        for step in (1, 2, 3)
    ]
    run = bench.root / "sparse/seed-0/fake/001"
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    bench.run(plan)
    page = (bench.root / "study.html").read_text()
    assert "MACs left of backbone and trunk" in page
    assert "Price, median over spaces" in page


def test_figures_leave_out_what_hold_out_adds_and_adapted_arms_have_their_parents_colour(bench: Bench) -> None:
    text = STUDY + "hold_out: {tasks: [depth], arms: [sparse, dense], shots: [5, 10]}\n"
    results = bench.run(bench.plan(text))
    scatter, *_ = task_figures(results, "segmentation")
    assert "dense" in scatter
    assert "without" not in scatter
    names = ["sparse-to-depth", "dense-to-depth"]
    assert _colours_of_adapted(results, names) == {"sparse-to-depth": 1, "dense-to-depth": 0}


def test_arms_adapted_from_one_network_have_different_colours(bench: Bench) -> None:
    more = FEW.replace("compare:", "  many: {adapt: dense, task: normals, shots: [5, 10], draws: 7}\ncompare:")
    results = bench.run(bench.plan(more))
    assert _colours_of_adapted(results, ["few", "many"]) == {"few": 0, "many": 3}
