"""Means, intervals and delta_m are of the right runs: checked against numbers worked out by hand and by scipy."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from scipy import stats
from study_bench import STUDY, Bench

from mstasks.study import numbers
from mstasks.study.delta import delta_difference, read_delta
from mstasks.study.files import COLUMNS, markdown
from mstasks.study.results import Row
from mstasks.study.summaries import ADAPTED
from mstasks.study.tables import arms_table, task_table, tuning_table

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
    delta = read_delta(results, "dense")
    assert delta is not None
    assert delta.percents == pytest.approx({seed: by_hand(seed, 0.0) for seed in (0, 1)})
    assert delta.tasks == {"segmentation", "depth"}
    assert read_delta(results, "single") is None
    cells = {row[0]: row[-2:] for row in arms_table(results).rows}
    assert cells["dense"][0].startswith("-20.8 ± ")
    assert cells["dense"][0].endswith("] (2; 2 tasks)")
    assert cells["dense"][1] == "baseline"
    assert (cells["single"][0], cells["dense-few, k = 5"][0]) == ("baseline", "-")


def by_hand(seed: int, more: float) -> float:
    """delta_m in percent of an arm whose mIoU is `more` above that of `dense`, from the fake's formula."""
    own, single = 0.3 + 0.01 * seed + more, 0.4 + 0.01 * seed
    return 100 * ((own - single) / single - ((1 - own) - (1 - single)) / (1 - single)) / 2


def test_delta_m_has_an_interval_and_a_difference_from_the_baseline_paired_by_seed(bench: Bench) -> None:
    results = bench.run(bench.plan(ADAPTED_STUDY.replace("[0, 1]", "[0, 1, 2]")))
    dense, sparse = read_delta(results, "dense"), read_delta(results, "sparse")
    apart = delta_difference(results, "sparse")
    assert dense is not None
    assert sparse is not None
    assert apart is not None
    plain = [by_hand(seed, 0.0) for seed in range(3)]
    other = [by_hand(seed, 0.05 + 0.003 * seed**2) for seed in range(3)]
    expected = stats.ttest_1samp(plain, 0).confidence_interval(0.95)
    assert dense.whole.interval == pytest.approx((expected.low, expected.high))
    expected = stats.ttest_rel(other, plain).confidence_interval(0.95)
    assert apart.interval == pytest.approx((expected.low, expected.high))
    cell = next(row[-1] for row in arms_table(results).rows if row[0] == "sparse")
    assert cell == f"{apart.mean:+.1f} % [{expected.low:+.1f}, {expected.high:+.1f}] (3)"


def test_without_a_single_task_arm_delta_m_is_taken_from_the_baseline(bench: Bench) -> None:
    text = ADAPTED_STUDY.replace("single_task: single, ", "").replace("[0, 1]", "[0, 1, 2]")
    results = bench.run(bench.plan(text))
    delta = read_delta(results, "sparse")
    assert delta is not None
    own, more = [0.3 + 0.01 * seed for seed in range(3)], [0.05 + 0.003 * seed**2 for seed in range(3)]
    by_hand = [100 * (m / o + m / (1 - o)) / 2 for o, m in zip(own, more, strict=True)]
    assert [delta.percents[seed] for seed in range(3)] == pytest.approx(by_hand)
    low, high = stats.ttest_1samp(by_hand, 0).confidence_interval(0.95)
    table = arms_table(results)
    cells = {row[0]: row[-1] for row in table.rows}
    assert table.columns[-1] == "delta_m against dense [95 %]"
    assert cells["dense"] == "baseline"
    assert cells["dense-few, k = 5"] == "-"
    assert f"[{low:+.1f}, {high:+.1f}] (3; 2 tasks)" in cells["sparse"]
    rows = [row for row in numbers.differences(results) if row["metric"] == "delta_m"]
    assert {(row["arm"], row["against"]) for row in rows} >= {("sparse", "dense")}
    assert all(row["against"] == "dense" for row in rows)


