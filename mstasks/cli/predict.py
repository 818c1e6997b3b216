"""`mstasks predict`: predictions for images."""

from __future__ import annotations

from pathlib import Path

import rich_click as click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results; RUN/predict by default.")
def command(run: Path, images: tuple[Path, ...], out: Path | None) -> None:
    """Write a picture and decoded arrays per task for each IMAGE, of any size.

    Every image gets a folder of its own; nothing is overwritten. An image that cannot be read is named, and the others
    are still done; the exit code is then 1.

    If the images keep the network busy for ten seconds or more, the fastest way to run it here is tried out first, for
    two seconds at most; `mstasks bench` shows the ways. Predictions stay the same to 1e-4 of their largest value.
    """
    from mstasks.bench.autotune import AutoTuner
    from mstasks.data.pictures import read_image
    from mstasks.errors import MstasksError
    from mstasks.predict import fast_network, free_folders, predict_image, save_predictions
    from mstasks.runfolder import RunFolder
    from mstasks.trained import open_trained, ordinary_runs

    tuner = AutoTuner()
    trained = [
        (experiment, fast_network(experiment, network, len(images), tuner))
        for experiment, network in map(open_trained, ordinary_runs(RunFolder.open(run)).values())
    ]
    failed = 0
    for path, folder in free_folders(out or run / "predict", list(images)):
        try:
            image = read_image(path)
        except ValueError as error:
            click.echo(str(error), err=True)
            failed += 1
            continue
        decoded = {}
        tasks = {}
        for experiment, network in trained:
            decoded.update(predict_image(experiment, network, image))
            tasks.update(experiment.tasks)
        save_predictions(tasks, image, decoded, folder)
        click.echo(f"{path}: {folder / 'overview.png'}")
    if failed:
        raise MstasksError(f"{failed} of {len(images)} images could not be read.")
