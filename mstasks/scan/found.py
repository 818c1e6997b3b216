"""What a data set found on disk: its own words and the ids of its splits, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from mstasks.data.dataset import Dataset, Split
from mstasks.data.file_dataset import FileDataset
from mstasks.data.files import printable
from mstasks.errors import MstasksError
from mstasks.experiment import Experiment
from mstasks.scan.facts import IDS, Fault
from mstasks.scan.sample import attempt
from mstasks.scan.wording import reason

SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Found:
    """A data set at first sight; no sample of it was read.

    Attributes:
        text: What it says of itself.
        ids: By split, those that the recipe leaves out included.
        faults: Of splits that cannot be listed.
    """

    text: str
    ids: Mapping[Split, tuple[str, ...]]
    faults: Mapping[Split, Fault]


def open_dataset(experiment: Experiment) -> Dataset:
    """The recipe's data set, past the cache: a scan looks at the files themselves, and fills nothing.

    Raises:
        MstasksError: If it cannot be opened, whatever it raises.
    """
    try:
        return experiment.uncached
    except MstasksError:
        raise
    except Exception as error:  # of somebody else's code, whose users need a sentence too
        name = experiment.recipe.data.dataset
        raise MstasksError(f"data set {name!r} cannot be opened: {reason(error)}") from error


def look(dataset: Dataset) -> Found:
    """Ask a data set what it found."""
    ids: dict[Split, tuple[str, ...]] = {}
    faults: dict[Split, Fault] = {}
    for split in SPLITS:
        listed = attempt(IDS, _ids, dataset, split)
        if isinstance(listed, Fault):
            faults[split] = listed
        ids[split] = () if isinstance(listed, Fault) else listed
    return Found(_text(dataset), ids, faults)


def _ids(dataset: Dataset, split: Split) -> tuple[str, ...]:
    ids = tuple(dataset.ids(split))
    odd = [id for id in ids if not isinstance(id, str)]
    if odd:
        raise ValueError(f"ids must be texts. Found {odd[0]!r}.")
    return ids


def _text(dataset: Dataset) -> str:
    if not isinstance(dataset, FileDataset):
        return "a data set that does not say what it is made of"
    said = attempt("describe", dataset.describe)
    return f"`describe` failed: {said.reason}" if isinstance(said, Fault) else printable(" ".join(str(said).split()))
