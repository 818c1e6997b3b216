"""Images/s of a training epoch: decode-once cache and cold path against PIL with torchvision.transforms.v2.

    python tests/benchmarks/data_loading.py [--images 96] [--rounds 5] [--shape faces|rooms]

`faces` are 1024x1024 JPEGs with twelve 512x512 part masks each, in the layout of CelebAMask-HQ; `rooms` are 640x480 JPEGs
with classes, depth and normals in the layout of NYUD_MT. Both are made here. Every arm mirrors half of the images at random,
brings images and labels to 256x256 and delivers batches of 16. The arms run in turns, with 0, 1 and 2 loader processes, one
thread each, but for mstasks decoding where a processor is to spare; a figure is the median over the turns of the ratio
of neighbours. What is decoded is compared before anything is timed: the files at full size between the two loaders, and
samples from the cache and without it bit by bit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from mstasks.experiment import Experiment
from mstasks.recipe import load_recipe
from mstasks_celebamask_hq.names import PARTS as ALL_PARTS

SIZE, BATCH = 256, 16
PARTS = ["skin", "nose", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip", "hair", "neck", "cloth"]
"""In the order in which they are painted."""
RECIPE = """
name: bench
device: cpu
data:
  size: [256, 256]
  batch_size: 16
  workers: {workers}
  cache: {cache}
  augment: [{{HorizontalFlip: {{p: 0.5}}}}]
  {dataset}
