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
from mstasks.data.cache.folder import cache_folder
from mstasks.discovery import describe
from mstasks.errors import MstasksError
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
@click.argument("recipe", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@plugin_option
@json_option
def command(recipe: str | None, overrides: tuple[str, ...], plugins: tuple[str, ...], as_json: bool) -> None:
    """Versions, device, plugins and why one is broken: paste it into a bug report.

    With RECIPE, also what its data set found on disk and how many images each split has, or why it found nothing;
    `mstasks check RECIPE --data` then reads every file.
    """
    rows = [asdict(row) for row in load_plugins(plugins).plugins]
    data = None if recipe is None else _data(recipe, overrides, plugins)
    problems = install_problems() + [f"plugin {row['name']}: {row['error']}" for row in rows if row["error"]]
    facts = {
        "versions": _versions(),
        "device": _device(),
        "cache": _cache(),
        "environment": {key: value for key, value in sorted(os.environ.items()) if key.startswith("MSTASKS_")},
        "plugins": rows,
        "data": data,
        "problems": problems + [f"data of {recipe}: {text}" for text in (data or {}).get("problems", ())],
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
    try:
        return str(cache_folder())
    except ImportError as error:
        return f"unknown: {describe(error, None)}"


def _data(recipe: str, overrides: tuple[str, ...], plugins: tuple[str, ...]) -> dict[str, Any]:
    """What the recipe's data set found on disk; what is wrong with recipe, plugins or files is a problem."""
    facts: dict[str, Any] = {"dataset": None, "found": None, "splits": {}, "problems": []}
    try:
        from mstasks.experiment import Experiment
        from mstasks.recipe import load_recipe
        from mstasks.scan.found import look, open_dataset

        experiment = Experiment(load_recipe(recipe, overrides, plugins))
        facts["dataset"] = experiment.recipe.data.dataset
        found = look(open_dataset(experiment))
        facts["found"] = found.text
        facts["problems"] += [f"{split}: {fault.reason}" for split, fault in found.faults.items()]
        excluded = experiment.excluded
        facts["splits"] = {
            split: {"images": len(ids), "excluded": sum(id in excluded for id in ids)}
            for split, ids in found.ids.items()
            if split not in found.faults
        }
    except MstasksError as error:
        facts["problems"] += str(error).splitlines()
    except Exception as error:  # whatever it is, it is what somebody runs this command for
        facts["problems"].append(describe(error, None))
    return facts


def _print(facts: dict[str, Any]) -> None:
    settings = facts["environment"] or {"MSTASKS_*": "not set"}
    device = {key: _text(value) for key, value in facts["device"].items()}
    rows = [*facts["versions"].items(), *device.items(), ("cache", facts["cache"]), *settings.items()]
    print_table(["WHAT", "VALUE"], [[key, value] for key, value in [*rows, ("executable", sys.executable)]])
    click.echo()
    columns = ["name", "version", "origin", "provides"]
    print_table([key.upper() for key in columns], [[_text(row[key]) for key in columns] for row in facts["plugins"]])
    click.echo()
    if facts["data"] is not None and facts["data"]["dataset"] is not None:
        _print_data(facts["data"])
    for problem in facts["problems"]:
        click.echo(f"problem: {problem}")
    if not facts["problems"]:
        click.echo("no problem found")


def _print_data(data: dict[str, Any]) -> None:
    click.echo(f"data set: {data['dataset']}: {data['found'] or 'nothing found'}")
    if data["splits"]:
        rows = [[split, str(counts["images"]), str(counts["excluded"])] for split, counts in data["splits"].items()]
        print_table(["SPLIT", "IMAGES", "EXCLUDED"], rows)
    click.echo()


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
