from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from mstasks.bench import compare, exported
from mstasks.bench.arms import Arm
from mstasks.bench.backends import Backend
from mstasks.bench.compare import bench_run
from mstasks.bench.exported import exported_arms
from mstasks.bench.files import write_bench
from mstasks.bench.networks import RunNetworks, open_networks
from mstasks.bench.result import BenchResult
from mstasks.cli import main
from mstasks.compaction import compact_run
from mstasks.errors import UsageError
from mstasks.exporter import ExportError
from mstasks.macs import network_cost, total_cost
from mstasks.runfolder import RunFolder
from mstasks.traced import DecodedNetwork
from mstasks.trained import open_trained

SIZE = (48, 64)
Capture = pytest.CaptureFixture[str]


def quick(run: RunFolder, *backends: str, batches: tuple[int, ...] = (1,)) -> BenchResult:
    return bench_run(run, batches, seconds=0, backends=backends or ("channels_last",), rounds=2)


def test_the_networks_of_a_sparse_run(sparse_run: RunFolder) -> None:
    found = open_networks(sparse_run)
    assert list(found.networks) == ["dense", "masked", "compact"]
    assert found.left_out == ()
    macs = {name: total_cost(network_cost(network, SIZE)).macs for name, network in found.networks.items()}
    assert macs["dense"] == macs["masked"] > macs["compact"]
    own = open_trained(sparse_run)[1].state_dict()
    assert all(torch.equal(value, own[key]) for key, value in found.networks["masked"].state_dict().items())


@pytest.fixture(scope="module")
def result(sparse_run: RunFolder) -> BenchResult:
    return quick(sparse_run, "folded", "channels_last", batches=(1, 3))


def test_every_network_is_measured_on_every_backend(result: BenchResult) -> None:
    expected = [(n, b) for n in ("dense", "masked", "compact") for b in ("channels_last", "folded")]
    for batch in (1, 3):
        arms = [arm for arm in result.arms if arm.batch == batch]
        assert [(arm.network, arm.backend) for arm in arms] == expected
        assert arms[0].speedup == 1
        assert all(len(arm.times.seconds) == 2 for arm in arms)
        assert all(arm.difference < 1e-4 for arm in arms)
    dense, masked, compact = result.networks
    assert dense.parameters == masked.parameters > compact.parameters  # type: ignore[operator]
    assert dense.bytes == masked.bytes > compact.bytes
    assert dense.peak_memory is not None
    assert set(dense.peak_memory) == {1, 3}


