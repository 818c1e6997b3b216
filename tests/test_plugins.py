"""Plugins are found, loaded one by one and looked up; a broken one is a row with its reason and harms nobody else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from mstasks import AdaptationSpec, LossWeightingSpec, StrengthSpec, TaskSpec, UpdateSpec
from mstasks.plugins import PluginError, PluginRow, Registry, UnknownPluginError, load_plugins, resolve

GOOD = """
from mstasks import TaskSpec, hookimpl

class Curvature:
    pass

@hookimpl
def register_tasks():
    return [TaskSpec(name="curvature", summary="Bends.", factory="{module}:Curvature")]
"""

Install = Callable[..., str]
_numbers = count()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution with one entry point, the way pip leaves it: a module and a .dist-info folder on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(distribution: str, point: str, source: str, version: str = "1.0", value: str = "") -> str:
        module = f"installed_plugin_{next(_numbers)}"
        (tmp_path / f"{module}.py").write_text(source.replace("{module}", module))
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[mstasks]\n{point} = {value or module}\n")
        return module

    return install


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")


def row_of(registry: Registry, name: str) -> PluginRow:
    (row,) = [row for row in registry.plugins if row.name == name]
    return row


def write(folder: Path, source: str) -> str:
    """Write a one-file plugin under a name that no other test uses; its path."""
    module = f"plugin_file_{next(_numbers)}"
    path = folder / f"{module}.py"
    path.write_text(source.replace("{module}", module))
    return str(path)


def test_the_core_offers_its_strategies_even_with_autoload_off(alone: None) -> None:
    registry = load_plugins()
    assert [row.name for row in registry.plugins] == ["builtin"]
    assert registry.names("loss-weighting") == ["fixed", "uncertainty"]
    assert registry.names("strength") == ["controller", "fixed", "learned", "one-shot", "priced"]
    assert registry.names("update") == ["anil", "look-ahead", "maml", "simulated-unseen"]
    adaptations = ["all-at-once", "bitfit", "fast", "head-first", "new-decoder", "probe", "ridge"]
    assert registry.names("adaptation") == adaptations


def test_one_name_may_stand_for_things_of_several_kinds(alone: None) -> None:
    registry = load_plugins()
    assert isinstance(registry.find("loss-weighting", "fixed"), LossWeightingSpec)
    assert isinstance(registry.find("strength", "fixed"), StrengthSpec)
    assert isinstance(registry.find("update", "maml"), UpdateSpec)
    assert isinstance(registry.find("adaptation", "fast"), AdaptationSpec)


def test_strategies_of_a_plugin_are_found(alone: None, tmp_path: Path) -> None:
    source = (
        "from mstasks import AdaptationSpec, StrengthSpec, UpdateSpec, hookimpl\n"
        "@hookimpl\ndef register_strengths():\n    return [StrengthSpec('mild', 's', 'm:a', needs_target=True)]\n"
        "@hookimpl\ndef register_updates():\n    return [UpdateSpec('reptile', 's', 'm:a')]\n"
        "@hookimpl\ndef register_adaptations():\n    return [AdaptationSpec('prompt', 's', 'm:a')]\n"
    )
    registry = load_plugins([write(tmp_path, source)])
    assert registry.plugins[-1].provides == ("adaptation prompt", "strength mild", "meta update reptile")
    assert registry.find("strength", "mild").needs_target
    with pytest.raises(
        UnknownPluginError, match=r"^unknown meta update 'reptil'\. Did you mean 'reptile'\? Run `mstasks ls updates`"
    ):
        registry.find("update", "reptil")
    with pytest.raises(
        UnknownPluginError,
        match=r"^unknown adaptation 'prompts'\. Did you mean 'prompt'\? Run `mstasks ls adaptations`",
    ):
        registry.find("adaptation", "prompts")


def test_an_installed_plugin_is_found_and_names_its_distribution(install: Install) -> None:
    module = install("bends", "bends", GOOD, version="2.5")
    registry = load_plugins()
    assert row_of(registry, "bends") == PluginRow(
        "bends", f"entry point bends = {module}", "bends", "2.5", ("task curvature",), None
    )
    assert registry.find("task", "curvature") == TaskSpec("curvature", "Bends.", f"{module}:Curvature")
    assert registry.owner("task", "curvature") == "bends"


def test_autoload_off_hides_installed_plugins_and_says_so(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("bends", "bends", GOOD)
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")
    with pytest.raises(UnknownPluginError, match="MSTASKS_DISABLE_PLUGIN_AUTOLOAD is set"):
        load_plugins().find("task", "curvature")


def test_a_distribution_that_is_listed_twice_is_loaded_once(install: Install, tmp_path: Path) -> None:
    module = install("bends", "bends", GOOD)
    copy = tmp_path / "bends.egg-info"  # what an editable build leaves in the source folder
    copy.mkdir()
    (copy / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: bends\nVersion: 1.0\n")
    (copy / "entry_points.txt").write_text(f"[mstasks]\nbends = {module}\n")
    assert row_of(load_plugins(), "bends").error is None


def test_two_distributions_with_one_name_are_both_named_and_neither_is_used(install: Install) -> None:
    install("bends-a", "a", GOOD)
    install("bends-b", "b", GOOD, version="3.0")
    registry = load_plugins()
    reason = r"task 'curvature' is offered by bends-a 1\.0 \(.*\) and bends-b 3\.0 \(.*\); uninstall or rename one"
    with pytest.raises(PluginError, match=reason):
        registry.find("task", "curvature")
    assert "curvature" not in registry.names("task")
    for name in ("a", "b"):
        row = row_of(registry, name)
        assert row.provides == ()
        assert row.error is not None
        assert "bends-a" in row.error
        assert "bends-b" in row.error


def test_a_clash_costs_a_plugin_only_the_name_that_clashes(alone: None, tmp_path: Path) -> None:
    spec = "TaskSpec(name='{}', summary='s', factory='m:a')"
    source = "from mstasks import TaskSpec, hookimpl\n@hookimpl\ndef register_tasks():\n    return [{}]\n"
    one = write(tmp_path, source.format(spec.format("shared")))
    two = write(tmp_path, source.format(spec.format("shared") + ", " + spec.format("own")))
    registry = load_plugins([one, two])
    assert registry.names("task") == ["own"]
    assert registry.plugins[-1].provides == ("task own",)


BROKEN = {
    "import": ("import no_such_library", r"^ModuleNotFoundError: No module named 'no_such_library' \(.*\.py:1\)$"),
    "syntax": ("x = 1\ndef broken(:\n", r"^SyntaxError: .*\.py:2\)$"),
    "raises": ("\n\nraise RuntimeError('two\\nlines')", r"^RuntimeError: two lines \(.*\.py:3\)$"),
    "exits": ("import sys\nsys.exit('bye')", r"^SystemExit: bye \(.*\.py:2\)$"),
    "misspelt hook": (
        GOOD.replace("register_tasks", "register_task"),
        r"^unknown hook 'register_task'\. Did you mean 'register_tasks'\?$",
    ),
    "foreign hook": (
        GOOD.replace("register_tasks", "zzz"),
        r"^unknown hook 'zzz'\. Hooks are register_tasks, register_datasets, register_loss_weightings, "
        r"register_strengths, register_updates, register_adaptations, register_exporters\.$",
    ),
    "hook with an argument": (
        GOOD.replace("register_tasks()", "register_tasks(config)"),
        r"Argument\(s\) .*config.* can not be found in the hookspec",
    ),
    "forgotten marker": (GOOD.replace("@hookimpl", ""), r"^`register_tasks` is not marked: write `@hookimpl` above it"),
    "no hook": ("x = 1", r"^it implements no hook: mark one of register_tasks, .* with `@hookimpl`"),
    "returns nothing": (
        GOOD.replace("return [", "_ = ["),
        r"^`register_tasks` must return a list of TaskSpec\. Found NoneType\.$",
    ),
    "returns one spec": (
        "from mstasks import TaskSpec, hookimpl\n@hookimpl\ndef register_tasks():\n    return TaskSpec('a', 's', 'm:a')\n",
        r"^`register_tasks` must return a list of TaskSpec\. Found TaskSpec\.$",
    ),
    "returns strings": (
        "from mstasks import hookimpl\n@hookimpl\ndef register_tasks():\n    return ['curvature']\n",
        r"^`register_tasks` must return a list of TaskSpec\. Found str in it\.$",
    ),
    "returns the wrong spec": (
        GOOD.replace("register_tasks", "register_datasets"),
        r"^`register_datasets` must return a list of DatasetSpec\. Found TaskSpec in it\.$",
    ),
    "repeats a name": (
        GOOD.replace("return [", "return 2 * ["),
        r"^it offers task 'curvature' twice\.$",
    ),
    "bad name": (
        GOOD.replace('name="curvature"', 'name="My Task"'),
        r"^ValueError: A plugin name is lower case .* Found 'My Task'\. \(.*\.py:9\)$",
    ),
    "hook raises": (
        "from mstasks import hookimpl\n@hookimpl\ndef register_tasks():\n    return 1 / 0\n",
        r"^ZeroDivisionError: division by zero \(.*\.py:4\)$",
    ),
}


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_a_row_with_its_reason(alone: None, tmp_path: Path, source: str, reason: str) -> None:
    good = write(tmp_path, GOOD)
    registry = load_plugins([write(tmp_path, source), good])
    broken, fine = registry.plugins[1:]
    assert broken.provides == ()
    assert broken.error is not None
    assert re.search(reason, broken.error), broken.error
    assert "\n" not in broken.error
    assert fine.error is None
    assert registry.names("task") == ["curvature"]


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN)
def test_an_installed_broken_plugin_harms_nobody(install: Install, source: str, reason: str) -> None:
    install("broken-bends", "broken", source)
    registry = load_plugins()
    assert row_of(registry, "broken").distribution == "broken-bends"
    assert row_of(registry, "broken").error is not None
    assert "fixed" in registry.names("loss-weighting")


def test_an_entry_point_whose_module_is_gone_is_a_row(install: Install) -> None:
    install("bends", "bends", GOOD, value="no_such_module_at_all")
    assert row_of(load_plugins(), "bends").error == "ModuleNotFoundError: No module named 'no_such_module_at_all'"


def test_asking_for_what_a_broken_plugin_offers_gives_its_reason_and_its_error(install: Install) -> None:
    install("bends", "curvature", "import no_such_library")
    with pytest.raises(
        PluginError, match=r"task 'curvature' is not there because bends 1\.0 .*No module named 'no_such_library'"
    ) as caught:
        load_plugins().find("task", "curvature")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_broken_plugin_file_explains_any_name_that_is_missing(alone: None, tmp_path: Path) -> None:
    registry = load_plugins([write(tmp_path, "import no_such_library")])
    with pytest.raises(
        PluginError, match=r"task 'anything' is not there because file .* is broken: ModuleNotFoundError"
    ):
        registry.find("task", "anything")


def test_an_unknown_name_gets_a_suggestion_and_the_command_that_lists_all(alone: None, tmp_path: Path) -> None:
    registry = load_plugins([write(tmp_path, GOOD)])
    with pytest.raises(
        UnknownPluginError,
        match=r"^unknown task 'curvatur'\. Did you mean 'curvature'\? Run `mstasks ls tasks` to see all 1\.",
    ):
        registry.find("task", "curvatur")
    with pytest.raises(UnknownPluginError, match=r"^unknown data set 'x'\. Run `mstasks ls datasets` to see all 0\."):
        registry.find("dataset", "x")


def test_an_unknown_name_beside_broken_plugins_mentions_them(install: Install) -> None:
    install("bends", "bends", "import no_such_library")
    with pytest.raises(UnknownPluginError, match=r"Broken plugins: bends; `mstasks ls plugins` says why\."):
        load_plugins().find("task", "no-such-task")


def test_a_plugin_file_is_looked_for_in_the_folder_then_in_the_working_directory(
    alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, here = tmp_path / "near", tmp_path / "here"
    near.mkdir()
    here.mkdir()
    name = Path(write(here, "raise RuntimeError('found here')")).name
    monkeypatch.chdir(here)
    assert "found here" in str(load_plugins([f"./{name}"], folder=near).plugins[-1].error)
    (near / name).write_text("raise RuntimeError('found near')")
    assert "found near" in str(load_plugins([f"./{name}"], folder=near).plugins[-1].error)


def test_a_plugin_is_loaded_once_however_often_it_is_named(alone: None, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    again = str(tmp_path / ".." / tmp_path.name / Path(path).name)
    assert len(load_plugins([path, again]).plugins) == 2


def test_naming_an_installed_plugin_again_changes_nothing(install: Install) -> None:
    module = install("bends", "bends", GOOD)
    assert load_plugins([module]).plugins == load_plugins().plugins


def test_a_module_name_is_a_plugin(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    module = install("bends", "bends", GOOD)
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert load_plugins([module]).plugins[-1] == PluginRow(
        module, f"module {module}", None, None, ("task curvature",), None
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("./no_such_file.py", r"^plugin './no_such_file\.py': no such file in .*; check the path"),
        ("/no/such/file.py", r"^plugin '/no/such/file\.py': no such file; check the path"),
        ("no_such_module", r"^plugin 'no_such_module' is not a module that Python finds; install it, or give the path"),
        ("not a module", "^plugin 'not a module' is not a module"),
        ("", "^plugin '' is not a module"),
        ("./folder", r"^plugin '\./folder': no such file"),
        ("./plugin.txt", r"^plugin '\./plugin\.txt': a plugin file must end in \.py"),
    ],
)
def test_a_plugin_that_is_not_there_is_an_error_with_a_remedy(
    alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plugin.txt").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PluginError, match=reason) as caught:
        load_plugins([name])
    assert caught.value.exit_code == 2


def test_options_model_is_resolved_and_must_be_options(alone: None, tmp_path: Path) -> None:
    source = (
        "from mstasks import Options, TaskSpec, hookimpl\n"
        "class Knobs(Options):\n    x: int = 1\n"
        "@hookimpl\ndef register_tasks():\n"
        "    make = lambda name, options: TaskSpec(name, 's', '{module}:x', options)\n"
        "    return [make('good', '{module}:Knobs'), make('none', None), make('bad', '{module}:hookimpl'),"
        " make('gone', '{module}:Nobs')]\n"
    )
    registry = load_plugins([write(tmp_path, source)])
    good = registry.options_model(registry.find("task", "good"))
    assert good is not None
    assert good().model_dump() == {"x": 1}
    assert registry.options_model(registry.find("task", "none")) is None
    with pytest.raises(
        PluginError, match=r"`options` of 'bad' must name a subclass of mstasks\.Options\. Found '.*:hookimpl'"
    ):
        registry.options_model(registry.find("task", "bad"))
    with pytest.raises(PluginError, match=r"names nothing: plugin_file_\d+ has no attribute 'Nobs'"):
        registry.options_model(registry.find("task", "gone"))


def test_a_reference_is_resolved_through_attributes() -> None:
    assert resolve("pathlib:Path.home") == Path.home


def test_a_reference_whose_module_fails_says_where(
    alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails_when_built.py").write_text("\nimport no_such_library\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        PluginError,
        match=r"^'fails_when_built:X' cannot be imported: ModuleNotFoundError: .* \(.*fails_when_built\.py:2\)$",
    ):
        resolve("fails_when_built:X")


def test_loading_plugins_imports_no_factory(alone: None, tmp_path: Path) -> None:
    source = GOOD.replace("{module}:Curvature", "heavy_module_that_must_not_load:X")
    (tmp_path / "heavy_module_that_must_not_load.py").write_text("X = 1")
    assert load_plugins([write(tmp_path, source)]).names("task") == ["curvature"]
    assert "heavy_module_that_must_not_load" not in sys.modules
