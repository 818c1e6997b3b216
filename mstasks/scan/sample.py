"""Reading one sample part by part, so that what is broken does not hide what is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.data.collate import collate
from mstasks.data.contract import check_label, check_upright, image_shape
from mstasks.data.dataset import Dataset, Split
from mstasks.data.file_dataset import IMAGE, FileDataset
from mstasks.data.sample import RawTarget, Sample
from mstasks.scan.facts import WHOLE, Fault, LabelFacts, SampleFacts
from mstasks.scan.sizes import Size, silently_turned, stored_size
from mstasks.scan.statistics import measure
from mstasks.scan.wording import reason
from mstasks.targets import TargetInfo

T = TypeVar("T")
P = ParamSpec("P")
_Image = NDArray[np.uint8]


def attempt(part: str, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Fault:
    """Call something of a data set; whatever it raises is a fault of that part."""
    try:
        return read(*args, **kwargs)
    except Exception as error:  # of somebody else's code, which must not stop the scan
        return Fault(part, reason(error))


@dataclass(frozen=True)
class Examiner:
    """Reads samples and says what is known of them. Whatever a data set raises is a fault, never an error.

    Attributes:
        dataset: Where samples come from.
        infos: The targets to read.
        tasks: The tasks that read them.
    """

    dataset: Dataset
    infos: Mapping[str, TargetInfo]
    tasks: Mapping[str, BoundTask]

    def __call__(self, split: Split, id: str) -> SampleFacts:
        """The facts of one sample; each of its files is read once."""
        read, raws = self._read(id)
        image = read if isinstance(read, Fault) else attempt(IMAGE, self._image, id, read)
        faults = [image] if isinstance(image, Fault) else []
        labels: dict[str, LabelFacts] = {}
        for name, raw in raws.items():
            label = raw if isinstance(raw, Fault) else attempt(name, self._labels, id, name, raw)
            if isinstance(label, Fault):
                faults.append(label)
            else:
                labels.update(label)
                faults += self._turned(id, name, raw, image)
        size, digest = (None, None) if isinstance(image, Fault) else image
        return SampleFacts(split, id, size, digest, labels, tuple(faults), self._silently_turned(id))

    def _read(self, id: str) -> tuple[_Image | Fault, Mapping[str, RawTarget | Fault | None]]:
        dataset = self.dataset
        # Training calls `load`: its parts are the same only if the data set has not made one of its own.
        if isinstance(dataset, FileDataset) and type(dataset).load is FileDataset.load:
            image = attempt(IMAGE, dataset.image, id)
            return image, {name: attempt(name, dataset.target, id, name) for name in self.infos}
        whole = attempt(WHOLE, self._load, id)
        return (whole, {}) if isinstance(whole, Fault) else whole

    def _load(self, id: str) -> tuple[_Image, Mapping[str, RawTarget]]:
        sample = self.dataset.load(id, tuple(self.infos))
        return sample.image, {name: raw for name, raw in sample.targets.items() if name in self.infos}

    def _image(self, id: str, image: _Image) -> tuple[Size, bytes]:
        """Its size, in its file if it was decoded smaller, and a digest of its pixels."""
        size = image_shape(id, image)
        digest = blake2b(np.ascontiguousarray(image).data, key=str(size).encode(), digest_size=16).digest()
        return (stored_size(self.dataset, id, size) if isinstance(self.dataset, FileDataset) else size), digest

    def _silently_turned(self, id: str) -> bool:
        if not isinstance(self.dataset, FileDataset):
            return False
        return attempt(IMAGE, silently_turned, self.dataset, id) is True

    def _turned(
        self, id: str, name: str, raw: RawTarget | Fault | None, image: tuple[Size, bytes] | Fault
    ) -> list[Fault]:
        """The fault of a label that lies on its side beside its image: training refuses it, its values still count."""
        if not isinstance(raw, RawTarget) or isinstance(image, Fault):
            return []
        found = attempt(name, check_upright, id, name, self.infos[name], raw, image[0])
        return [] if found is None else [found]

    def _labels(self, id: str, name: str, raw: RawTarget | None) -> dict[str, LabelFacts]:
        """What each task that reads a target finds in a label of it."""
        if raw is None:
            return {}
        batch = label_batch(id, name, self.infos[name], raw)
        return {task.name: _label_facts(task, batch) for task in self.tasks.values() if task.target == name}


def label_batch(id: str, name: str, info: TargetInfo, raw: RawTarget) -> Batch:
    """A label alone as a batch of one; the checks are those of training.

    Raises:
        ValueError: If its shape, type or values are not those of its kind.
    """
    check_label(id, name, info, raw)
    size = raw.valid.shape if info.kind.dense else (1, 1)
    # Of the image nothing but its size matters here.
    return collate([Sample(id, np.zeros((*size, 3), np.uint8), {name: raw})], {name: info})


def _label_facts(bound: BoundTask, batch: Batch) -> LabelFacts:
    label = bound.labels(batch.targets)
    size = (label.valid.shape[-2], label.valid.shape[-1]) if bound.task.kind.dense else None
    return LabelFacts(size, int(label.valid.sum()), label.valid.numel(), measure(bound.task.info, label))