def test_what_takes_minutes_to_start_is_left_out_unless_asked_for(
    result: BenchResult, sparse_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "compiled: takes up to minutes to start; `--backend compiled` asks for it." in result.left_out
    asked: list[str] = []

    def none_can_run(networks: object, chosen: list[Backend], images: object) -> tuple[list[Arm], list[str]]:
        asked.extend(backend.name for backend in chosen)
        return [], ["dense, eager: no luck"]

    monkeypatch.setattr(compare, "prepare_arms", none_can_run)
    with pytest.raises(UsageError, match=r"nothing to measure\. dense, eager: no luck\."):
        bench_run(sparse_run, rounds=2)
    assert asked == ["channels_last", "eager", "folded", "bfloat16"]


def test_the_weights_file_is_as_large_as_safetensors_makes_it(result: BenchResult, sparse_run: RunFolder) -> None:
    [saved] = (sparse_run.checkpoints / "step-000002").glob("model.safetensors")
    assert result.networks[1].bytes == saved.stat().st_size


def test_exported_files_are_read_by_the_exporter_of_their_suffix(
    sparse_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, network = open_trained(sparse_run)
    images = torch.rand(2, 3, *SIZE)
    registry = experiment.loaded.registry
    run = RunFolder(tmp_path)
    assert exported_arms(run, registry, images).left_out == (
        f"exported: no file yet; `mstasks export {tmp_path} --format onnx|torch` writes one.",
    )

    class Whole:
        suffix = ".pt2"

        def load(self, file: Path) -> DecodedNetwork:
            if file.stem == "broken":
                raise ValueError("cut short\nat byte 7")
            return DecodedNetwork(network, experiment.tasks).eval()

    def build(registry: object, name: str) -> Whole:
        if name != "torch":
            raise ExportError("no such library here.")
        return Whole()

    monkeypatch.setattr(exported, "build_exporter", build)
    (tmp_path / "export").mkdir()
    for name in ("tiny.pt2", "broken.pt2", "tiny.onnx", ".export-left"):
        (tmp_path / "export" / name).write_text("")
    found = exported_arms(run, registry, images)
    assert [(path.name, arm.network, arm.backend) for path, arm in found.arms.items()] == [
        ("tiny.pt2", "exported", "torch")
    ]
    assert found.left_out[0] == "exported: broken.pt2 cannot run here: cut short"
    assert found.left_out[1].startswith("exported: no exporter reads tiny.onnx here. no such library here.")
    networks = RunNetworks(experiment, {"dense": network}, "dense", ())
    [measured] = compare._measured(list(found.arms.values()), compare._references(networks), images, 0, 2)
    assert measured.difference < 1e-6


def test_a_compact_run_is_compared_with_the_dense_network_of_its_recipe(
    result: BenchResult, sparse_run: RunFolder
) -> None:
    own = quick(compact_run(sparse_run).run)
    assert [arm.network for arm in own.arms] == ["dense", "compact"]
    assert [facts.macs for facts in own.networks] == [result.networks[0].macs, result.networks[2].macs]
    [about] = [sentence for sentence in own.left_out if sentence.startswith("masked")]
    assert about == f"masked: a compact run has no zero channels left; `mstasks bench {sparse_run.path}` has them."


def test_a_run_without_zero_channels_has_one_network(train: Callable[..., RunFolder]) -> None:
    result = quick(train("method=multi-task", "sparsity=null"))
    assert [arm.network for arm in result.arms] == ["dense"]
    assert (
        "masked, compact: the run has no channel that can be removed; its network is the dense one." in result.left_out
    )


def test_a_single_task_run_asks_for_one_of_its_runs(train: Callable[..., RunFolder]) -> None:
    run = train("method=single-task", "sparsity=null", "optim.steps=1")
    with pytest.raises(
        UsageError, match=r"a single-task run holds 2 networks\. Bench one .* `mstasks bench .*tasks/attributes`\.$"
    ):
        quick(run)


def test_an_unknown_backend_is_refused(sparse_run: RunFolder) -> None:
    with pytest.raises(UsageError, match=r"unknown backend 'tensorrt'; backends: channels_last, eager, folded"):
        quick(sparse_run, "tensorrt")


def test_files_are_numbered_and_hold_what_was_measured(result: BenchResult, sparse_run: RunFolder) -> None:
    first, second = write_bench(result, sparse_run), write_bench(result, sparse_run)
    assert len({*first, *second}) == 4
    content = json.loads(first[0].read_text())
    assert content["size"] == [48, 64]
    assert set(content["networks"]) == {"dense", "masked", "compact"}
    assert content["machine"]["threads"] == torch.get_num_threads()
    seconds = content["arms"][1]["seconds"]
    assert seconds["first_quartile"] <= seconds["median"] <= seconds["third_quartile"]
    picture = Image.open(second[1])
    assert picture.width > 400
    assert len(picture.convert("RGB").getcolors(10**6)) > 20


def test_the_command_prints_tables(run_path: Path, capsys: Capture) -> None:
    arguments = [
        "bench",
        str(run_path),
        "--seconds",
        "0",
        "--batch",
        "1",
        "--backend",
        "channels_last",
        "--threads",
        "1",
    ]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("48 x 64 images, cpu, 1 thread, torch ")
    assert "batch 1" in shown
    assert "batch 8" not in shown
    assert [line.split()[:2] for line in shown.splitlines() if "channels_last" in line] == [
        ["dense", "channels_last"], ["masked", "channels_last"], ["compact", "channels_last"],
    ]  # fmt: skip


def test_the_command_prints_json(
    run_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, result: BenchResult
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(compare, "bench_run", lambda *given: asked.append(given[1:]) or result)
    assert main(["bench", str(run_path), "--batch", "8", "--batch", "8", "--threads", "2", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["arms"]) == len(result.arms)
    assert asked == [([8], 5.0, 2, ())]


def test_a_folder_that_is_no_run_is_a_usage_error(tmp_path: Path, capsys: Capture) -> None:
    assert main(["bench", str(tmp_path)]) == 2
    assert "not a run folder" in capsys.readouterr().err
