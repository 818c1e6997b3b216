"""`mstasks doctor`: what this installation consists of, and what is wrong with it. Never fails on what it examines."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import rich_click as click

from mstasks import __version__
from mstasks.cli.arguments import json_option, plugin_option
from mstasks.cli.console import print_json, print_table
from mstasks.discovery import describe
from mstasks.install import install_problems
from mstasks.plugins import load_plugins

_LIBRARIES = (
    "torch",
    "timm",
    "torchvision",
    "albumentations",
    "torchmetrics",
    "numpy",
    "opencv-python-headless",
    "safetensors",
    "pydantic",
    "pluggy",
    "pyyaml",
    "rich-click",
    "matplotlib",
)


@click.command()
@plugin_option
@json_option
def command(plugins: tuple[str, ...], as_json: bool) -> None:
    """Versions, device, plugins and why one is broken: paste it into a bug report."""
    rows = [asdict(row) for row in load_plugins(plugins).plugins]
    facts = {
        "versions": _versions(),
        "device": _device(),
        "cache": _cache(),
        "environment": {key: value for key, value in sorted(os.environ.items()) if key.startswith("MSTASKS_")},
        "plugins": rows,
        "problems": install_problems() + [f"plugin {row['name']}: {row['error']}" for row in rows if row["error"]],
    }
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _versions() -> dict[str, str]:
    """Versions of the interpreter, the package and its libraries, read without importing a library."""
    found = {"python": platform.python_version(), "system": platform.platform(), "mstasks": __version__}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


def _device() -> dict[str, Any]:
    """Where training can run; the error instead if torch cannot be imported."""
    try:
        import torch

        cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        mps = torch.backends.mps.is_available()
        return {"cpu_cores": os.cpu_count(), "torch_threads": torch.get_num_threads(), "cuda": cuda, "mps": mps}
    except Exception as error:  # a library that is broken is what this command must be able to tell
        return {"cpu_cores": os.cpu_count(), "error": describe(error, None)}


def _cache() -> str:
    """The folder that cached files go to."""
    given = os.environ.get("MSTASKS_CACHE")
    if given:
        return given
    try:
        from platformdirs import user_cache_dir
    except ImportError as error:
        return f"unknown: {describe(error, None)}"
    return user_cache_dir("mstasks")


def _print(facts: dict[str, Any]) -> None:
    settings = facts["environment"] or {"MSTASKS_*": "not set"}
    device = {key: _text(value) for key, value in facts["device"].items()}
    rows = [*facts["versions"].items(), *device.items(), ("cache", facts["cache"]), *settings.items()]
    print_table(["WHAT", "VALUE"], [[key, value] for key, value in [*rows, ("executable", sys.executable)]])
    click.echo()
    columns = ["name", "version", "origin", "provides"]
    print_table([key.upper() for key in columns], [[_text(row[key]) for key in columns] for row in facts["plugins"]])
    click.echo()
    for problem in facts["problems"]:
        click.echo(f"problem: {problem}")
    if not facts["problems"]:
        click.echo("no problem found")


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
