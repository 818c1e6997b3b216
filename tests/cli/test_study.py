"""`mstasks study` on the command line: what it prints, writes and exits with."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

SUPPORT = str(Path(__file__).parents[1] / "study" / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)

from study_bench import FAKE, RECIPE, STUDY  # noqa: E402 - found by the line above

import mstasks.study.study as study_module  # noqa: E402
from mstasks.cli import main  # noqa: E402

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a study that a fake program runs."""
    (tmp_path / "base.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "a.study.yaml").write_text(STUDY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    run_study = functools.partial(study_module.run_study, program=FAKE)
    monkeypatch.setattr("mstasks.study.study.run_study", run_study)
    return tmp_path


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_a_study_ends_with_its_tables_and_files(capsys: Capture, folder: Path) -> None:
    assert main(["study", "a.study.yaml"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("study: runs/small\n")
    assert "0.3050 ± 0.0071 (2)" in shown
    assert "4 of 4 runs are done." in shown
    names = ("results.md", "results.csv", "differences.csv", "study.html")
    assert shown.endswith(f"files: {' '.join(f'runs/small/{name}' for name in names)}\n")
    assert all((folder / "runs/small" / name).is_file() for name in names)


def test_seeds_and_arms_choose_what_is_run_now(capsys: Capture, folder: Path) -> None:
    assert main(["study", "a.study.yaml", "--seeds", "0,3-4", "--arms", "dense"]) == 0
    assert calls(folder) == 3
    assert "3 of 8 runs are done, 5 are still to come." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--seeds", "one"], "'one' is no seed; write 0,1,2 or 0-2."),
        (["--seeds", "3-1"], "'3-1' goes backwards; write 1-3."),
        (["--seeds", "4294967296"], "'4294967296': seeds are below 2^32"),
        (["--seeds", "0-99999999"], "at most 1000 of them"),
        (["seed=3"], "command line: seed=3: the seed of a study cannot be overridden; `seeds` of the study file"),
        (["--arms", "dens"], "--arms: no such arm 'dens'; arms: dense, sparse. Did you mean 'dense'?"),
        (["optim.stps=3"], "command line: optim.stps=3: unknown key 'stps' in optim"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_a_wrong_option_is_a_usage_error_and_runs_nothing(
    capsys: Capture, folder: Path, arguments: list[str], text: str
) -> None:
    assert main(["study", "a.study.yaml", *arguments]) == 2
    assert text in capsys.readouterr().err
    assert not (folder / "calls").exists()


def test_a_name_that_only_a_library_knows_is_refused_before_anything_runs(capsys: Capture, folder: Path) -> None:
    assert main(["study", "a.study.yaml", "backbone.model=test_resne"]) == 2
    assert "unknown backbone 'test_resne'" in capsys.readouterr().err
    assert not (folder / "calls").exists()


def test_a_failed_run_makes_the_exit_code_1_after_all_have_run(
    capsys: Capture, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", json.dumps({"fail": ["sparse/seed-0"]}))
    assert main(["study", "a.study.yaml"]) == 1
    error = capsys.readouterr().err
    assert error == "1 of 4 runs failed. sparse, seed 0: the loss is not finite at step 3\n"
    assert calls(folder) == 4


def test_an_interruption_is_75_and_says_how_to_go_on(
    capsys: Capture, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", json.dumps({"hang": ["sparse/seed-0"]}))
    threading.Thread(target=_interrupt_once, args=(folder,), daemon=True).start()
    assert main(["study", "a.study.yaml", "optim.lr=0.5", "--seeds", "0", "--out", "my runs", "--renew"]) == 75
    assert capsys.readouterr().err == (
        "stopped; 1 of 4 runs are done. Go on with: mstasks study a.study.yaml optim.lr=0.5 --out 'my runs' --seeds 0 "
        "--renew\n"
    )


def test_a_run_that_stopped_by_itself_does_not_let_the_study_end_with_0(
    capsys: Capture, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", json.dumps({"stop": ["sparse/seed-0"]}))
    assert main(["study", "a.study.yaml"]) == 75
    assert capsys.readouterr().err == (
        "1 of 4 runs are not done. sparse, seed 0: interrupted. Go on with: mstasks study a.study.yaml\n"
    )
    monkeypatch.delenv("FAKE")
    assert main(["study", "a.study.yaml", "--report-only"]) == 0
    assert main(["study", "a.study.yaml"]) == 0


def test_what_is_tuned_cannot_be_overridden(capsys: Capture, folder: Path) -> None:
    text = STUDY.replace("  dense:", "  dense: {tune: {optim.lr: [1e-3, 3e-3]}}")
    (folder / "a.study.yaml").write_text(text, encoding="utf-8")
    for override in ("optim.lr=0.5", "optim={lr: 0.5}"):
        assert main(["study", "a.study.yaml", override]) == 2
        found = f"command line: {override}: it overrides optim.lr, which arm 'dense' tunes; leave it out"
        assert found in capsys.readouterr().err
    assert main(["study", "a.study.yaml", "optim={steps: 5}"]) == 0


def _interrupt_once(folder: Path) -> None:
    for _ in range(3000):
        if list(folder.glob("my runs/small/sparse/seed-0/fake/*/hangs")):
            os.kill(os.getpid(), signal.SIGINT)
            return
        time.sleep(0.01)


def test_report_only_runs_nothing_and_mentions_what_has_changed(capsys: Capture, folder: Path) -> None:
    assert main(["study", "a.study.yaml", "--seeds", "0"]) == 0
    (folder / "runs/small/results.md").unlink()
    (folder / "a.study.yaml").write_text(STUDY.replace("0.5", "0.25"), encoding="utf-8")
    capsys.readouterr()
    assert main(["study", "a.study.yaml", "--report-only"]) == 0
    shown = capsys.readouterr().out
    assert "note: sparse, seed 0 was asked something else: sparsity.target.macs was 0.5, is 0.25" in shown
    assert (folder / "runs/small/results.md").is_file()
    assert calls(folder) == 2


def test_json_is_all_that_stands_on_stdout(capsys: Capture) -> None:
    assert main(["study", "a.study.yaml", "--json"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert {run["status"] for run in document["runs"]} == {"done"}
    assert [table["title"] for table in document["tables"]] == ["Arms", "segmentation", "depth"]
    apart = {(row["arm"], row["metric"]): row for row in document["differences"]}
    assert apart["sparse", "miou"]["difference"] == pytest.approx(0.0515)
    assert apart["dense", "miou"]["against"] is None
    assert "[4/4] sparse, seed 1: done" in shown.err


def test_shipped_studies_are_listed_with_what_they_are(capsys: Capture) -> None:
    assert main(["ls", "studies", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["studies/scenes/smoke"]["summary"].startswith("Three arms, three seeds, on rendered rooms")
    assert Path(rows["studies/scenes/smoke"]["path"]).is_file()
