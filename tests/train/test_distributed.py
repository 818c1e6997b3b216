from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mstasks.data.loader import train_batches
from mstasks.distributed import any_rank, rank, sum_over_ranks, world

RANKS = """
import sys
import torch
from torch import distributed as dist

from mstasks.distributed import any_rank, path_of_first, process_group, rank, sum_over_ranks
from pathlib import Path

with process_group():
    me = rank()
    tensors = [torch.full((2, 3), float(me + 1)).t(), torch.tensor(me + 1), torch.tensor(10.0 * (me + 1))]
    sum_over_ranks(tensors)
    assert [t.unique().item() for t in tensors] == [3.0, 3, 30.0], tensors
    assert tensors[1].dtype == torch.int64
    assert any_rank(me == 1, torch.device("cpu")) and not any_rank(False, torch.device("cpu"))
    assert path_of_first(Path("chosen") if me == 0 else None) == Path("chosen")
"""

RECIPE = """
name: two-ranks
data: {dataset: scenes, size: [48, 48], train: 12, val: 4, test: 4, batch_size: 4, augment: [{HorizontalFlip: {p: 0.5}}]}
backbone: {model: convnext_atto}
decoder: {width: 8}
tasks: {attributes: {}}
optim: {steps: 4, lr: 1.0e-3, accumulate: 1}
loss_weighting: uncertainty
run: {pictures: 0}
"""


def torchrun(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command]
    return subprocess.run(launch, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    (path,) = folder.glob("checkpoints/step-000004/model.safetensors")
    return load_file(path)


def test_ranks_exchange_sums_flags_and_paths(tmp_path: Path) -> None:
    (tmp_path / "ranks.py").write_text(RANKS)
    done = torchrun(tmp_path, "ranks.py")
    assert done.returncode == 0, done.stderr


def test_two_ranks_train_what_one_trains(tmp_path: Path) -> None:
    # ConvNeXt has no batch statistics, so nothing depends on how a batch is dealt.
    (tmp_path / "r.yaml").write_text(RECIPE)
    two = torchrun(tmp_path, "-m", "mstasks", "fit", "r.yaml", "--out", "two")
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("run: ") == 1, "only rank 0 speaks"
    single = [sys.executable, "-m", "mstasks", "fit", "r.yaml", "--out", "one"]
    one = subprocess.run(single, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert one.returncode == 0, one.stderr
    assert [path.name for path in (tmp_path / "two/two-ranks").iterdir()] == ["001"]
    ours, theirs = weights(tmp_path / "two/two-ranks/001"), weights(tmp_path / "one/two-ranks/001")
    assert len(ours) == len(theirs) > 0
    for name, value in ours.items():
        # AdamW turns rounding in a near-zero gradient into a step of the learning rate, hence the absolute tolerance.
        torch.testing.assert_close(
            value, theirs[name], rtol=1e-3, atol=2e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_a_batch_that_ranks_cannot_share_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    done = torchrun(tmp_path, "-m", "mstasks", "fit", "r.yaml", "data.batch_size=5")
    assert done.returncode != 0
    assert (
        "data.batch_size is 5, which 2 processes x 1 micro-batches cannot share evenly. Choose a multiple of 2."
        in done.stderr
    )


def test_the_parts_of_a_batch_are_the_batch() -> None:
    import numpy as np

    from mstasks import RawTarget, Sample, TargetInfo, TargetKind
    from mstasks.data.pipeline import Pipeline

    class Numbers:
        def ids(self, split: str) -> list[str]:
            return [str(index) for index in range(7)]

        def load(self, id: str, targets: object) -> Sample:
            value = np.full((32, 32), int(id) / 10, np.float32)
            return Sample(id, np.zeros((32, 32, 3), np.uint8), {"x": RawTarget(value, np.ones((32, 32), bool))})

    infos = {"x": TargetInfo(TargetKind.SCALAR_MAP)}
    pipeline = Pipeline([{"HorizontalFlip": {}}], infos, (32, 32))

    def ids(**part: int) -> list[tuple[str, ...]]:
        numbers = Numbers()
        batches = train_batches(numbers, numbers.ids("train"), pipeline, infos, 6, seed=3, start=0, steps=4, **part)
        return [batch.ids for batch in batches]

    whole, parts = ids(), [ids(rank=r, world=3) for r in range(3)]
    assert [sum(cut, ()) for cut in zip(*parts, strict=True)] == whole
    with pytest.raises(ValueError, match="A batch of 6 cannot be dealt evenly over 4 processes"):
        ids(rank=0, world=4)


def test_a_single_process_exchanges_nothing() -> None:
    tensor = torch.ones(2)
    sum_over_ranks([tensor])
    assert tensor.tolist() == [1.0, 1.0]
    assert (rank(), world()) == (0, 1)
    assert any_rank(True, tensor.device)
    assert not any_rank(False, tensor.device)
