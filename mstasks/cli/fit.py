"""`mstasks fit`: train a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from mstasks.cli.arguments import plugin_option
from mstasks.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from mstasks.recipe import LoadedRecipe


@click.command()
@click.argument("recipe", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where run folders are made.",
)
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with an interrupted run; RECIPE is left out.")
@click.option(
    "--dry-run", is_flag=True, help="Print steps, parameters, MACs, and estimated time, memory and disk; train nothing."
)
@plugin_option
def command(
    recipe: str | None,
    overrides: tuple[str, ...],
    out: Path,
    resume: Path | None,
    dry_run: bool,
    plugins: tuple[str, ...],
) -> None:
    """Train RECIPE: a path, or the name of a shipped recipe (`mstasks ls recipes`).

    KEY=VALUE overrides a key of the recipe, such as optim.lr=3e-4. The run folder is printed first, a table last.
    """
    loaded = _resumed(recipe, resume, plugins) if resume is not None else _fresh(recipe, overrides, plugins)
    if dry_run:
        _dry_run(loaded)
    else:
        _train(loaded, out, resume)


def _fresh(recipe: str | None, overrides: tuple[str, ...], plugins: tuple[str, ...]) -> LoadedRecipe:
    from mstasks.experiment import Experiment
    from mstasks.fit import split_by_network
    from mstasks.recipe import check_names, load_recipe

    if recipe is None:
        raise UsageError("no recipe given. Try `mstasks fit quickstart`, or `mstasks ls recipes` for others.")
    loaded = load_recipe(recipe, overrides, plugins)
    check_names(loaded)
    for part in split_by_network(loaded).values():
        experiment = Experiment(part)
        experiment.tasks  # noqa: B018 - built here, so that what a task refuses is told before there is a run
        if part.recipe.backbone.structure is not None:
            experiment.build_network(pretrained=False)  # and a structure of another network
    return loaded


def _resumed(recipe: str | None, resume: Path, plugins: tuple[str, ...]) -> LoadedRecipe:
    from mstasks.recipe import load_recipe
    from mstasks.runfolder import RunFolder

    if recipe is not None:
        raise UsageError(f"--resume goes on with the run's own recipe. Found {recipe!r} beside it; leave it out.")
    run = RunFolder.open(resume)
    if run.structure.is_file() or (run.summary.is_file() and run.read_summary()["parent"] is not None):
        raise UsageError(
            f"{resume}: a compact or adapted run holds a network alone, not the state of its training, so it cannot be "
            "resumed. Resume the run that it was made from, and make it from that again."
        )
    return load_recipe(run.recipe, plugins=plugins)


def _train(loaded: LoadedRecipe, out: Path, resume: Path | None) -> None:
    from rich.console import Console

    from mstasks.distributed import process_group, rank
    from mstasks.fit import fit, start_run
    from mstasks.runfolder import RunFolder

    with process_group():
        console = Console(quiet=rank() != 0)
        run = start_run(loaded, out) if resume is None else RunFolder.open(resume)
        console.print(f"run: {run.path}", highlight=False, soft_wrap=True, markup=False)
        if loaded.recipe.data.cache == "fill" and rank() == 0:
            _announce_cache(loaded, console)
        try:
            summary = fit(loaded, run, console, resume=resume is not None)
        except (Interrupted, KeyboardInterrupt) as stopped:
            reason = str(stopped) or "interrupted outside the training steps; what was saved before is kept."
            raise Interrupted(f"{reason} Go on with: mstasks fit --resume {run.path}") from None
        if rank() == 0:
            _conclude(loaded, summary, run.path, console)


def _announce_cache(loaded: LoadedRecipe, console: Console) -> None:
    from mstasks.data.cache.opening import announcement
    from mstasks.experiment import Experiment

    text = announcement(Experiment(loaded).dataset)
    if text is not None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)


def _dry_run(loaded: LoadedRecipe) -> None:
    from mstasks.estimate import estimate
    from mstasks.experiment import Experiment
    from mstasks.fit import split_by_network

    experiments = [Experiment(part) for part in split_by_network(loaded).values()]
    for line in estimate(experiments).lines():
        click.echo(line)


def _conclude(loaded: LoadedRecipe, summary: dict[str, Any], path: Path, console: Console) -> None:
    from mstasks.cli.results import print_results, print_sparsity
    from mstasks.fit import split_by_network

    print_results(summary["tasks"], "test")
    if "sparsity" in summary:
        print_sparsity(summary["sparsity"])
    for sentence in summary.get("advice", []):
        console.print(f"note: {sentence}", highlight=False, soft_wrap=True, markup=False)
    skipped = f", {summary['skipped_steps']} steps skipped as not finite" if summary["skipped_steps"] else ""
    done = f"{summary['steps']} steps, {summary['images']} images, {summary['seconds']} s{skipped}"
    console.print(done, highlight=False)
    pictures = [part / "predictions" / "overview.png" for part in (path, *sorted((path / "tasks").glob("*")))]
    for picture in pictures:
        if picture.is_file():
            console.print(f"pictures: {picture}", highlight=False, soft_wrap=True, markup=False)
    adaptable = loaded.recipe.unseen and len(split_by_network(loaded)) == 1
    following = f"adapt {path}" if adaptable else f"predict {path} IMAGE.jpg"
    console.print(f"next: mstasks {following}", highlight=False, soft_wrap=True, markup=False)
