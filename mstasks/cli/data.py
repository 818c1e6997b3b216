"""`mstasks data cache` and `mstasks data clear`: the decode-once cache."""

from __future__ import annotations

import shlex
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import rich_click as click

from mstasks.cli.arguments import json_option, plugin_option
from mstasks.cli.console import print_json
from mstasks.errors import Interrupted, MstasksError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from mstasks.data.cache.dataset import CachedDataset
    from mstasks.data.cache.filling import Outcome
    from mstasks.data.cache.warm import Estimate
    from mstasks.experiment import Experiment


@click.group()
def command() -> None:
    """The cache of decoded images and labels: fill it ahead of training, or remove it."""


@click.command()
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@plugin_option
@json_option
def cache(recipe: str, overrides: tuple[str, ...], plugins: tuple[str, ...], as_json: bool) -> None:
    """Decode all images and labels of RECIPE once, so that training reads them from the cache.

    Says first how much that takes; `data.cache_gib` bounds it. Interrupted, the same command goes on.
    """
    from rich.console import Console

    from mstasks.data.cache.dataset import CachedDataset
    from mstasks.experiment import Experiment
    from mstasks.recipe import check_names, load_recipe

    loaded = load_recipe(recipe, overrides, plugins)
    check_names(loaded)
    experiment = Experiment(loaded)
    dataset = experiment.through_cache("fill", silent=True)
    console = Console(stderr=as_json)
    outcome = None
    if isinstance(dataset, CachedDataset):
        arguments = shlex.join([recipe, *overrides, *(word for name in plugins for word in ("--plugin", name))])
        outcome = _fill(experiment, dataset, arguments, console)
        _conclude(outcome, arguments, experiment, console)
    else:
        name = loaded.recipe.data.dataset
        _say(f"data set {name!r} needs no cache: it is not read file by file through mstasks.FileDataset", console)
    if as_json:
        print_json(None if outcome is None else outcome.document())
    if outcome is not None:
        _check(outcome)


def _fill(experiment: Experiment, dataset: CachedDataset, arguments: str, console: Console) -> Outcome:
    from mstasks.data.cache.filling import Outcome
    from mstasks.data.cache.warm import estimate, fill
    from mstasks.data.file_dataset import IMAGE
    from mstasks.scan.progress import ScanProgress
    from mstasks.train.stopping import StopRequest

    if dataset.store.room is None:
        raise MstasksError(f"nothing can be added to {dataset.store.folder}: {dataset.store.stopped}.")
    parts, ids = (IMAGE, *experiment.infos), _ids(experiment)
    _announce(estimate(dataset, ids, parts), dataset, console)
    outcome = Outcome(str(dataset.store.folder), len(ids))
    try:
        filling = closing(fill(dataset, ids, parts, experiment.recipe.data.workers))  # ends its processes in any case
        with StopRequest() as stop, ScanProgress(len(ids), console) as progress, filling as samples:
            for done in samples:
                outcome.add(done)
                progress.step(outcome.done, outcome.unreadable)
                if stop.requested:
                    raise KeyboardInterrupt
                if outcome.stopped is not None:
                    break
    except KeyboardInterrupt:
        reached = f"interrupted: {outcome.done} of {outcome.images} images are done, and stay in the cache"
        raise Interrupted(f"{reached}. Go on with: mstasks data cache {arguments}") from None
    return outcome


def _ids(experiment: Experiment) -> list[str]:
    """Ids of all splits, without those that the recipe leaves out."""
    splits = [experiment.uncached.ids(split) for split in ("train", "val", "test")]
    ids = [id for split in splits for id in split if id not in experiment.excluded]
    if not ids:
        raise UsageError(f"data set {experiment.recipe.data.dataset!r} has no image that could be cached.")
    return ids


def _announce(needed: Estimate, dataset: CachedDataset, console: Console) -> None:
    """Say how much will be written where.

    Raises:
        UsageError: If that is more than there may be.
    """
    from shutil import disk_usage

    from mstasks.data.cache.room import lacking_disk

    room = dataset.store.room
    assert room is not None, "checked before"
    held, more = room.held(), " more" if needed.partial else ""
    text = f"about {_size(needed.bytes)}{more} for {needed.images} images in {room.folder}; the cache holds "
    text += f"{_size(held)} of at most {_size(room.bound)}; {_size(disk_usage(room.folder).free)} free on the disk"
    lacking = lacking_disk(room.folder, needed.bytes)
    if held + needed.bytes <= room.bound and lacking is None:
        _say(text, console)
        return
    remedy = "raise data.cache_gib, remove what is there with `mstasks data clear`, or choose a smaller data.size"
    if lacking is not None:
        remedy = "make room on the disk, or let MSTASKS_CACHE name a folder on another one"
    raise UsageError(f"{text}. That does not fit: {remedy}.")


def _conclude(outcome: Outcome, arguments: str, experiment: Experiment, console: Console) -> None:
    """Say what was done, what could not be read, and what to type next."""
    for id, reason in outcome.problems:
        _say(reason if id in reason else f"sample {id!r}: {reason}", console)
    if outcome.unreadable:
        count = f"unreadable: {outcome.unreadable} of {outcome.images} images, or labels of them"
        _say(f"{count}; to list all: mstasks check {arguments} --data", console)
    _say(f"{outcome.added} images and labels added, {_size(outcome.bytes)}; {outcome.present} were there", console)
    if experiment.recipe.data.cache == "off":
        _say("data.cache is off in this recipe, so that training will not read them; set it to read", console)
    if outcome.stopped is None and not outcome.unreadable:  # which training would stop at
        _say(f"next: mstasks fit {arguments}", console)


def _check(outcome: Outcome) -> None:
    """Turn what is no success into an exit code.

    Raises:
        MstasksError: If the cache is full, or nothing at all could be read.
    """
    if outcome.stopped is not None:
        left = outcome.images - outcome.done
        raise MstasksError(f"the cache is not complete, about {left} images are left: {outcome.stopped}.")
    if outcome.unreadable == outcome.images:
        raise MstasksError(f"none of the {outcome.images} images could be read.")


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def clear(yes: bool, as_json: bool) -> None:
    """Remove all decoded images and labels, of all recipes; nothing else."""
    from mstasks.data.cache import survey
    from mstasks.data.cache.folder import entries_folder

    folder = entries_folder()
    linked = next((path for path in (folder.parent, folder) if path.is_symlink()), None)
    if linked is not None:
        raise UsageError(f"{linked} is a link, which is not followed. Remove it, or what it names, yourself.")
    found = survey.survey(folder)
    click.echo(f"{found.entries} images and labels, {_size(found.bytes)}, in {folder}", err=as_json)
    if found.bytes and not yes:
        if not sys.stdin.isatty():
            raise UsageError("without a terminal nothing is removed unasked. Add --yes.")
        if not click.confirm("Remove them?", err=as_json):
            return
    removed = survey.clear(folder)
    click.echo(f"removed {removed.entries} images and labels, {_size(removed.bytes)}", err=as_json)
    if as_json:
        print_json({"folder": str(folder), "entries": removed.entries, "bytes": removed.bytes})


def _size(count: float) -> str:
    """Bytes for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.2g} GiB" if count < 10 else f"{count:.0f} GiB"


def _say(text: str, console: Console) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)


command.add_command(cache)
command.add_command(clear)
