from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mstasks.errors import MstasksError
from mstasks.report.latency import latency, newest_bench
from mstasks.report.source import Source
from mstasks.runfolder import RunFolder

Read = Callable[[str], Any]


def arm(network: str, batch: int, milliseconds: float, speedup: float) -> dict[str, Any]:
    seconds = {"median": milliseconds / 1e3, "first_quartile": milliseconds / 2e3, "third_quartile": milliseconds / 5e2}
    return {
        "network": network, "backend": "eager", "batch": batch, "rounds": 5, "seconds": seconds, "speedup": speedup,
        "difference": 1e-6,
    }  # fmt: skip


def document(compact: float = 2.0) -> dict[str, Any]:
    dense = {"macs": 5_000_000, "parameters": 1000, "bytes": 4_000_000, "peak_memory": {"1": 2_000_000, "8": 16e6}}
    file = {"macs": None, "parameters": None, "bytes": 1_000_000, "peak_memory": None}
    return {
        "size": [96, 128],
        "machine": {"device": "cpu", "processor": "a processor", "threads": 1, "torch": "2.15"},
        "networks": {"dense": dense, "model.onnx": file},
        "arms": [arm("dense", 1, 4, 1), arm("compact", 1, compact, 4 / compact), arm("dense", 8, 30, 1)],
        "left_out": ["compiled: there is no compiler."],
    }


def made(folder: Path, **files: Any) -> Source:
    folder.mkdir(exist_ok=True)
    (folder / "resolved.yaml").write_text("name: rooms\n")
    for name, content in files.items():
        (folder / f"{name.replace('_', '-')}.json").write_text(json.dumps(content))
    return Source.read(RunFolder(folder))


def test_all_numbers_of_the_file_are_shown(tmp_path: Path, read: Read) -> None:
    shown = read("".join(latency(made(tmp_path, bench=document())).parts))
    for told in (
        "Time of one image,",
        "compact, eager 2 ms, 2.00×",
        "Time of 8 images at once,",
        "96×128 images, cpu, a processor, 1 thread, torch 2.15.",
        "dense eager 1 4 ms 2 to 8 ms 1.00× 1e-06",
        "dense 5 M 1 k 4.00 MB 2.00 MB 16.00 MB",
        "model.onnx – – 1.00 MB – –",
        "Left out: compiled: there is no compiler.",
    ):
        assert told in shown.text, told
    lengths = [each["style"] for each in shown.all("i") if "width" in (each.get("style") or "")]
    assert lengths == ["width:100%", "width:50%", "width:100%"], "to the longest of its batch size"


def test_the_newest_file_counts_by_its_number(tmp_path: Path, read: Read) -> None:
    source = made(tmp_path, bench=document(), bench_2=document(), bench_10=document(0.5), bench_old=document())
    assert newest_bench(source.run) == tmp_path / "bench-10.json"
    assert "compact, eager 0.5 ms, 8.00×" in read("".join(latency(source).parts)).text


def test_networks_of_a_single_task_run_stand_under_their_names(tmp_path: Path, read: Read) -> None:
    (tmp_path / "tasks").mkdir()
    made(tmp_path / "tasks" / "depth", bench=document())
    made(tmp_path / "tasks" / "edges")
    assert read("".join(latency(made(tmp_path)).parts)).text.startswith("depth Time of one image")


def test_a_run_that_was_not_timed_has_no_such_section(tmp_path: Path) -> None:
    assert latency(made(tmp_path)).parts == []


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MstasksError, match=r"bench\.json: damaged: KeyError\('arms'\)\. Delete it, or run"):
        latency(made(tmp_path, bench={}))
