"""The support set is k labelled train images, fixed by seed and draw, and nothing else is trained on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import pytest

from mstasks import Dataset, Sample, Split
from mstasks.adapt.support import Support, draw_support
from mstasks.errors import UsageError
from mstasks.experiment import Experiment

Make = Callable[..., Experiment]
SHOTS = 5


class Patchy:
    """Rooms of which only some have a depth map; counts what is read."""

    def __init__(self, dataset: Dataset, labelled: Callable[[str], bool] = lambda _: True) -> None:
        self._dataset, self._labelled = dataset, labelled
        self.read: list[str] = []

    def ids(self, split: Split) -> Sequence[str]:
        return self._dataset.ids(split)

    def load(self, id: str, targets: Collection[str]) -> Sample:
        self.read.append(id)
        sample = self._dataset.load(id, targets)
        kept = {name: raw for name, raw in sample.targets.items() if name != "depth" or self._labelled(id)}
        return Sample(id, sample.image, kept)


def is_even(id: str) -> bool:
    return int(id[-1]) % 2 == 0


def draws(experiment: Experiment, shots: int = SHOTS, count: int = 3) -> list[tuple[str, ...]]:
    return [draw_support(experiment, experiment.tasks["depth"], shots, number) for number in range(count)]


def patchy(experiment: Experiment, labelled: Callable[[str], bool]) -> Experiment:
    experiment.__dict__["dataset"] = Patchy(experiment.dataset, labelled)
    return experiment


def test_a_draw_is_k_different_train_images(experiment: Make) -> None:
    own = experiment()
    for ids in draws(own):
        assert len(set(ids)) == len(ids) == SHOTS
        assert set(ids) <= set(own.ids("train"))
        assert not set(ids) & {*own.ids("val"), *own.ids("test")}


def test_seed_and_number_fix_a_draw(experiment: Make) -> None:
    assert draws(experiment()) == draws(experiment())
    assert len({frozenset(ids) for ids in draws(experiment())}) == 3
    assert draws(experiment()) != draws(experiment("seed=1"))


def test_fewer_images_are_the_first_of_more(experiment: Make) -> None:
    for few, many in zip(draws(experiment(), 3), draws(experiment(), 9), strict=True):
        assert many[:3] == few


def test_they_are_nested_where_labels_are_missing_too(experiment: Make) -> None:
    own = patchy(experiment(), is_even)
    for few, many in zip(draws(own, 2), draws(own, 6), strict=True):
        assert many[:2] == few
        assert all(map(is_even, many))


def test_images_that_the_recipe_leaves_out_are_left_out(experiment: Make, tmp_path: Path) -> None:
    out = [f"train/{index:06d}" for index in (0, 3, 4, 7, 8)]
    (tmp_path / "out.txt").write_text("\n".join(out))
    own = experiment(f"data.exclude={tmp_path / 'out.txt'}")
    for ids in draws(own, 7):
        assert sorted(ids) == sorted(set(own.ids("train")) - set(out))
        assert len(ids) == 7


def test_too_few_labels_are_counted(experiment: Make) -> None:
    with pytest.raises(UsageError) as caught:
        draws(patchy(experiment(), is_even), 7)
    assert str(caught.value) == (
        "task 'depth': only 6 of 12 train images of data set 'scenes' have a label of 'depth', and 7 were asked for. "
        "Try `--shots 6`."
    )
    assert draws(patchy(experiment(), is_even), 6)


def test_no_label_at_all_is_said_so(experiment: Make) -> None:
    with pytest.raises(UsageError, match=r"'depth': none of 12 train images of data set 'scenes' has a label of 'dep"):
        draws(patchy(experiment(), lambda _: False))


def support(experiment: Experiment, shots: int = SHOTS, hold_out: float = 0.0) -> Support:
    return Support.of(experiment, draws(experiment, shots)[0], ["depth"], 0, hold_out)


def seen_ids(support: Support, batch_size: int = 2, steps: int = 12) -> list[str]:
    return [id for batch in support.stream(batch_size, steps) for id in batch.ids]


def test_batches_pass_through_the_images_in_one_order_after_another(experiment: Make) -> None:
    own = support(experiment())
    ids = seen_ids(own, batch_size=2, steps=5)
    assert sorted(ids[:SHOTS]) == sorted(ids[SHOTS:]) == sorted(own.ids)
    assert ids[:SHOTS] != ids[SHOTS:]
    assert ids == seen_ids(own, batch_size=2, steps=5)


def test_a_batch_is_no_larger_than_the_support_set(experiment: Make) -> None:
    batches = list(support(experiment()).stream(64, 3))
    assert [len(set(batch.ids)) for batch in batches] == [SHOTS] * 3
    assert set(batches[0].targets) == {"depth"}


def test_batches_are_augmented_and_the_plain_ones_are_not(experiment: Make) -> None:
    own = experiment()
    plain = {id: image for batch in support(own).plain() for id, image in zip(batch.ids, batch.images, strict=True)}
    assert tuple(plain) == support(own).ids
    mirrored = 0
    for batch in support(own).stream(2, 10):
        for id, image in zip(batch.ids, batch.images, strict=True):
            mirrored += image.equal(plain[id].flip(-1))
            assert image.equal(plain[id]) or image.equal(plain[id].flip(-1))
    assert 0 < mirrored < 20
    assert all(image.equal(plain[id]) for b in support(own).plain() for id, image in zip(b.ids, b.images, strict=True))


@pytest.mark.parametrize(
    ("shots", "fraction", "held"), [(5, 0.0, 0), (5, 0.2, 1), (5, 0.5, 3), (2, 0.5, 1), (10, 0.1, 1), (1, 0.5, 0)]
)
def test_images_held_out_are_of_the_k_and_not_trained_on(
    experiment: Make, shots: int, fraction: float, held: int
) -> None:
    own = support(experiment(), shots, fraction)
    assert len(own.ids) == shots
    assert len(own.held_out) == held
    assert {*own.held_out, *own.trained_on} == set(own.ids)
    assert set(seen_ids(own)) == set(own.trained_on)
    assert not set(own.held_out) & set(own.trained_on)


def test_rounding_up_is_not_fooled_by_binary_fractions(experiment: Make) -> None:
    own = experiment("data.train=50")
    assert len(Support.of(own, own.ids("train"), ["depth"], 0, 0.14).held_out) == 7


def test_each_image_is_read_once(experiment: Make) -> None:
    own = experiment()
    data = Patchy(own.dataset)
    own.__dict__["dataset"] = data
    found = support(own)
    data.read.clear()
    seen_ids(found)
    found.plain()
    assert sorted(data.read) == sorted(found.ids)


def test_what_is_remembered_stays_as_it_was_read(experiment: Make) -> None:
    own = experiment("data.augment=[{ColorJitter: {p: 1.0}}, {HorizontalFlip: {p: 1.0}}, {CoarseDropout: {p: 1.0}}]")
    found = support(own)
    before = {id: own.dataset.load(id, ["depth"]) for id in found.ids}
    seen_ids(found)
    for id, sample in before.items():
        kept = found.dataset.load(id, ["depth"])
        assert np.array_equal(kept.image, sample.image)
        assert np.array_equal(kept.targets["depth"].value, sample.targets["depth"].value)
