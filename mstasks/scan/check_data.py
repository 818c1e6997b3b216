"""`mstasks check RECIPE --data`: scan a whole data set and write down what was found."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mstasks.experiment import Experiment
from mstasks.runfolder import write_json
from mstasks.scan.choose import choose
from mstasks.scan.duplicates import summarise
from mstasks.scan.exclude import exclude_list
from mstasks.scan.facts import SampleFacts
from mstasks.scan.folder import new_folder
from mstasks.scan.found import Found, look, open_dataset
from mstasks.scan.progress import ScanProgress
from mstasks.scan.report import Report, document
from mstasks.scan.run import Entry, read_all
from mstasks.scan.sample import Examiner
from mstasks.scan.sheet import PER_SPLIT, draw_sheet
from mstasks.scan.shortages import shortages
from mstasks.scan.suspicions import suspicions
from mstasks.scan.tally import FaultyPart, Tally
from mstasks.targets import TargetInfo

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Written:
    """Files of a scan.

    Attributes:
        document: data.json: everything, for programs.
        exclude: exclude.txt: the ids that could not be used.
        sheet: data.png: images beside labels; None if there was nothing to show.
    """

    document: Path
    exclude: Path
    sheet: Path | None


def check_data(experiment: Experiment, out: Path, console: Console) -> tuple[Report, Written]:
    """Read every file of the recipe's data set, past the cache, and write data.json, exclude.txt and data.png.

    Args:
        experiment: The recipe.
        out: Root of the folder that is made: ``out/<recipe name>/data-001``.
        console: Where to show progress.

    Raises:
        MstasksError: If the data set cannot be opened, or a loader process dies.
    """
    dataset, excluded = open_dataset(experiment), experiment.excluded
    examine = Examiner(dataset, experiment.infos, experiment.tasks)
    found = look(dataset)
    folder = new_folder(out, experiment.recipe.name)
    try:
        began = time.monotonic()
        tally = _scan(experiment, examine, found, console)
        report = _report(experiment, found, tally, time.monotonic() - began)
        written = Written(folder / "data.json", folder / "exclude.txt", folder / "data.png")
        write_json(written.document, document(report))
        written.exclude.write_text(exclude_list(tally.faults, excluded), encoding="utf-8")
        drawn = draw_sheet(examine, _chosen(tally, experiment.recipe.seed), folder / "data.png")
    except BaseException:
        shutil.rmtree(folder)
        raise
    return report, written if drawn else replace(written, sheet=None)


def _scan(experiment: Experiment, examine: Examiner, found: Found, console: Console) -> Tally:
    tally = Tally(tuple(found.ids), tuple(examine.tasks), experiment.excluded)
    tally.faults += [FaultyPart(split, "", fault, False) for split, fault in found.faults.items()]
    entries: list[Entry] = [(split, id) for split, ids in found.ids.items() for id in ids]
    with ScanProgress(len(entries), console) as progress:
        done = 0

        def count(facts: SampleFacts) -> None:
            nonlocal done
            done += 1
            tally.add(facts)
            progress.step(done, len(tally.faults))

        read_all(examine, entries, experiment.recipe.data.workers, count)
    targets = {name: bound.target for name, bound in experiment.tasks.items()}
    tally.faults += list(shortages(tally, targets, _infos(experiment)))
    return tally


def _infos(experiment: Experiment) -> dict[str, TargetInfo]:
    return {name: bound.task.info for name, bound in experiment.tasks.items()}


def _report(experiment: Experiment, found: Found, tally: Tally, seconds: float) -> Report:
    recipe = experiment.recipe
    infos = _infos(experiment)
    return Report(
        recipe=recipe.name,
        dataset=recipe.data.dataset,
        found=found.text,
        infos=infos,
        tally=tally,
        duplicates=summarise(tally.duplicates(), tuple(tally.splits)),
        suspicions=tuple(suspicions(tally, infos)),
        seconds=seconds,
    )


def _chosen(tally: Tally, seed: int) -> list[Entry]:
    """What the contact sheet shows: samples without a fault."""
    faulty = {(row.split, row.id) for row in tally.faults}
    chosen: list[Entry] = []
    for split, labelled in tally.labelled.items():
        sound = {id: tasks for id, tasks in labelled.items() if (split, id) not in faulty}
        chosen += [(split, id) for id in choose(sound, PER_SPLIT, seed)]
    return chosen
