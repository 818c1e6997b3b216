"""A plugin that is one ``.py`` file, imported under its stem, so that ``"my_task:MyTask"`` names what is in it."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from keyword import iskeyword
from pathlib import Path
from types import CodeType, ModuleType

from mstasks.errors import PluginError


class PluginFileLoader(SourceFileLoader):
    """Compiles the file as it is when it is loaded, without writing or trusting bytecode beside it.

    Attributes:
        source: The file's content.
        extended: Whether `load_file` appended the file's folder to `sys.path`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path.stem, str(path))
        self.source = path.read_bytes()
        self.extended = False

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the signature of importlib
        """The compiled source."""
        code: CodeType = self.source_to_code(self.source, self.path)
        return code


def check_stem(path: Path) -> None:
    """Refuse a file whose stem cannot name a module of its own.

    Raises:
        PluginError: If the stem is not an identifier or names another module that Python would find.
    """
    stem = path.stem
    if not stem.isidentifier() or iskeyword(stem):
        raise PluginError(
            f"{path}: a plugin file is imported under its own name, and {stem!r} cannot be one: "
            "use letters, digits and '_', and start with a letter."
        )
    owner = None if _loader(stem) else _owner(stem)
    if owner is not None and Path(owner).resolve() != path:
        raise PluginError(f"{path}: the name {stem!r} belongs to another module ({owner}); rename the file.")


def load_file(path: Path) -> ModuleType:
    """Import a plugin file, or return the module if the same text was imported from there before.

    Its folder is appended to `sys.path`: the file may import its neighbours, and loader processes that are spawned, not
    forked, find its classes again.
    """
    loader, before = PluginFileLoader(path), _loader(path.stem)
    if before is not None:
        if (before.path, before.source) == (loader.path, loader.source):
            return sys.modules[path.stem]
        _forget(before)
    spec = spec_from_file_location(path.stem, path, loader=loader)
    assert spec is not None  # a loader was given
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
        loader.extended = True
    try:
        loader.exec_module(module)
    except BaseException:
        _forget(loader)
        raise
    return module


def _loader(stem: str) -> PluginFileLoader | None:
    """The loader of the module of that name if it is a plugin file."""
    loader = getattr(sys.modules.get(stem), "__loader__", None)
    return loader if isinstance(loader, PluginFileLoader) else None


def _owner(stem: str) -> str | None:
    """Where a module of that name comes from, None if there is none."""
    if stem in sys.builtin_module_names:
        return "built in"
    try:
        spec = find_spec(stem)
    except ValueError:  # in sys.modules without a spec, as `__main__` is
        return "already imported"
    if spec is None:
        return None
    return spec.origin or next(iter(spec.submodule_search_locations or ()), "already imported")


def _forget(loader: PluginFileLoader) -> None:
    """Undo the import of a plugin file; its folder leaves `sys.path` unless another plugin file lies in it."""
    sys.modules.pop(loader.name, None)
    folder = Path(loader.path).parent
    loaders = [_loader(name) for name in list(sys.modules)]
    if loader.extended and all(other is None or Path(other.path).parent != folder for other in loaders):
        sys.path.remove(str(folder))
