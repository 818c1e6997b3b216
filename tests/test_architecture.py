"""The arrows of the design hold: who may import whom, read from the source without running it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import FunctionType

import pytest

import mstasks

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "mstasks").rglob("*.py"))
PLUGINS = sorted([*(ROOT / "tasks").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")])

WORK = (
    "check",
    "compaction",
    "comparable",
    "comparison",
    "comparison_columns",
    "comparison_findings",
    "equality",
    "estimate",
    "evaluate",
    "experiment",
    "export",
    "export_metadata",
    "figures",
    "fit",
    "predict",
    "predictors",
    "report",
    "scan",
    "summary",
    "trained",
)
"""What the verbs do: modules between `cli` and everything below."""

FORBIDDEN = {
    "plugins": ("recipe", "data", "network", "backbone", "heads", "train", *WORK),
    "discovery": ("recipe", "data", "network", "backbone", "heads", "train", *WORK),
    "loading": ("recipe", "data", "network", "backbone", "heads", "train", *WORK),
    "recipe": ("data", "network", "backbone", "heads", "train", *WORK),
    "data": ("network", "backbone", "heads", "train", *WORK),
    "network": ("data", "train", *WORK),
    "backbone": ("data", "train", *WORK),
    "heads": ("data", "train", *WORK),
    "train": WORK,
}
"""Part of the core: parts that it never imports, not even inside a function."""

SECOND_PASS = ("mstasks.recipe.libraries", "mstasks.data.augment")
"""The one import against the arrows: names that only albumentations knows are checked after everything else."""


@dataclass(frozen=True)
class Import:
    """An import: the module or ``module.name`` that it names, and whether it runs when the file is imported."""

    name: str
    at_import: bool


def imports(source: str) -> list[Import]:
    """Imports of a source, those for type checkers left out."""
    return list(_imports(ast.parse(source), at_import=True))


def _imports(node: ast.AST, *, at_import: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, at_import) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative imports hide who imports whom"
            yield from (Import(f"{child.module}.{alias.name}", at_import) for alias in child.names)
        yield from _imports(
            child, at_import=at_import and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        )


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(name: str, module: str) -> bool:
    """Whether a dotted name is a module or lies in it."""
    return name == module or name.startswith(module + ".")


def code_strings(source: str) -> list[str]:
    """String constants that are not documentation."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documentation]
    return [node.value for node in constants if isinstance(node.value, str)]


def test_there_is_something_to_check() -> None:
    assert len(CORE) > 20
    assert {path.parent.name for path in PLUGINS} >= {"mstasks_depth", "mstasks_scenes"}


def test_the_scanner_sees_every_import() -> None:
    source = (
        "import a.b, c\nfrom d import e\nif TYPE_CHECKING:\n    import hidden\n"
        "def f():\n    import inside\nclass K:\n    from k import x\ntry:\n    import t\nexcept ImportError:\n    pass\n"
    )
    found = {(item.name, item.at_import) for item in imports(source)}
    assert found == {("a.b", True), ("c", True), ("d.e", True), ("inside", False), ("k.x", True), ("t", True)}
    assert code_strings('"doc"\nx = "code"\n') == ["code"]


@pytest.mark.parametrize("path", CORE, ids=module_name)
def test_the_core_knows_no_plugin(path: Path) -> None:
    source = path.read_text("utf-8")
    named = [item.name for item in imports(source) if re.match(r"mstasks_|tasks\b|plugins\b", item.name)]
    named += [text for text in code_strings(source) if re.search(r"mstasks_[a-z]", text)]
    assert named == []


@pytest.mark.parametrize("path", PLUGINS, ids=module_name)
def test_a_plugin_imports_only_the_public_api_and_itself(path: Path) -> None:
    own = path.relative_to(ROOT).parts[1]
    names = {item.name for item in imports(path.read_text("utf-8")) if item.name.startswith("mstasks")}
    public = {f"mstasks.{name}" for name in mstasks.__all__}
    private = {name for name in names if name not in public and not within(name, "mstasks.testing")}
    assert {name for name in private if not within(name, own)} == set()


@pytest.mark.parametrize("path", CORE, ids=module_name)
def test_imports_follow_the_arrows(path: Path) -> None:
    module = module_name(path)
    never = [other for part, others in FORBIDDEN.items() if within(module, f"mstasks.{part}") for other in others]
    if not within(module, "mstasks.cli") and module != "mstasks.__main__":
        never.append("cli")
    against = [
        item.name
        for item in imports(path.read_text("utf-8"))
        if any(within(item.name, f"mstasks.{other}") for other in never)
        and not (module == SECOND_PASS[0] and within(item.name, SECOND_PASS[1]) and not item.at_import)
    ]
    assert against == []


def test_no_two_parts_of_the_core_import_each_other() -> None:
    modules = {module_name(path) for path in CORE}
    graph: dict[str, set[str]] = {}
    for path in CORE:
        for item in imports(path.read_text("utf-8")):
            target = item.name if item.name in modules else item.name.rpartition(".")[0]
            if item.at_import and target in modules and target != "mstasks":
                graph.setdefault(module_name(path), set()).add(target)
    assert len(graph) > 20
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_recipes_and_plugins_are_understood_without_torch() -> None:
    modules = [module_name(path) for path in CORE if within(module_name(path), "mstasks.recipe")]
    assert len(modules) > 5
    code = f"import sys, mstasks.plugins, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", mstasks.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    value = getattr(mstasks, name)
    assert value is not None
    if isinstance(value, type | FunctionType):
        assert value.__doc__


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mstasks' has no attribute 'Nothing'"):
        mstasks.Nothing  # noqa: B018


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    pattern = re.compile(r"(?<![\w.~])/" + "(?:root|home|Users|work)/" + r"[\w.-]")
    folders = ("mstasks", "tasks", "plugins", "recipes", "tests", "docs", ".ci")
    kinds = {".py", ".md", ".yaml", ".yml", ".toml", ".json", ""}
    files = [
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in kinds
    ]
    files += [path for path in ROOT.glob("*") if path.suffix in (".md", ".toml")]
    assert len(files) > 50
    assert [str(path) for path in files if pattern.search(path.read_text("utf-8"))] == []
