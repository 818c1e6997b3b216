"""Collating samples into tensors."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from mstasks import RawTarget, Sample, TargetInfo, TargetKind
from mstasks.data.batch import Batch
from mstasks.data.collate import Collation, collate
from mstasks.data.layout import Layout

INFOS = {
    "parts": TargetInfo(TargetKind.LABEL_MAP, ("a", "b", "c")),
    "depth": TargetInfo(TargetKind.DEPTH_MAP),
    "normals": TargetInfo(TargetKind.VECTOR_MAP),
    "edges": TargetInfo(TargetKind.SCALAR_MAP),
    "facts": TargetInfo(TargetKind.ATTRIBUTES, ("x", "y")),
}
SHAPES = {"parts": (4, 6), "depth": (4, 6), "normals": (4, 6, 3), "edges": (4, 6), "facts": (2,)}
IN_BATCH = {
    "parts": ((3, 4, 6), (3, 4, 6)),
    "depth": ((3, 1, 4, 6), (3, 1, 4, 6)),
    "normals": ((3, 3, 4, 6), (3, 1, 4, 6)),
    "edges": ((3, 1, 4, 6), (3, 1, 4, 6)),
    "facts": ((3, 2), (3, 2)),
}


def sample(id: str, seed: int) -> Sample:
    generator = np.random.default_rng(seed)
    targets = {}
    for name, shape in SHAPES.items():
        whole = name == "parts"
        value = generator.integers(0, 3, shape).astype(np.uint8) if whole else generator.random(shape, np.float32)
        valid = generator.random(shape[:2]) < 0.5
        targets[name] = RawTarget(value, valid)
    return Sample(id, generator.integers(0, 256, (4, 6, 3), dtype=np.uint8), targets)


def batch() -> tuple[list[Sample], Batch]:
    samples = [sample(id, seed) for seed, id in enumerate("pqr")]
    return samples, collate(samples, INFOS)


def test_images_are_contiguous_planes_of_bytes() -> None:
    samples, collated = batch()
    assert collated.ids == ("p", "q", "r")
    assert len(collated) == 3
    assert collated.images.shape == (3, 3, 4, 6)
    assert collated.images.dtype == torch.uint8
    assert collated.images.is_contiguous()
    assert collated.images[1, 2, 3, 5] == int(samples[1].image[3, 5, 2])


@pytest.mark.parametrize("name", INFOS)
def test_each_kind_has_its_shape_and_type_and_is_zero_where_invalid(name: str) -> None:
    samples, collated = batch()
    target = collated.targets[name]
    assert (tuple(target.value.shape), tuple(target.valid.shape)) == IN_BATCH[name]
    assert target.value.dtype == (torch.int64 if name == "parts" else torch.float32)
    for index, each in enumerate(samples):
        raw = each.targets[name]
        assert np.array_equal(target.valid[index].numpy().reshape(raw.valid.shape), raw.valid)
        value = target.value[index].numpy()
        value = np.moveaxis(value, 0, -1) if name == "normals" else value.reshape(raw.value.shape)
        assert np.array_equal(value[raw.valid], raw.value[raw.valid])
        assert not value[~raw.valid].any()


def test_a_label_that_a_sample_lacks_is_nowhere_valid() -> None:
    samples, _ = batch()
    samples[1] = Sample("q", samples[1].image, {"depth": samples[1].targets["depth"]})
    collated = collate(samples, INFOS)
    for name, target in collated.targets.items():
        assert (tuple(target.value.shape), tuple(target.valid.shape)) == IN_BATCH[name]
        assert target.labelled().tolist() == [True, name == "depth", True]
        assert bool(torch.isfinite(target.value).all())


def test_a_batch_of_nothing_but_missing_labels_keeps_the_shapes() -> None:
    collated = collate([Sample(id, np.zeros((4, 6, 3), np.uint8), {}) for id in "pqr"], INFOS)
    shapes = {name: (tuple(t.value.shape), tuple(t.valid.shape)) for name, t in collated.targets.items()}
    assert shapes == IN_BATCH
    assert not any(bool(target.valid.any()) for target in collated.targets.values())


def test_what_is_not_valid_may_be_anything() -> None:
    void = np.zeros((4, 6), bool)
    targets = {
        "parts": RawTarget(np.full((4, 6), 255, np.uint8), void),
        "depth": RawTarget(np.full((4, 6), np.nan, np.float32), void),
    }
    collated = collate([Sample("p", np.zeros((4, 6, 3), np.uint8), targets)], INFOS)
    assert not collated.targets["parts"].value.any()
    assert not collated.targets["depth"].value.any()


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("parts", 3, r"A valid label of 'parts' must be a class index from 0 to 2. Found 3 in 'q'"),
        ("parts", -1, r"must be a class index from 0 to 2. Found -1 in 'q'"),
        ("depth", np.nan, r"A valid label of 'depth' must be finite. Found nan in 'q'"),
        ("normals", -np.inf, r"A valid label of 'normals' must be finite. Found -inf in 'q'"),
        ("facts", np.inf, r"A valid label of 'facts' must be finite. Found inf in 'q'"),
    ],
)
def test_a_label_out_of_range_names_the_sample(name: str, wrong: float, message: str) -> None:
    samples, _ = batch()
    raw = samples[1].targets[name]
    value = raw.value.astype(np.int64 if name == "parts" else np.float32)
    value.reshape(-1)[3 if name != "facts" else 1] = wrong
    samples[1].targets[name] = RawTarget(value, np.ones_like(raw.valid))  # type: ignore[index]
    with pytest.raises(ValueError, match=message):
        collate(samples, INFOS)


@pytest.mark.parametrize(("parts", "sizes"), [(1, [3]), (2, [1, 2]), (3, [1, 1, 1])])
def test_micro_batches_are_the_batch_in_order(parts: int, sizes: list[int]) -> None:
    _, whole = batch()
    pieces = whole.split(parts)
    assert [len(piece) for piece in pieces] == sizes
    assert sum((piece.ids for piece in pieces), ()) == whole.ids
    assert torch.equal(torch.cat([piece.images for piece in pieces]), whole.images)
    for name, target in whole.targets.items():
        assert torch.equal(torch.cat([piece.targets[name].value for piece in pieces]), target.value)
        assert torch.equal(torch.cat([piece.targets[name].valid for piece in pieces]), target.valid)


@pytest.mark.parametrize("parts", [0, 4])
def test_more_parts_than_samples_are_refused(parts: int) -> None:
    with pytest.raises(ValueError, match=f"A batch of 3 cannot be split into {parts} parts"):
        batch()[1].split(parts)


def test_a_batch_moves_and_pickles_whole() -> None:
    _, whole = batch()
    for copy in (whole.to("cpu"), pickle.loads(pickle.dumps(whole))):
        assert copy.ids == whole.ids
        assert torch.equal(copy.images, whole.images)
        assert all(torch.equal(copy.targets[name].value, target.value) for name, target in whole.targets.items())
    away = whole.to("meta")
    assert {away.images.device.type, *(t.valid.device.type for t in away.targets.values())} == {"meta"}


def numbered(first: int, count: int) -> Batch:
    return collate([sample(str(number), number) for number in range(first, first + count)], INFOS)


def assert_same(batch: Batch, other: Batch) -> None:
    assert batch.ids == other.ids
    assert torch.equal(batch.images, other.images)
    for name, target in other.targets.items():
        assert torch.equal(batch.targets[name].value, target.value)
        assert torch.equal(batch.targets[name].valid, target.valid)


def test_interleaved_batches_take_turns() -> None:
    expected = collate([sample(str(number), number) for number in (0, 10, 1, 11, 2, 12)], INFOS)
    assert_same(Batch.interleave(numbered(0, 3), numbered(10, 3)), expected)


def test_batches_of_different_length_are_not_interleaved() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Batch.interleave(numbered(0, 3), numbered(10, 2))


def test_samples_are_taken_by_position() -> None:
    expected = collate([sample(str(number), number) for number in (4, 1, 4)], INFOS)
    assert_same(numbered(0, 5).take([4, 1, 4]), expected)


def test_tensors_in_given_memory_are_the_same_and_lie_there_whatever_was_there_before() -> None:
    samples, own = batch()
    samples[1] = Sample("q", samples[1].image, {"depth": samples[1].targets["depth"]})
    expected = collate(samples, INFOS)
    layout = Layout(INFOS, (4, 6))
    memory = torch.full((layout.bytes(5),), 255, dtype=torch.uint8)
    collation = Collation(layout, 3, memory)
    for each in samples:
        collation.add(each)
    for one in (collation.batch(), Batch.of(("p", "q", "r"), *layout.tensors(memory, 3))):
        assert one.ids == expected.ids
        assert torch.equal(one.images, expected.images)
        for name, target in one.targets.items():
            assert torch.equal(target.value, expected.targets[name].value)
            assert torch.equal(target.valid, expected.targets[name].valid)
    tensors = [own.images, *(t for target in own.targets.values() for t in (target.value, target.valid))]
    assert all(tensor.is_contiguous() and tensor.data_ptr() % 64 == 0 for tensor in tensors)


def test_a_sample_of_another_size_is_refused() -> None:
    samples, _ = batch()
    samples[2] = Sample("r", np.zeros((4, 7, 3), np.uint8), {})
    with pytest.raises(ValueError, match=r"Samples of a batch must have one size. Found \(4, 7, 3\) and \(4, 6\)"):
        collate(samples, INFOS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("large", [1e30, -3e38])
def test_a_large_finite_label_is_no_error(large: float) -> None:
    samples, _ = batch()
    samples[1].targets["depth"].value[...] = large
    assert bool(torch.isfinite(collate(samples, INFOS).targets["depth"].value).all())


def test_who_changes_a_label_in_place_does_not_spoil_the_gradient_of_another_task() -> None:
    _, collated = batch()
    weight = torch.ones(3, 1, 4, 6, requires_grad=True)
    loss = (weight * collated.targets["depth"].value).sum()
    collated.targets["edges"].value.clamp_(max=0.5)
    loss.backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, collated.targets["depth"].value)