def test_a_seed_without_one_of_the_tasks_is_missing_from_delta_m(bench: Bench, behave: Callable[..., None]) -> None:
    behave(without={"dense/seed-1": "depth"})
    results = bench.run(bench.plan(ADAPTED_STUDY))
    delta = read_delta(results, "dense")
    assert delta is not None
    assert delta.percents == {0: pytest.approx(by_hand(0, 0.0)), 1: None}
    cell = next(row[-2] for row in arms_table(results).rows if row[0] == "dense")
    assert cell == f"{by_hand(0, 0.0):+.1f} % (1, 1 missing; 2 tasks)"


def test_draws_that_happen_on_the_same_images_are_several(bench: Bench, behave: Callable[..., None]) -> None:
    behave(same_images=True)
    plan = bench.plan(ADAPTED_STUDY)
    results = bench.run(plan, [job for job in plan.jobs if job.seed == 0])
    score = results.scores[Row("dense-few", 5, ADAPTED), "normals", "mean"][0]
    assert score.value == pytest.approx(46.5 + 1.3)
    found = results.difference(Row("sparse-few", 5, ADAPTED), "normals", "mean")
    assert found is not None
    assert (found.unit, found.paired.count) == ("draws", 3)


def test_adapted_networks_are_compared_on_the_draws_that_both_have(bench: Bench, behave: Callable[..., None]) -> None:
    behave(lost=["sparse-few/seed-1/shots-5"])  # has no score of its last draw
    results = bench.run(bench.plan(ADAPTED_STUDY))
    found = results.difference(Row("sparse-few", 5, ADAPTED), "normals", "mean")
    assert found is not None
    assert (found.unit, found.paired.count) == ("seeds", 2)
    # -10 of the difference in mIoU, and once more of it a draw: draws 0 to 2 of seed 0, 0 and 1 of seed 1
    assert found.paired.mean == pytest.approx((0.05 * (-10 + 1) + 0.053 * (-10 + 0.5)) / 2)


def test_what_an_adaptation_kept_is_said_to_be_of_draw_0(bench: Bench, behave: Callable[..., None]) -> None:
    sentence = "Scores of tasks that an adaptation was to keep are of the network of draw 0 alone."
    assert sentence not in markdown(bench.run(bench.plan(ADAPTED_STUDY)))
    behave(keep=["dense-few/seed-0"])
    text = ADAPTED_STUDY.replace("draws: 3", "draws: 4")
    results = bench.run(bench.plan(text), renew=True)
    assert results.values(Row("dense-few", 5, ADAPTED), "depth", "rmse") == [0.25]
    assert sentence in markdown(results)


HELD_OUT = """\
name: small
recipe: base.yaml
seeds: [0, 1]
arms:
  dense: {}
  sparse: {overrides: [method=sparse, "sparsity={strength: priced, target: {macs: 0.5}}"]}
  wide: {against: sparse}
  deep: {against: wide}
hold_out: {tasks: [depth], arms: [dense, sparse, wide], shots: 5, draws: 3}
compare: {baseline: dense, select: val}
"""


def test_arms_without_a_task_are_compared_with_the_counterpart_of_what_against_names(bench: Bench) -> None:
    results = bench.run(bench.plan(HELD_OUT))
    assert results.reference("wide-without-depth") == "sparse-without-depth"
    assert results.reference("wide-to-depth") == "sparse-to-depth"
    assert results.reference("sparse-without-depth") == "dense-without-depth"
    cells = {row[0]: row[2] for row in task_table(results, "segmentation").rows}
    assert cells["wide"].endswith("(2 seeds) vs sparse")
    assert cells["wide-without-depth"].endswith("(2 seeds) vs sparse-without-depth")
    assert cells["sparse"].endswith("(2 seeds)")
    assert cells["sparse-without-depth"].endswith("(2 seeds)")
    found = results.difference(Row("wide-to-depth", 5, ADAPTED), "depth", "mean")
    assert found is not None
    assert found.baseline == Row("sparse-to-depth", 5, ADAPTED)


