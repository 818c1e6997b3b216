from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mstasks.errors import UsageError
from mstasks.report.album import LIMIT
from mstasks.report.build import build_report
from mstasks.report.examples import Choice
from mstasks.runfolder import RunFolder

Read = Callable[[str], Any]


def rendered(paths: list[Path], choice: Choice | None = None) -> tuple[str, tuple[str, ...]]:
    report = build_report(paths, choice or Choice())
    return report.page.render(), report.missing


def test_a_sparse_run_of_all_kinds_has_everything_on_its_page(sparse_run: RunFolder, read: Read) -> None:
    page, missing = rendered([sparse_run.path])
    document = read(page)
    assert missing == ()
    assert len(page.encode()) < LIMIT
    sections = [section["id"] for section in document.all("section")]
    assert sections == ["results", "pictures", "training", "sparsity", "costs", "how-it-was-made"]
    # Two images, each with label, prediction and error of four dense tasks.
    assert len(document.all("img")) == 2 * (1 + 4 * 3)
    assert all(image["alt"] for image in document.all("img"))
    for told in ("meta-sparsity", "strength: priced", "absolute error", "angle between them", "Price", "heads.edges"):
        assert told in document.text, told
    assert "target: {macs: 0.5}" in document.text, "the recipe as it was given"


def test_the_numbers_are_those_of_the_summary(sparse_run: RunFolder, read: Read) -> None:
    document = read(rendered([sparse_run.path])[0])
    summary = sparse_run.read_summary()
    for task in summary["tasks"].values():
        value = task["test"][task["primary"]]
        assert f"{value:.4f}" in document.text or f"{value:.2f}" in document.text
    sparsity = summary["sparsity"]
    assert f"{100 * sparsity['network_macs_compact'] / sparsity['network_macs_dense']:.1f} %" in document.text
    costs = next(text for text in document.texts if text.startswith("MACs: "))
    left, dense = sparsity["network_macs_compact"] / 1e6, sparsity["network_macs_dense"] / 1e6
    assert costs.startswith(f"MACs: {left:.3g} M of {dense:.3g} M, ")


def test_chosen_images_are_shown_in_the_order_asked_for(dense_run: RunFolder, read: Read) -> None:
    ids = json.loads((dense_run.path / "splits.json").read_text())["test"]
    document = read(rendered([dense_run.path], Choice(ids=(ids[4], ids[1], ids[4])))[0])
    alts = [image["alt"] for image in document.all("img") if image["alt"].startswith("test image")]
    assert alts == [f"test image {ids[4]}", f"test image {ids[1]}"]


def test_so_many_images_are_shown_as_asked_for(dense_run: RunFolder, read: Read) -> None:
    document = read(rendered([dense_run.path], Choice(count=3))[0])
    assert sum(image["alt"].startswith("test image") for image in document.all("img")) == 3
    nothing = read(rendered([dense_run.path], Choice(count=0))[0])
    assert not nothing.all("img")


def test_an_image_that_is_no_test_image_is_explained(dense_run: RunFolder) -> None:
    with pytest.raises(UsageError, match=r"--image nowhere: none of the 6 test images has that id; .* such as test/"):
        build_report([dense_run.path], Choice(ids=("nowhere",)))


def test_several_runs_are_compared_on_top_of_their_tabs(
    sparse_run: RunFolder, dense_run: RunFolder, read: Read
) -> None:
    page, _ = rendered([dense_run.path, sparse_run.path, dense_run.path])
    document = read(page)
    assert document.all("section")[0]["id"] == "comparison"
    assert len(document.classed("panel")) == 2, "a run that is named twice is shown once"
    assert "dense/001 multi-task" in document.text
    assert "sparse/001 meta-sparsity" in document.text
    assert "segmentation: miou ↑ against MACs" in document.text


def test_a_run_that_is_not_complete_is_shown_as_far_as_it_is(unfinished_run: RunFolder, read: Read) -> None:
    page, missing = rendered([unfinished_run.path])
    document = read(page)
    assert len(missing) == 1
    assert missing[0].startswith("No pictures and no costs by part: ")
    assert missing[0] in document.text
    assert "mstasks fit --resume" in document.text
    sections = [section["id"] for section in document.all("section")]
    assert sections == ["results", "pictures", "training", "sparsity", "how-it-was-made"]


def test_without_its_data_a_run_has_all_but_pictures(dense_run: RunFolder, tmp_path: Path, read: Read) -> None:
    run = tmp_path / "dense" / "001"
    shutil.copytree(dense_run.path, run)
    (run / "gone.txt").write_text("\n".join(json.loads((run / "splits.json").read_text())["test"]))
    resolved = (run / "resolved.yaml").read_text()
    (run / "resolved.yaml").write_text(resolved.replace("exclude: null", "exclude: gone.txt"))
    page, missing = rendered([run])
    assert len(missing) == 1
    assert missing[0].startswith("No pictures: ")
    assert "no image in its test split" in missing[0]
    sections = [section["id"] for section in read(page).all("section")]
    assert sections == ["results", "pictures", "training", "costs", "how-it-was-made"]


def test_a_single_task_run_shows_the_answers_of_all_its_networks(single_run: RunFolder, read: Read) -> None:
    document = read(rendered([single_run.path])[0])
    assert [image["alt"].split(" ")[0] for image in document.all("img")] == ["test", "depth,", "depth,", "depth,"]
    assert "checker_floor" in document.text
    assert "depth: backbone" in document.text
    assert "attributes: backbone" in document.text


def test_a_compact_run_shows_its_latency_and_the_layers_of_its_parent(compact_run: RunFolder, read: Read) -> None:
    document = read(rendered([compact_run.path])[0])
    sections = [section["id"] for section in document.all("section")]
    assert sections == ["results", "pictures", "sparsity", "costs", "latency", "how-it-was-made"]
    assert "The layers are as sparse/001 recorded them" in document.text
    assert "compact, eager" in document.text


def test_an_adapted_run_is_shown_as_one(adapted_run: RunFolder, read: Read) -> None:
    document = read(rendered([adapted_run.path])[0])
    sections = [section["id"] for section in document.all("section")]
    assert sections[:2] == ["results", "adaptation"]
    assert "outlines from 2 labelled images, 2 draws of them" in document.text
    assert "The layers are as sparse/001 recorded them" in document.text


def test_a_comparison_says_which_draw_is_shown(
    sparse_run: RunFolder, adapted_run: RunFolder, unfinished_run: RunFolder, read: Read
) -> None:
    document = read(rendered([sparse_run.path, unfinished_run.path, adapted_run.path])[0])
    own = "/".join(adapted_run.path.parts[-3:])
    assert f"{own} learned outlines from 2 images by head-first" in document.text, "the name of its tab"
    assert "The table shows draw 0; over 2 draws ods_f is" in document.text
    assert f"delta_m of {own} leaves out outlines (missing in the baseline)." in document.text


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run folder"):
        build_report([tmp_path], Choice())
