"""The data set: ids to samples, with a bounded memory of what was rendered."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks import Options, RawTarget, Sample, Split, TargetKind
from mstasks_scenes.layout import make_scene
from mstasks_scenes.options import ScenesOptions
from mstasks_scenes.render import render
from mstasks_scenes.scene import Scene
from mstasks_scenes.targets import targets as declared

_ID = re.compile(r"(train|val|test)/(\d{6})")
_Arrays = Mapping[str, NDArray[Any]]


class Scenes:
    """Procedural indoor scenes; implements `mstasks.Dataset`.

    A scene depends on the option `seed` and on its id alone, not on how many there are. Ids look like ``train/000012``.

    Args:
        options: `ScenesOptions`, None for the defaults.
        size: Height and width to render at; labels are exact at this size.
    """

    def __init__(self, options: Options | None, size: tuple[int, int]) -> None:
        if not isinstance(options, ScenesOptions | None):
            raise TypeError(f"`options` must be ScenesOptions or None. Found {type(options).__name__}.")
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f"`size` must be a positive height and width. Found {size!r}.")
        self.options = options or ScenesOptions()
        self.size = size
        self._kinds = {name: info.kind for name, info in declared(self.options).items()}
        self._cache: dict[str, tuple[NDArray[np.uint8], _Arrays]] = {}
        self._cached_bytes = 0

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what was rendered: each worker keeps its own memory."""
        return {**self.__dict__, "_cache": {}, "_cached_bytes": 0}

    def ids(self, split: Split) -> Sequence[str]:
        """``split/000000`` and so on, as many as the option of the split's name says."""
        return [f"{split}/{index:06d}" for index in range(self._count(split))]

    def scene(self, id: str) -> Scene:
        """The scene behind an id, to be rendered by other means.

        Raises:
            ValueError: If there is no such id.
        """
        found = _ID.fullmatch(id)
        if not found:
            raise ValueError(f"Unknown scene {id!r}. Ids are train, val or test, '/', and six digits: 'train/000012'.")
        split, index = found.groups()
        if int(index) >= (count := self._count(split)):
            raise ValueError(
                f"Unknown scene {id!r}. The {split} split has {count} scenes, up to '{split}/{count - 1:06d}'; "
                f"the option `data.{split}` of the recipe sets how many."
            )
        return make_scene(f"{self.options.seed}/{id}")

    def load(self, id: str, targets: Collection[str]) -> Sample:
        """Render one scene, or take it from memory. Every target exists for every scene.

        Raises:
            ValueError: If there is no such id or target.
        """
        unknown = sorted(set(targets) - set(self._kinds))
        if unknown:
            raise ValueError(f"The scenes have no target {unknown[0]!r}. They have: {', '.join(self._kinds)}.")
        image, arrays = self._rendered(id, targets)
        return Sample(
            id, image.copy(), {name: self._target(name, arrays[name]) for name in self._kinds if name in targets}
        )

    def _count(self, split: str) -> int:
        counts = {"train": self.options.train, "val": self.options.val, "test": self.options.test}
        if split not in counts:
            raise ValueError(f"Unknown split {split!r}. The scenes have train, val and test.")
        return counts[split]

    def _rendered(self, id: str, targets: Collection[str]) -> tuple[NDArray[np.uint8], _Arrays]:
        """Arrays as the renderer makes them: classes in one byte, edges as booleans, no masks."""
        kept = self._cache.get(id)
        if kept is not None and set(targets) <= set(kept[1]):
            return kept
        fresh = render(self.scene(id), self.size, set(targets) | set(kept[1] if kept else ()))
        new = _bytes(fresh) - (_bytes(kept) if kept else 0)
        # Once full it stays as it is: throwing out the oldest would never hit when epochs are longer than the memory.
        if self._cached_bytes + new <= self.options.cache_mib * 2**20:
            self._cache[id] = fresh
            self._cached_bytes += new
        return fresh

    def _target(self, name: str, array: NDArray[Any]) -> RawTarget:
        """A copy in the type of the target's kind, valid everywhere."""
        kind = self._kinds[name]
        value = array.astype(np.uint8 if kind is TargetKind.LABEL_MAP else np.float32)
        return RawTarget(value, np.ones(value.shape[:2] if kind.dense else value.shape, np.bool_))


def _bytes(rendered: tuple[NDArray[np.uint8], _Arrays]) -> int:
    """Memory of the arrays of one sample."""
    image, arrays = rendered
    return image.nbytes + sum(array.nbytes for array in arrays.values())