def test_delta_m_of_arms_without_a_task_is_taken_from_the_baseline_without_it(bench: Bench) -> None:
    results = bench.run(bench.plan(HELD_OUT))
    cells = {row[0]: row[-1] for row in arms_table(results).rows}
    assert (cells["dense"], cells["dense-without-depth"]) == ("baseline", "baseline")
    assert cells["wide"].endswith("(2; 2 tasks) vs sparse")
    assert cells["sparse-without-depth"].endswith("(2; 2 tasks)")
    taken = [(row["arm"], row["against"]) for row in numbers.differences(results) if row["metric"] == "delta_m"]
    expected = [("sparse", "dense"), ("wide", "sparse"), ("deep", "wide")]
    expected += [("sparse-without-depth", "dense-without-depth"), ("wide-without-depth", "sparse-without-depth")]
    assert sorted(map(str, taken)) == sorted(map(str, expected))


def test_before_there_are_scores_no_column_is_without_cells(bench: Bench) -> None:
    table = arms_table(bench.run(bench.plan(ADAPTED_STUDY), wanted=[]))
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_study_of_one_arm_has_no_delta_m(bench: Bench) -> None:
    text = "name: small\nrecipe: base.yaml\nseeds: [0]\narms:\n  dense: {}\ncompare: {baseline: dense, select: val}\n"
    table = arms_table(bench.run(bench.plan(text)))
    assert table.columns[-1] == "time a run"
    assert "delta_m" not in table.note


def test_without_a_counterpart_nothing_is_compared(bench: Bench) -> None:
    text = HELD_OUT.replace("arms: [dense, sparse, wide]", "arms: [sparse, deep]")
    results = bench.run(bench.plan(text))
    for row in (Row("sparse-without-depth"), Row("deep-without-depth")):
        assert results.reference(row.arm) is None
        assert results.difference(row, "segmentation", "miou") is None
    assert results.difference(Row("sparse-to-depth", 5, ADAPTED), "depth", "mean") is None


def test_values_chosen_with_a_task_that_is_held_out_are_said_to_be(bench: Bench) -> None:
    text = HELD_OUT.replace("dense: {}", "dense: {tune: {optim.lr: [1e-3, 3e-3]}}")
    note = tuning_table(bench.run(bench.plan(text))).note
    assert "the choice has seen the validation labels of the task that is then taken for unseen" in note
    assert "unseen" not in tuning_table(bench.run(bench.plan(STUDY), renew=True)).note


def test_numbers_of_the_tables_are_there_for_programs(bench: Bench) -> None:
    results = bench.run(bench.plan(ADAPTED_STUDY))
    rows = list(csv.DictReader(io.StringIO((bench.root / "differences.csv").read_text())))
    assert tuple(rows[0]) == numbers.COLUMNS
    found = results.difference(Row("sparse"), "segmentation", "miou")
    assert found is not None
    assert found.paired.interval is not None
    row = next(row for row in rows if (row["arm"], row["metric"]) == ("sparse", "miou"))
    assert (row["against"], row["pairs"], row["unit"], row["shots"]) == ("dense", "2", "seeds", "")
    assert float(row["mean"]) == pytest.approx(0.3565)
    shown = [float(row[key]) for key in ("difference", "low", "high")]
    assert shown == pytest.approx([0.0515, *found.paired.interval])
    delta = [row for row in rows if (row["arm"], row["metric"]) == ("sparse", "delta_m")]
    assert [row["against"] for row in delta] == ["single", "dense"]
    own = [by_hand(seed, 0.05 + 0.003 * seed**2) for seed in (0, 1)]
    assert float(delta[0]["difference"]) == pytest.approx(sum(own) / 2)
    few = next(row for row in rows if (row["arm"], row["shots"], row["predictor"]) == ("sparse-few", "5", "adapted"))
    assert (few["against"], few["against_predictor"]) == ("dense-few", "adapted")


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
    assert "Checkpoints of trained networks were chosen on the val split; nothing was chosen on test." in text
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
