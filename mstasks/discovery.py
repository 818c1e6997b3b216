"""Where plugins come from: the core itself, installed entry points, modules named by hand, and single files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mstasks.errors import PluginError
from mstasks.hookspecs import PROJECT
from mstasks.plugin_file import check_stem, load_file


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that was found and not yet imported.

    Attributes:
        name: What lists call it.
        origin: Where it comes from, unique among candidates.
        module: The name that its module is imported under.
        load: Imports and returns it.
        distribution: The installed distribution that brings it, None if it was named by hand.
        version: That distribution's version.
        file: The one file that it consists of, None if it is a module that Python finds by name.
    """

    name: str
    origin: str
    module: str
    load: Callable[[], object]
    distribution: str | None = None
    version: str | None = None
    file: Path | None = None


def candidates(extra: Sequence[str], folder: Path | None, *, installed: bool) -> list[Candidate]:
    """The core's own plugin, the installed ones if wanted, then those named by hand, each once.

    Raises:
        PluginError: If something named by hand does not exist or cannot be named so.
    """
    named = [_named(text, folder) for text in extra]
    stems: dict[str, Path] = {}
    for file in (candidate.file for candidate in named if candidate.file):
        if stems.setdefault(file.stem, file) != file:
            raise PluginError(f"{file}: {stems[file.stem]} has the same name; rename one of the two plugin files.")
    found = [_builtin(), *(installed_plugins() if installed else []), *named]
    return list({candidate.origin: candidate for candidate in found}.values())


def _builtin() -> Candidate:
    from mstasks import __version__

    module = "mstasks.builtin"
    return Candidate("builtin", "part of mstasks", module, lambda: import_module(module), PROJECT, __version__)


def installed_plugins() -> list[Candidate]:
    """Plugins of the installed distributions, from the entry-point group ``mstasks``, sorted by name."""
    from importlib.metadata import entry_points  # slow to import, and not needed when autoload is off

    found = []
    for point in sorted(entry_points(group=PROJECT), key=lambda point: point.name):
        owner = point.dist.name if point.dist else "unknown distribution"
        version = point.dist.version if point.dist else None
        origin = f"entry point {point.name} = {point.value}"
        found.append(Candidate(point.name, origin, point.value.partition(":")[0], point.load, owner, version))
    return list({(candidate.origin, candidate.distribution): candidate for candidate in found}.values())


def _named(text: str, folder: Path | None) -> Candidate:
    """A plugin that somebody named: a path if it ends in .py or holds a separator, else a module."""
    path = Path(text).expanduser()
    if path.suffix == ".py" or len(path.parts) > 1 or os.sep in text:
        return _file(text, path, folder)
    if not all(part.isidentifier() for part in text.split(".")) or find_spec(text.partition(".")[0]) is None:
        raise PluginError(
            f"plugin {text!r} is not a module that Python finds; install it, or give the path of a .py file."
        )
    return Candidate(text, f"module {text}", text, lambda: import_module(text))


def _file(text: str, path: Path, folder: Path | None) -> Candidate:
    bases = list(dict.fromkeys((base or Path()).absolute() for base in (folder, None)))
    found = next((base / path for base in bases if (base / path).is_file()), None)
    if found is None:
        places = "" if path.is_absolute() else f" in {' or '.join(map(str, bases))}"
        raise PluginError(f"plugin {text!r}: no such file{places}; check the path, which must name one .py file.")
    if found.suffix != ".py":
        raise PluginError(f"plugin {text!r}: a plugin file must end in .py.")
    file = found.resolve()
    check_stem(file)
    return Candidate(file.stem, f"file {file}", file.stem, lambda: load_file(file), file=file)


def resolve(reference: str) -> Any:
    """What a ``"module:attribute"`` reference of a spec names, imported now.

    Raises:
        PluginError: If the module cannot be imported or has no such attribute.
    """
    module, _, attributes = reference.partition(":")
    try:
        value: Any = import_module(module)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{reference!r} cannot be imported: {describe(error, _home(module))}") from error
    for attribute in attributes.split("."):
        try:
            value = getattr(value, attribute)
        except AttributeError as error:
            raise PluginError(f"{reference!r} names nothing: {module} has no attribute {attributes!r}.") from error
    return value


def describe(error: BaseException, home: Path | None) -> str:
    """One line: type and text of an error, and the innermost line of the plugin's own code that led to it."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    place = None if home is None else _place(error, home)
    return f"{text} ({place})" if place else text


def home(candidate: Candidate) -> Path | None:
    """The file or folder that a candidate's code lies in, None if it cannot be found."""
    return candidate.file or _home(candidate.module)


def _home(module: str) -> Path | None:
    """The folder of a module's top-level package, or its file."""
    try:
        spec = find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    where = next(iter(spec.submodule_search_locations or ()), spec.origin)
    return None if where is None else Path(where)


def _place(error: BaseException, home: Path) -> str | None:
    import traceback  # only a broken plugin pays for it

    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        frames.append((error.filename or "", error.lineno))
    inside = [f"{file}:{line}" for file, line in frames if Path(file).is_relative_to(home)]
    return inside[-1] if inside else None
