"""Facts of samples added up: what the scan remembers of a whole data set."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from mstasks.data.dataset import Split
from mstasks.data.file_dataset import IMAGE
from mstasks.scan.facts import WHOLE, Fault, LabelFacts, SampleFacts
from mstasks.scan.sizes import Relation, Size, relation
from mstasks.scan.statistics import Statistics


@dataclass(frozen=True, slots=True)
class FaultyPart:
    """A fault with its place.

    Attributes:
        split: Where the data set lists the sample.
        id: Of the sample; empty if the split itself cannot be used.
        fault: What is wrong.
        excluded: Whether the recipe leaves the sample out already.
    """

    split: Split
    id: str
    fault: Fault
    excluded: bool


@dataclass(slots=True)
class SizePair:
    """Images and labels that are alike, such as of one pair of sizes.

    Attributes:
        first: Id of the first of them.
        count: How many there are.
    """

    first: str
    count: int = 0


@dataclass(slots=True)
class TaskTally:
    """Labels of one task in one split.

    Attributes:
        labelled: Images with at least one valid pixel or attribute.
        blank: Images whose label is there, but nowhere valid.
        valid: Valid pixels or attributes of the labels that are there.
        total: All pixels or attributes of those labels. Both leave out images of which no attribute is annotated.
        sizes: By height and width of image and label.
        turned: Dense labels of images with an EXIF orientation that sizes do not show; None if there are none.
        statistics: Of all valid values; None until there is a label.
    """

    labelled: int = 0
    blank: int = 0
    valid: int = 0
    total: int = 0
    sizes: dict[tuple[Size, Size], SizePair] = field(default_factory=dict)
    turned: SizePair | None = None
    statistics: Statistics | None = None

    def add(self, id: str, image: Size | None, label: LabelFacts, *, silently_turned: bool = False) -> None:
        """Count a label."""
        self.labelled += label.valid > 0
        self.blank += label.valid == 0
        if label.size is not None or label.valid:
            self.valid += label.valid
            self.total += label.total
        # Statistics of one kind add up; they come from one task.
        self.statistics = label.statistics if self.statistics is None else self.statistics + label.statistics  # type: ignore[operator]
        if image is not None and label.size is not None:
            self.sizes.setdefault((image, label.size), SizePair(id)).count += 1
        if silently_turned and label.size is not None:
            self.turned = self.turned or SizePair(id)
            self.turned.count += 1

    def related(self, wanted: Relation) -> list[tuple[Size, Size, SizePair]]:
        """Pairs of sizes with this relation, the most frequent first."""
        found = [(*sizes, pair) for sizes, pair in self.sizes.items() if relation(*sizes) is wanted]
        return sorted(found, key=lambda entry: -entry[2].count)


@dataclass(slots=True)
class SplitTally:
    """Images of one split. Those that the recipe leaves out count in all but `tasks`.

    Attributes:
        images: How many it lists.
        excluded: How many of them the recipe leaves out already.
        unreadable: How many could not be used as an image.
        broken: How many have a label that could not be used.
        tasks: By task.
    """

    images: int = 0
    excluded: int = 0
    unreadable: int = 0
    broken: int = 0
    tasks: dict[str, TaskTally] = field(default_factory=dict)


class Tally:
    """Everything that was found. Grows by some bytes a sample, and not with the size of images.

    Args:
        splits: In the order of the report.
        tasks: Names of the recipe's tasks.
        excluded: Ids that the recipe leaves out.

    Attributes:
        splits: By split.
        faults: In the order in which they were found.
        digests: Split and id of every image with the same pixels, by their digest; none that is left out.
        labelled: The tasks that each readable image has labels for, by split and id; none that is left out.
        unknown: Ids that the recipe leaves out and that no split lists, among the samples that were counted.
    """

    def __init__(self, splits: Collection[Split], tasks: Collection[str], excluded: Collection[str]) -> None:
        self._excluded = frozenset(excluded)
        self.unknown = set(excluded)
        self._interned: dict[frozenset[str], frozenset[str]] = {}
        self.splits = {split: SplitTally(tasks={task: TaskTally() for task in tasks}) for split in splits}
        self.faults: list[FaultyPart] = []
        self.digests: dict[bytes, list[tuple[Split, str]]] = {}
        self.labelled: dict[Split, dict[str, frozenset[str]]] = {split: {} for split in splits}

    def add(self, facts: SampleFacts) -> None:
        """Count a sample; of one that the recipe leaves out, only that it is there and what its faults are."""
        split, excluded = self.splits[facts.split], facts.id in self._excluded
        self.unknown.discard(facts.id)
        split.images += 1
        split.excluded += excluded
        parts = {fault.part for fault in facts.faults}
        split.unreadable += bool(parts & {IMAGE, WHOLE})
        split.broken += bool(parts - {IMAGE, WHOLE})
        self.faults += [FaultyPart(facts.split, facts.id, fault, excluded) for fault in facts.faults]
        if excluded:
            return  # of what training never sees nothing else counts
        for task, label in facts.labels.items():
            split.tasks[task].add(facts.id, facts.size, label, silently_turned=facts.silently_turned)
        if facts.digest is not None:
            self.digests.setdefault(facts.digest, []).append((facts.split, facts.id))
            having = frozenset(task for task, label in facts.labels.items() if label.valid)
            self.labelled[facts.split][facts.id] = self._interned.setdefault(having, having)

    @property
    def failed(self) -> list[FaultyPart]:
        """Faults that training would stop at: those of samples that the recipe does not leave out already."""
        return [fault for fault in self.faults if not fault.excluded]

    def duplicates(self) -> list[list[tuple[Split, str]]]:
        """Groups of samples whose images are the same pixel for pixel, each with at least two."""
        return [group for group in self.digests.values() if len(group) > 1]
