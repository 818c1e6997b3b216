"""The data set: exact types, the same bits everywhere, balanced attributes, bounded memory, clear errors."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

from mstasks import Options, Sample, TargetKind
from mstasks_scenes.dataset import Scenes
from mstasks_scenes.options import ScenesOptions
from mstasks_scenes.targets import ATTRIBUTES, CLASSES, targets

ALL = tuple(targets(None))
SIZE = (24, 32)


def small(**options: int) -> Scenes:
    return Scenes(ScenesOptions(**options), SIZE)


def digest(sample: Sample) -> str:
    arrays = [
        sample.image,
        *(array for name in ALL for array in (sample.targets[name].value, sample.targets[name].valid)),
    ]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def test_samples_are_what_their_kinds_demand() -> None:
    sample = small().load("train/000003", ALL)
    assert sample.id == "train/000003"
    assert (sample.image.shape, sample.image.dtype) == ((24, 32, 3), np.uint8)
    shapes = {
        "segmentation": (24, 32),
        "depth": (24, 32),
        "normals": (24, 32, 3),
        "edges": (24, 32),
        "attributes": (8,),
    }
    for name, info in targets(None).items():
        value, valid = sample.targets[name].value, sample.targets[name].valid
        assert value.shape == shapes[name]
        assert value.dtype == (np.uint8 if info.kind is TargetKind.LABEL_MAP else np.float32)
        assert (valid.shape, valid.dtype) == (shapes[name][: 2 if info.kind.dense else 1], np.bool_)
        assert valid.all()
    assert sample.targets["segmentation"].value.max() < len(CLASSES)
    assert set(np.unique(sample.targets["edges"].value)) == {0, 1}
    assert set(np.unique(sample.targets["attributes"].value)) <= {0, 1}


def test_only_wanted_targets_come() -> None:
    assert list(small().load("val/000000", ["depth", "segmentation"]).targets) == ["segmentation", "depth"]
    assert small().load("val/000000", []).targets == {}


def test_ids_are_as_many_as_asked_and_disjoint() -> None:
    data = small(train=5, val=3, test=2)
    assert data.ids("val") == ["val/000000", "val/000001", "val/000002"]
    assert [len(data.ids(split)) for split in ("train", "val", "test")] == [5, 3, 2]


def test_the_same_id_gives_the_same_bits_in_a_fresh_process() -> None:
    program = (
        "import hashlib\nfrom mstasks_scenes.dataset import Scenes\n"
        f"sample = Scenes(None, {SIZE}).load('train/000007', {ALL})\n"
        "arrays = [sample.image]\n"
        f"for name in {ALL}:\n    arrays += [sample.targets[name].value, sample.targets[name].valid]\n"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in arrays)).hexdigest())"
    )
    fresh = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert fresh.stdout.strip() == digest(small().load("train/000007", ALL))


def test_scenes_differ_by_index_split_and_seed_and_not_by_count() -> None:
    first = digest(small().load("train/000000", ALL))
    others = [
        small().load("train/000001", ALL),
        small().load("val/000000", ALL),
        small(seed=1).load("train/000000", ALL),
    ]
    assert len({first, *(digest(sample) for sample in others)}) == 4
    assert digest(small(train=1).load("train/000000", ALL)) == first


def test_attributes_are_balanced_over_the_train_split() -> None:
    data = Scenes(ScenesOptions(cache_mib=0), (36, 36))
    facts = np.mean([data.load(id, ["attributes"]).targets["attributes"].value for id in data.ids("train")[:700]], 0)
    assert len(facts) == len(ATTRIBUTES) >= 6
    for name, share in zip(ATTRIBUTES, facts, strict=True):
        assert 0.35 <= share <= 0.65, name


def test_warm_light_shows_in_the_picture() -> None:
    data = small()
    index = ATTRIBUTES.index("warm_light")
    reddish: dict[bool, list[float]] = {True: [], False: []}
    for id in data.ids("train")[:150]:
        sample = data.load(id, ["attributes"])
        red, _, blue = sample.image.reshape(-1, 3).mean(0)
        reddish[bool(sample.targets["attributes"].value[index])].append(float(red / blue))
    above = np.mean([[warm > cold for cold in reddish[False]] for warm in reddish[True]])
    assert above > 0.8  # a linear look at the colour is right most of the time


def test_memory_returns_equal_arrays_that_callers_may_change() -> None:
    data = small()
    first = data.load("train/000000", ALL)
    before = digest(first)
    first.image[:] = 0
    for target in first.targets.values():
        target.value[:] = 0
        target.valid[:] = False
    assert digest(data.load("train/000000", ALL)) == before


def test_memory_grows_with_the_targets_that_are_asked_for() -> None:
    data = small()
    partial = data.load("train/000000", ["depth"])
    full = data.load("train/000000", ALL)
    assert digest(full) == digest(small().load("train/000000", ALL))
    assert np.array_equal(partial.targets["depth"].value, full.targets["depth"].value)


def test_what_fits_into_memory_is_not_rendered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import mstasks_scenes.dataset as module

    rendered: list[str] = []
    make = module.make_scene
    monkeypatch.setattr(module, "make_scene", lambda key: (rendered.append(key), make(key))[1])
    for cache_mib, times in ((1, 1), (0, 2)):
        rendered.clear()
        data = small(cache_mib=cache_mib)
        data.load("train/000000", ALL)
        data.load("train/000000", ["depth"])
        assert len(rendered) == times


def test_memory_is_bounded() -> None:
    data = Scenes(ScenesOptions(cache_mib=1), (96, 96))
    for id in data.ids("train")[:9]:
        data.load(id, ALL)
    held = sum(image.nbytes + sum(array.nbytes for array in arrays.values()) for image, arrays in data._cache.values())
    assert 0.8 * 2**20 < held <= 2**20


def test_a_worker_gets_a_small_copy_with_the_same_scenes() -> None:
    data = small()
    digests = [digest(data.load(id, ALL)) for id in data.ids("train")[:4]]
    sent = pickle.dumps(data)
    assert len(sent) < 2000
    copy = pickle.loads(sent)
    assert [digest(copy.load(id, ALL)) for id in copy.ids("train")[:4]] == digests


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("train/12", r"Unknown scene 'train/12'. Ids are train, val or test, '/', and six digits: 'train/000012'."),
        ("dev/000000", r"Unknown scene 'dev/000000'. Ids are train, val or test"),
        (
            "train/000005",
            r"Unknown scene 'train/000005'. The train split has 5 scenes, up to 'train/000004'; the option",
        ),
    ],
)
def test_unknown_ids_are_explained(id: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        small(train=5).load(id, ALL)


def test_unknown_targets_and_splits_are_explained() -> None:
    with pytest.raises(
        ValueError, match=r"The scenes have no target 'keypoints'. They have: segmentation, depth, normals"
    ):
        small().load("train/000000", ["depth", "keypoints"])
    with pytest.raises(ValueError, match=r"Unknown split 'dev'. The scenes have train, val and test."):
        small().ids("dev")  # type: ignore[arg-type]


def test_what_the_factory_cannot_take_is_explained() -> None:
    with pytest.raises(TypeError, match=r"`options` must be ScenesOptions or None. Found Options."):
        Scenes(Options(), SIZE)
    with pytest.raises(ValueError, match=r"`size` must be a positive height and width. Found \(0, 5\)."):
        Scenes(None, (0, 5))


def test_a_sample_of_96_by_96_costs_less_than_15_ms() -> None:
    data = Scenes(ScenesOptions(cache_mib=0), (96, 96))
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for id in data.ids("train")[:20]:
            data.load(id, ALL)
        best = min(best, (time.process_time() - start) / 20)
    assert best < 0.015
