"""Means, intervals and delta_m are of the right runs: checked against numbers worked out by hand and by scipy."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from scipy import stats
from study_bench import STUDY, Bench

from mstasks.study.files import COLUMNS, markdown
from mstasks.study.results import Row
from mstasks.study.summaries import ADAPTED
from mstasks.study.tables import arms_table, task_table

ADAPTED_STUDY = """\
name: small
recipe: base.yaml
overrides: ["unseen={normals: {}}"]
seeds: [0, 1]
arms:
  dense: {}
  sparse: {overrides: [method=sparse, "sparsity={strength: priced, target: {macs: 0.5}}"]}
  single: {overrides: [method=single-task, optim.lr=0.1]}
  dense-few: {adapt: dense, task: normals, shots: [5, 10], draws: 3}
  sparse-few: {adapt: sparse, task: normals, shots: [5, 10], draws: 3}
compare: {baseline: dense, single_task: single, select: val}
"""
LEARNING = STUDY.replace("method=sparse,", "method=sparse, optim.lr=0.02,")


def test_a_difference_is_paired_by_seed_and_its_interval_is_that_of_scipy(
    bench: Bench, behave: Callable[..., None]
) -> None:
    results = bench.run(bench.plan(LEARNING.replace("[0, 1]", "[0, 1, 5]")))
    rows = {name: results.values(Row(name), "segmentation", "miou") for name in ("dense", "sparse")}
    assert rows["dense"] == pytest.approx([0.3, 0.31, 0.35])
    found = results.difference(Row("sparse"), "segmentation", "miou")
    assert found is not None
    assert (found.baseline, found.unit, found.paired.count) == (Row("dense"), "seeds", 3)
    expected = stats.ttest_rel(rows["sparse"], rows["dense"]).confidence_interval(0.95)
    assert found.paired.mean == pytest.approx((0.07 + 0.073 + 0.145) / 3)
    assert found.paired.interval == pytest.approx((expected.low, expected.high))


def test_only_common_seeds_are_compared(bench: Bench, behave: Callable[..., None]) -> None:
    behave(fail=["sparse/seed-0"])
    results = bench.run(bench.plan(LEARNING.replace("[0, 1]", "[0, 1, 5]")))
    found = results.difference(Row("sparse"), "segmentation", "miou")
    assert found is not None
    assert found.paired.count == 2
    line = next(row for row in task_table(results, "segmentation").rows if row[0] == "sparse")
    assert line[1].endswith("(2)")
    assert line[2].endswith("(2 seeds)")


def test_adapted_networks_are_compared_at_equal_shots_by_seed(bench: Bench) -> None:
    results = bench.run(bench.plan(ADAPTED_STUDY))
    mine, theirs = Row("sparse-few", 10, ADAPTED), Row("dense-few", 10, ADAPTED)
    assert results.baseline(mine, "normals") == theirs
    assert results.values(mine, "normals", "mean") == pytest.approx([46.85, 46.733])
    found = results.difference(mine, "normals", "mean")
    assert found is not None
    assert (found.unit, found.paired.count) == ("seeds", 2)
    assert found.paired.mean == pytest.approx((-0.45 - 9 * 0.053) / 2)  # 9 of the difference in mIoU, of each seed


def test_with_one_seed_adapted_networks_are_compared_by_draw(bench: Bench) -> None:
    plan = bench.plan(ADAPTED_STUDY)
    results = bench.run(plan, [job for job in plan.jobs if job.seed == 0])
    ridge = Row("sparse-few", 5, "ridge")
    found = results.difference(ridge, "normals", "mean")
    assert found is not None
    assert (found.baseline, found.unit, found.paired.count) == (Row("dense-few", 5, ADAPTED), "draws", 3)
    expected = stats.ttest_rel([51.5, 52.5, 53.5], [46.5, 47.8, 49.1]).confidence_interval(0.95)
    assert found.paired.mean == pytest.approx(4.7)
    assert found.paired.interval == pytest.approx((expected.low, expected.high))
    cells = {row[0]: row[2] for row in task_table(results, "normals").rows}
    assert cells["sparse-few, k = 5"].endswith("(3 draws)")


def test_another_arm_may_be_the_one_to_compare_with(bench: Bench) -> None:
    text = ADAPTED_STUDY.replace("{adapt: sparse, ", "{adapt: sparse, against: sparse-few, ").replace(
        "  single:", "  wide: {against: sparse}\n  single:"
    )
    results = bench.run(bench.plan(text))
    assert results.baseline(Row("wide"), "depth") == Row("sparse")
    assert results.difference(Row("sparse-few", 5, ADAPTED), "normals", "mean") is None


def test_delta_m_is_of_the_primary_metrics_against_the_single_task_arm_of_the_same_seed(bench: Bench) -> None:
    results = bench.run(bench.plan(ADAPTED_STUDY))
    change = results.delta_m(Row("dense"))[1]
    by_hand = 100 * ((0.31 - 0.41) / 0.41 - (0.69 - 0.59) / 0.59) / 2
    assert change.percent == pytest.approx(by_hand)
    assert results.delta_m(Row("single")) == {}
    cells = {row[0]: row[-1] for row in arms_table(results).rows}
    assert cells["dense"].startswith("-20.8 ± ")
    assert cells["dense"].endswith("% (2; 2 tasks)")
    assert (cells["single"], cells["dense-few, k = 5"]) == ("baseline", "-")


def test_costs_are_those_of_the_network_without_dead_channels(bench: Bench) -> None:
    results = bench.run(bench.plan(ADAPTED_STUDY))
    rows = {row[0]: row for row in arms_table(results).rows}
    assert rows["dense"][:4] == ("dense", "2 of 2", "3.00 M", "0.00 M")
    assert rows["sparse"][2] == "1.50 M"
    assert rows["dense-few, k = 5"][5] == "3 s"


def test_the_primary_metric_comes_first_and_parts_of_metrics_stay_in_the_runs(bench: Bench) -> None:
    results = bench.run(bench.plan())
    table = task_table(results, "depth")
    assert table.columns == ("arm", "rmse ↓", "difference in rmse [95 %]", "abs")
    assert [row[3] for row in table.rows] == ["- (2 missing)"] * 2
    assert task_table(results, "segmentation").columns[1::2] == ("miou ↑", "pixel_accuracy")


def test_what_is_the_same_beside_every_adaptation_is_shown_once(bench: Bench) -> None:
    results = bench.run(bench.plan(ADAPTED_STUDY))
    shown = [row[0] for row in task_table(results, "normals").rows]
    assert shown == [
        *("dense-few, k = 5", "dense-few, k = 5, ridge", "dense-few, k = 10", "dense-few, k = 10, ridge"),
        *("sparse-few, k = 5", "sparse-few, k = 10"),  # the fake ridge knows nothing of the network
    ]


def test_the_csv_has_a_row_for_each_arm_seed_task_and_metric(bench: Bench, behave: Callable[..., None]) -> None:
    behave(fail=["sparse-few/seed-1/shots-5"])
    bench.run(bench.plan(ADAPTED_STUDY))
    rows = list(csv.DictReader(io.StringIO((bench.root / "results.csv").read_text())))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 3 * 2 * 4 + 2 * 8 - 1
    dense = [row for row in rows if (row["arm"], row["seed"], row["metric"]) == ("dense", "1", "miou")]
    assert [float(row["value"]) for row in dense] == [pytest.approx(0.31)]
    assert (dense[0]["split"], dense[0]["macs"], dense[0]["run"]) == ("test", "3000000", "dense/seed-1/fake/001")
    few = [row for row in rows if (row["arm"], row["seed"], row["shots"]) == ("sparse-few", "0", "10")]
    assert [(row["predictor"], row["draws"]) for row in few] == [("adapted", "3"), ("ridge", "3")]
    failed = [row for row in rows if row["status"] == "failed"]
    assert [(row["arm"], row["reason"], row["value"]) for row in failed] == [("sparse-few", "too few images", "")]


def test_the_markdown_says_how_intervals_are_made_and_where_anything_was_chosen(bench: Bench) -> None:
    results = bench.run(bench.plan())
    text = markdown(results)
    assert "paired by seed: the mean of the differences and its 95 % interval by Student's t" in text
    assert "Checkpoints were chosen on the val split; nothing was chosen on test." in text
    assert "| dense | 0.3050 ± 0.0071 (2) | baseline | 0.5000 ± 0.0000 (2) |" in text
    half = 12.7062 * 0.0015  # t with one degree of freedom, and the standard error of 0.05 and 0.053
    assert f"+0.0515 [{0.0515 - half:+.4f}, {0.0515 + half:+.4f}] (2 seeds)" in text
    assert text == (bench.root / "results.md").read_text()


def test_results_of_a_study_that_is_half_done_can_be_read(bench: Bench) -> None:
    plan = bench.plan()
    bench.run(plan, plan.jobs[:1])
    text = (bench.root / "results.md").read_text()
    assert "1 of 4 runs are done, 3 are still to come." in text
    assert "| sparse, seed 1 | not run yet |  |" in text
    assert "| dense | 0.3000 (1) | baseline | 0.5000 (1) |" in text