backbone: {{model: mobilenetv3_small_050}}
tasks: {{{tasks}}}
optim: {{steps: 100000, warmup: 0.0}}
"""


@dataclass(frozen=True)
class Shape:
    """One of the two kinds of data: how it is made, declared and read by hand."""

    dataset: str
    tasks: str
    make: Callable[[Path, int], None]
    by_hand: Callable[[Path, str], dict[str, torch.Tensor]]


def texture(generator: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Smooth colours with some grain, so that a JPEG of it costs what a photograph costs."""
    coarse = generator.integers(0, 256, (height // 32, width // 32, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return (smooth + generator.integers(-12, 13, smooth.shape)).clip(0, 255).astype(np.uint8)


def make_faces(root: Path, count: int) -> None:
    generator = np.random.default_rng(0)
    images, masks = root / "CelebA-HQ-img", root / "CelebAMask-HQ-mask-anno" / "0"
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    for index in range(count):
        Image.fromarray(texture(generator, 1024, 1024)).save(images / f"{index}.jpg", quality=92)
        for part in PARTS:
            mask = Image.new("L", (512, 512))
            left, top = generator.integers(40, 300, 2).tolist()
            ImageDraw.Draw(mask).ellipse((left, top, left + 150, top + 120), fill=255)
            mask.convert("RGB").save(masks / f"{index:05d}_{part}.png")


def face_by_hand(root: Path, id: str) -> dict[str, torch.Tensor]:
    image = functional.pil_to_tensor(Image.open(root / "CelebA-HQ-img" / f"{id}.jpg").convert("RGB"))
    label = np.zeros((512, 512), np.uint8)
    for part in PARTS:
        path = root / "CelebAMask-HQ-mask-anno" / "0" / f"{int(id):05d}_{part}.png"
        if path.exists():
            label[np.asarray(Image.open(path).convert("L")) > 127] = CLASSES.index(part)
    return {"image": image, "segmentation": torch.from_numpy(label)[None]}


CLASSES = ("background", *ALL_PARTS)


def make_rooms(root: Path, count: int) -> None:
    generator = np.random.default_rng(0)
    for folder in ("images", "segmentation", "depth", "normals", "gt_sets"):
        (root / folder).mkdir(parents=True)
    ids = [f"{index:04d}" for index in range(count)]
    (root / "gt_sets" / "train.txt").write_text("\n".join(ids[:-2]) + "\n")
    (root / "gt_sets" / "val.txt").write_text("\n".join(ids[-2:]) + "\n")
    for id in ids:
        Image.fromarray(texture(generator, 480, 640)).save(root / "images" / f"{id}.jpg", quality=92)
        blocks = cv2.resize(
            generator.integers(1, 41, (24, 32), dtype=np.uint8), (640, 480), interpolation=cv2.INTER_NEAREST
        )
        Image.fromarray(blocks).save(root / "segmentation" / f"{id}.png")
        np.save(root / "depth" / f"{id}.npy", (blocks / 5 + 0.5).astype(np.float32))
        normals = generator.normal(size=(480, 640, 3)) - [0, 0, 4]
        np.save(
            root / "normals" / f"{id}.npy",
            (normals / np.linalg.norm(normals, axis=-1, keepdims=True)).astype(np.float32),
        )


def room_by_hand(root: Path, id: str) -> dict[str, torch.Tensor]:
    return {
        "image": functional.pil_to_tensor(Image.open(root / "images" / f"{id}.jpg").convert("RGB")),
        "segmentation": torch.from_numpy(np.array(Image.open(root / "segmentation" / f"{id}.png")))[None] - 1,
        "depth": torch.from_numpy(np.load(root / "depth" / f"{id}.npy"))[None],
        "normals": torch.from_numpy(np.load(root / "normals" / f"{id}.npy")).permute(2, 0, 1),
    }


SHAPES = {
    "faces": Shape("dataset: celebamask_hq", "segmentation: {}", make_faces, face_by_hand),
    "rooms": Shape("dataset: nyuv2", "segmentation: {}, depth: {}, normals: {}", make_rooms, room_by_hand),
}


class ByHand(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """What one writes with PIL and torchvision: decode, mirror, resize."""

    def __init__(self, shape: Shape, root: Path, ids: list[str]) -> None:
        self.shape, self.root, self.ids = shape, root, ids
        self.resize = v2.Resize((SIZE, SIZE), antialias=True)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        read = self.shape.by_hand(self.root, self.ids[index])
        sample: dict[str, Any] = {
            name: tv_tensors.Image(value) if name == "image" else tv_tensors.Mask(value) for name, value in read.items()
        }
        mirrored = bool(torch.rand(()) < 0.5)
        if mirrored:
            sample = {name: functional.horizontal_flip(value) for name, value in sample.items()}
            if "normals" in sample:
                sample["normals"][0].neg_()
        sample = self.resize(sample)
        sample["segmentation"] = sample["segmentation"][0].long()
        return sample


def endless(shape: Shape, root: Path, ids: list[str], workers: int) -> Iterator[Any]:
    loader = DataLoader(
        ByHand(shape, root, ids),
        BATCH,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=workers > 0,
        worker_init_fn=lambda _: torch.set_num_threads(1),
    )
    while True:
        yield from loader


def experiment(shape: Shape, folder: Path, workers: int, cache: str) -> Experiment:
    recipe = folder / f"{cache}{workers}.yaml"
    lines = f"{shape.dataset}\n  root: {folder / 'data'}"
    recipe.write_text(RECIPE.format(workers=workers, cache=cache, dataset=lines, tasks=shape.tasks))
    return Experiment(load_recipe(str(recipe), [], []))


def check_equal(shape: Shape, folder: Path, ids: list[str]) -> None:
    """Both loaders decode the same, and the cache changes nothing."""
    plain, cached = (experiment(shape, folder, 0, cache) for cache in ("off", "read"))
    whole = plain.uncached
    whole.at_least = None  # type: ignore[attr-defined] - full size, as by hand
    for id in ids[:8]:
        ours, theirs = whole.load(id, tuple(plain.infos)), shape.by_hand(folder / "data", id)
        np.testing.assert_array_equal(ours.image, theirs["image"].permute(1, 2, 0).numpy())
        for name, target in ours.targets.items():
            value = np.moveaxis(target.value, -1, 0) if target.value.ndim == 3 else target.value[None]
            np.testing.assert_allclose(value, theirs[name].numpy(), atol=1e-6)
            assert target.valid.all()
    uncached = experiment(shape, folder, 0, "off")
    for one, other in zip(uncached.batches("train", ids), cached.batches("train", ids), strict=True):
        assert torch.equal(one.images, other.images)
        for name, target in one.targets.items():
            assert torch.equal(target.value, other.targets[name].value)
            assert torch.equal(target.valid, other.targets[name].valid)


def rate(batches: Iterator[Any], count: int, rest: float) -> float:
    """Images a second over so many batches, after a short warm-up that also empties what was loaded ahead.

    Before that come some seconds of rest, in which the loader processes of the other arms finish what they load ahead.
    """
    time.sleep(rest)
    for _ in range(5):
        next(batches)
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return count * BATCH / (time.perf_counter() - start)


def worker_memory() -> float:
    """MiB of anonymous memory of the loader processes of this one."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            facts = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue  # it has just ended
        if int(facts["PPid"]) == os.getpid():
            total += int(facts.get("RssAnon", "0 kB").split()[0])
    return total / 1024


def memory_by_epoch(shape: Shape, folder: Path, epochs: int) -> list[float]:
    warm = experiment(shape, folder, 1, "read")
    batches = warm.train_batches(0)
    steps = -(-len(warm.ids("train")) // BATCH)
    found = []
    for _ in range(epochs):
        for _ in range(steps):
            next(batches)
        found.append(worker_memory())
    return found


def bench(name: str, images: int, rounds: int) -> None:
    shape = SHAPES[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["MSTASKS_CACHE"] = str(folder / "cache")
        (folder / "data").mkdir()
        shape.make(folder / "data", images)
        filling = experiment(shape, folder, 0, "fill")
        ids = list(filling.ids("train"))
        for _ in filling.batches("train", ids):
            pass
        check_equal(shape, folder, ids)
        print(f"{name}: {len(ids)} train images, samples equal")
        for workers in (0, 1, 2):
            arms = {
                "by hand": endless(shape, folder / "data", ids, workers),
                "cold": experiment(shape, folder, workers, "off").train_batches(0),
                "warm": experiment(shape, folder, workers, "read").train_batches(0),
            }
            counts = {"by hand": 6, "cold": 8, "warm": 40}
            rest = 2.0 if workers else 0.0
            turns = [{arm: rate(batches, counts[arm], rest) for arm, batches in arms.items()} for _ in range(rounds)]
            medians = {arm: statistics.median(turn[arm] for turn in turns) for arm in arms}
            ratios = {arm: statistics.median(turn[arm] / turn["by hand"] for turn in turns) for arm in ("cold", "warm")}
            shown = "  ".join(f"{arm} {value:.0f}/s" for arm, value in medians.items())
            print(f"  {workers} workers: {shown}  cold {ratios['cold']:.2f} x  warm {ratios['warm']:.1f} x", flush=True)
            del arms
        memory = "  ".join(f"{value:.0f}" for value in memory_by_epoch(shape, folder, 3))
        print(f"  anonymous memory of a worker after 1, 2, 3 warm epochs: {memory} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shape", choices=tuple(SHAPES))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    for name in [arguments.shape] if arguments.shape else SHAPES:
        bench(name, arguments.images, arguments.rounds)


if __name__ == "__main__":
    main()
