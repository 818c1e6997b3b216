"""Whether the installed metadata is current: entry points are written by an installation, not by an edit."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from shlex import quote
from urllib.parse import urlparse
from urllib.request import url2pathname

from mstasks.hookspecs import PROJECT


def install_problems() -> list[str]:
    """One sentence a problem: mstasks not installed, or entry points of an editable project that are not installed."""
    problems = []
    try:
        distribution(PROJECT)
    except PackageNotFoundError:
        problems.append("mstasks is not installed but run from a folder; its plugins are not found: pip install -e .")
    for installed in distributions():
        folder = editable_folder(installed)
        if folder is None:
            continue
        have = {point.name: point.value for point in installed.entry_points if point.group == PROJECT}
        stale = sorted(name for name, _ in have.items() ^ declared_plugins(folder / "pyproject.toml").items())
        if stale:
            names = ", ".join(dict.fromkeys(stale))
            problems.append(
                f"entry points of {folder} changed after its installation ({names}): "
                f"pip install -e {quote(str(folder))}"
            )
    return problems


def editable_folder(installed: Distribution) -> Path | None:
    """The source folder of an editable install; None for any other."""
    try:
        origin = json.loads(installed.read_text("direct_url.json") or "{}")
        editable = origin.get("dir_info", {}).get("editable", False)
        return Path(url2pathname(urlparse(origin["url"]).path)) if editable else None
    except (ValueError, KeyError, AttributeError):  # written by some other tool
        return None


def declared_plugins(pyproject: Path) -> dict[str, str]:
    """Entry points of the group ``mstasks`` that a pyproject declares; none if it cannot be read."""
    try:
        return dict(tomllib.loads(pyproject.read_text("utf-8"))["project"]["entry-points"][PROJECT])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
