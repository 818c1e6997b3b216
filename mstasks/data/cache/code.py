"""Which code made the arrays: an entry that other code wrote is not taken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

import cv2
import kornia_rs
import numpy
import PIL
import simplejpeg
import torch

import mstasks
from mstasks.plugin_file import PluginFileLoader


@cache
def code_of(kind: type) -> str | None:
    """Hash of what turns files into arrays, looked at once a process, since a class stays as it was imported.

    That is the source of the class and of its bases: all files of their packages, or the one file where there is no
    package; those of mstasks.data; and the versions of mstasks, numpy, OpenCV, Pillow, kornia-rs, simplejpeg and torch.
    Other packages that a data set imports are not looked at.

    Returns:
        Hexadecimal; None if a class has no source file, such as one that was typed into an interpreter.
    """
    digest = blake2b(digest_size=16)
    for module in (mstasks, numpy, cv2, PIL, kornia_rs, simplejpeg, torch):
        digest.update(module.__version__.encode() + b"\0")
    for sources in (_own_sources(), *(dict(_sources(defining)) for defining in _modules(kind))):
        if not sources:
            return None
        for name, content in sorted(sources.items()):
            digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()


def _own_sources() -> dict[str, bytes]:
    """The modules of mstasks.data, among them all that read files."""
    return {path.name: path.read_bytes() for path in Path(__file__).parents[1].glob("*.py")}


def _modules(kind: type) -> list[ModuleType | None]:
    """The outermost packages, or else modules, that define the class and its bases."""
    names = {base.__module__ for base in kind.__mro__}
    known = {"mstasks"} | (sys.stdlib_module_names - {"__main__"})
    return [sys.modules.get(name) for name in sorted({_outermost(name) for name in names if _top(name) not in known})]


def _top(name: str) -> str:
    return name.partition(".")[0]


def _outermost(name: str) -> str:
    """The first of ``a``, ``a.b``, ``a.b.c`` that is a file or a package with an ``__init__``."""
    parts = name.split(".")
    names = (".".join(parts[: count + 1]) for count in range(len(parts)))
    return next((name for name in names if getattr(sys.modules.get(name), "__file__", None)), name)


def _sources(module: ModuleType | None) -> Iterator[tuple[str, bytes]]:
    """Relative path and content of each source file of a module, or of a package and all that is in it."""
    loader, file = getattr(module, "__loader__", None), getattr(module, "__file__", None)
    if isinstance(loader, PluginFileLoader):
        yield Path(loader.path).name, loader.source  # as it was when it was imported
    elif file is None or not Path(file).is_file():  # typed in, or in an archive
        return
    elif not hasattr(module, "__path__"):
        yield Path(file).name, Path(file).read_bytes()
    else:
        folder = Path(file).parent
        for path in folder.rglob("*"):
            if path.name.endswith((".py", *EXTENSION_SUFFIXES)) and path.is_file():
                yield path.relative_to(folder).as_posix(), path.read_bytes()
