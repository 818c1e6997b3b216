"""A run made from another lies beside it, needs nothing else, and leaves nothing behind if it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from mstasks.runfolder import RunFolder
from mstasks.sibling import new_sibling, path_from

FILES = {"recipe.yaml", "resolved.yaml", "environment.json", "constants.json", "splits.json"}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder.create(tmp_path / "runs", "tiny")
    for name in (*FILES, "metrics.jsonl", "plugins/mine.py", "plugins/__pycache__/mine.pyc"):
        (run.path / name).parent.mkdir(exist_ok=True, parents=True)
        (run.path / name).write_text(name)
    return run


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_what_later_commands_need_is_copied(run: RunFolder) -> None:
    with new_sibling(run) as made:
        assert made.path.resolve() == run.path.parent.resolve() / "002"
        assert names(made.path) == {*FILES, "plugins/mine.py"}
        assert path_from(made, run) == "../001"
        assert (made.path / "../001").resolve() == run.path.resolve()


def test_the_folder_is_named_as_it_would_be_typed(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.path.parents[2])
    with new_sibling(RunFolder(Path("runs/tiny/001"))) as made:
        assert made.path == Path("runs/tiny/002")
    monkeypatch.chdir(run.path)
    with new_sibling(RunFolder(Path())) as made:
        assert made.path == run.path.resolve().parent / "003"


def test_another_root_may_be_given(run: RunFolder, tmp_path: Path) -> None:
    with new_sibling(run, tmp_path / "elsewhere") as made:
        assert made.path.resolve() == (tmp_path / "elsewhere" / "tiny" / "001").resolve()
        assert (made.path / path_from(made, run)).resolve() == run.path.resolve()


def test_beside_the_run_of_one_task_is_beside_its_parent(run: RunFolder) -> None:
    child = run.child("depth")
    child.recipe.write_text("")
    with new_sibling(child) as made:
        assert made.path.resolve() == run.path.parent.resolve() / "002"
        assert path_from(made, child) == "../001/tasks/depth"
    assert set(run.children()) == {"depth"}


def test_a_failure_leaves_nothing_behind(run: RunFolder) -> None:
    with pytest.raises(KeyboardInterrupt), new_sibling(run):
        raise KeyboardInterrupt
    assert [entry.name for entry in run.path.parent.iterdir()] == ["001"]
