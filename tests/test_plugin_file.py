"""A one-file plugin is imported under its stem, so that its factories can be named, without surprises."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from mstasks.errors import PluginError
from mstasks.plugin_file import load_file
from mstasks.plugins import load_plugins, resolve

TASK = """
from mstasks import TaskSpec, hookimpl

class Curvature:
    value = 1

@hookimpl
def register_tasks():
    return [TaskSpec("curvature", "Bends.", "{module}:Curvature")]
"""

_numbers = count()


@pytest.fixture(autouse=True)
def _restore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def stem() -> str:
    return f"one_file_{next(_numbers)}"


def test_the_factory_of_a_one_file_plugin_resolves(tmp_path: Path, stem: str) -> None:
    (tmp_path / f"{stem}.py").write_text(TASK.replace("{module}", stem))
    registry = load_plugins([str(tmp_path / f"{stem}.py")])
    factory = resolve(registry.find("task", "curvature").factory)
    assert factory.value == 1
    assert factory.__module__ == stem


def test_nothing_is_written_beside_the_file(tmp_path: Path, stem: str) -> None:
    file = tmp_path / f"{stem}.py"
    file.write_text("x = 1")
    load_file(file)
    assert list(tmp_path.iterdir()) == [file]


def test_an_unchanged_file_is_imported_once_and_an_edited_one_again(tmp_path: Path, stem: str) -> None:
    file = tmp_path / f"{stem}.py"
    file.write_text("x = 1")
    first = load_file(file)
    assert load_file(file) is first
    file.write_text("x = 2")  # same size, same second: what fools a bytecode cache
    assert load_file(file).x == 2


def test_a_plugin_file_may_import_its_neighbours(tmp_path: Path, stem: str) -> None:
    (tmp_path / f"{stem}_helper.py").write_text("answer = 42")
    (tmp_path / f"{stem}.py").write_text(f"from {stem}_helper import answer")
    assert load_file(tmp_path / f"{stem}.py").answer == 42


def test_a_file_that_fails_leaves_no_trace(tmp_path: Path, stem: str) -> None:
    file, path = tmp_path / f"{stem}.py", list(sys.path)
    file.write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        load_file(file)
    assert stem not in sys.modules
    assert sys.path == path


def test_the_same_name_in_another_folder_replaces_the_module(tmp_path: Path, stem: str) -> None:
    for index, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{stem}.py").write_text(f"x = {index}")
    load_plugins([str(tmp_path / "a" / f"{stem}.py")])
    load_plugins([str(tmp_path / "b" / f"{stem}.py")])
    assert sys.modules[stem].x == 1
    assert str(tmp_path / "a") not in sys.path


def test_two_files_of_one_name_cannot_be_loaded_together(tmp_path: Path, stem: str) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / f"{stem}.py")
        files[-1].write_text(TASK)
    with pytest.raises(PluginError, match=rf"{files[1]}: {files[0]} has the same name; rename one of the two"):
        load_plugins([str(file) for file in files])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("my-task", "'my-task' cannot be one: use letters, digits and '_'"),
        ("2d", "'2d' cannot be one"),
        ("class", "'class' cannot be one"),
        ("my.task", r"'my\.task' cannot be one"),
        ("json", r"the name 'json' belongs to another module \(.*json.*\); rename the file\."),
        ("sys", r"the name 'sys' belongs to another module \(built in\)"),
        ("numpy", r"the name 'numpy' belongs to another module"),
        ("__main__", r"the name '__main__' belongs to another module"),
    ],
)
def test_a_name_that_cannot_be_a_module_of_its_own_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / f"{name}.py").write_text(TASK)
    with pytest.raises(PluginError, match=reason):
        load_plugins([str(tmp_path / f"{name}.py")])


def test_a_namespace_package_is_not_shadowed_either(tmp_path: Path, stem: str) -> None:
    (tmp_path / "site" / stem).mkdir(parents=True)
    (tmp_path / f"{stem}.py").write_text(TASK)
    sys.path.append(str(tmp_path / "site"))
    with pytest.raises(
        PluginError, match=rf"belongs to another module \({tmp_path / 'site' / stem}\); rename the file"
    ):
        load_plugins([str(tmp_path / f"{stem}.py")])


def test_a_file_in_the_working_directory_of_python_m_is_not_its_own_rival(tmp_path: Path) -> None:
    (tmp_path / "my_task.py").write_text(TASK.replace("{module}", "my_task"))
    code = "from mstasks.plugins import load_plugins; print(load_plugins(['my_task.py']).names('task'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "['curvature']\n"


def test_a_spawned_process_finds_the_classes_of_a_plugin_file(tmp_path: Path) -> None:
    (tmp_path / "my_data.py").write_text("class Data:\n    def __len__(self):\n        return 3\n")
    script = tmp_path / "elsewhere" / "script.py"
    script.parent.mkdir()
    script.write_text(
        "import multiprocessing, pathlib\n"
        "from mstasks.plugin_file import load_file\n"
        "if __name__ == '__main__':\n"
        f"    data = load_file(pathlib.Path({str(tmp_path / 'my_data.py')!r})).Data()\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(len, (data,)))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
