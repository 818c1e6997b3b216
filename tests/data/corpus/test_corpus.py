"""Bad input by the hundred: each file is used correctly or refused by name and reason, never worse.

`build.py` makes the files, `run.py` reads them in a process of its own, first with the reader, then as training does;
here its results are held against what each case expects.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mstasks.data.batch import Batch
from mstasks.data.layout import Layout
from mstasks.data.loader import SampleError, _Batches, _Evaluation, _Failure, eval_batches, prepare_worker
from mstasks.data.pipeline import Pipeline
from mstasks_nyuv2.dataset import NYUv2
from mstasks_nyuv2.options import NYUv2Options
from mstasks_nyuv2.targets import targets

HERE = Path(__file__).parent
MEBIBYTES = 512

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes, sockets, memory limits and /proc of Linux")


@dataclass(frozen=True)
class Corpus:
    """The cases by name, what became of them, and everything that was printed."""

    root: Path
    cases: dict[str, dict[str, Any]]
    results: dict[str, dict[str, Any]]
    printed: str
    before: list[str]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("corpus") / "bad"
    subprocess.run([sys.executable, HERE / "build.py", root], check=True, capture_output=True)
    cases = json.loads((root / "cases.json").read_text())
    (root / "results.jsonl").touch()
    before = everything(root)
    results, printed = run(root, cases)
    return Corpus(root, {case["name"]: case for case in cases}, results, printed, before)


def everything(root: Path) -> list[str]:
    return sorted(str(path) for path in root.rglob("*"))


def run(
    root: Path, cases: list[dict[str, Any]], script: Path = HERE / "run.py"
) -> tuple[dict[str, dict[str, Any]], str]:
    """Run all cases; if a process dies, the case that it died of is known, and another one goes on with the next."""
    results: dict[str, dict[str, Any]] = {}
    printed, first = "", 0
    environment = os.environ | {"TMPDIR": str(root), "PYTHONWARNINGS": "default"}
    while first < len(cases):
        command = [sys.executable, script, root, str(first)]
        child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        printed += child.stdout.decode(errors="replace")
        lines = [json.loads(line) for line in (root / "results.jsonl").read_text().splitlines()]
        results |= {line["name"]: line for line in lines if "name" in line}
        if child.returncode == 0:
            break
        assert lines, f"no case began: {printed}"
        died = max(line["begins"] for line in lines if "begins" in line)
        assert died >= first, f"no case began: {printed}"
        how = "hung" if child.returncode == -signal.SIGALRM else f"died with {child.returncode}"
        results[cases[died]["name"]] = {"name": cases[died]["name"], "reader": how, "sample": how, "reader_text": ""}
        first = died + 1
    return results, printed


def test_the_corpus_is_large_and_all_of_it_was_read(
    corpus: Corpus, record_property: Callable[[str, object], None]
) -> None:
    skipped = {name: case["skipped"] for name, case in corpus.cases.items() if case["skipped"]}
    table = Counter(
        (corpus.cases[name]["part"], result.get("sample", result["reader"])) for name, result in corpus.results.items()
    )
    print(f"\n{len(corpus.results)} cases of bad input were read; skipped: {skipped or 'none'}")
    for part in sorted({part for part, _ in table}):
        counts = ", ".join(f"{table[part, outcome]} {outcome}" for outcome in ("used", "refused"))
        print(f"  {part:<14}{counts}")
    record_property("bad_input_cases", len(corpus.results))
    assert set(corpus.results) == set(corpus.cases) - set(skipped)
    assert len(corpus.results) >= 450
    assert set(skipped.values()) <= {"root may read everything"}
    assert {outcome for _, outcome in table} == {"used", "refused"}
    for part in ("image", "segmentation", "depth", "normals", "ids"):
        assert table[part, "used"] >= 5
        assert table[part, "refused"] >= 10


def test_a_crash_and_a_hang_are_known_by_their_cases(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import json, os, signal, sys, time\n"
        "with open(sys.argv[1] + '/results.jsonl', 'a', buffering=1) as results:\n"
        "    for number in range(int(sys.argv[2]), 4):\n"
        "        results.write(json.dumps({'begins': number}) + chr(10))\n"
        "        if number == 1: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "        if number == 2: signal.setitimer(signal.ITIMER_REAL, 0.1); time.sleep(60)\n"
        "        results.write(json.dumps({'name': str(number), 'reader': 'used'}) + chr(10))\n"
    )
    results, _ = run(tmp_path, [{"name": str(number)} for number in range(4)], script)
    assert {name: result["reader"] for name, result in results.items()} == {
        "0": "used",
        "1": "died with -11",
        "2": "hung",
        "3": "used",
    }


def problems(case: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    """How what happened differs from what may happen."""
    for way in ("reader", "sample") if case["sample"] else ("reader",):
        outcome, allowed = result[way], case[way]
        if outcome not in ("used", "refused") or (allowed != "either" and outcome != allowed):
            yield f"{way}: {outcome}, not {allowed}: {result.get(f'{way}_text')}"
        elif outcome == "used" and result[f"{way}_away"] > case["tolerance"]:
            yield f"{way}: {result[f'{way}_away']} away from the truth"
    if case["part"] == "image" and result.get("reduced") != result["reader"]:
        yield f"at reduced size: {result.get('reduced')}, not {result['reader']}"


def test_every_file_is_used_correctly_or_refused(corpus: Corpus) -> None:
    found = {name: list(problems(corpus.cases[name], result)) for name, result in corpus.results.items()}
    assert not {name: what for name, what in found.items() if what}


def test_the_comparison_would_see_wrong_pixels_and_wrong_outcomes(corpus: Corpus) -> None:
    case, result = corpus.cases["jpeg-orientation-6"], corpus.results["jpeg-orientation-6"]
    assert case["truth"]
    assert 0 < result["reader_away"] < case["tolerance"]
    scene = np.load(corpus.root / "truth" / "jpeg-orientation-6.npy").astype(float)
    for mirrored in (scene[::-1], scene[:, ::-1], scene[..., ::-1]):
        assert np.abs(scene - mirrored).mean() > 5 * case["tolerance"]
    assert list(problems(case, result | {"sample_away": 9.0}))
    assert list(problems(case, result | {"reader": "refused"}))
    assert list(problems(case, result | {"sample": "KeyError"}))


def test_every_refusal_names_the_file_and_a_reason(corpus: Corpus) -> None:
    for name, result in corpus.results.items():
        for way in ("reader", "sample"):
            if result.get(way) != "refused":
                continue
            text, file = result[f"{way}_text"], Path(corpus.cases[name]["path"]).name
            assert text.isprintable(), text
            pieces = re.findall(r"[\w.-]+", file, re.ASCII)
            assert all(piece in text for piece in pieces) or (way == "sample" and f"'{name}'" in text), text
            reason = text.replace(str(corpus.root), "").replace(name, "")
            assert len(re.findall(r"[a-z]{2,}", reason)) >= 3, text
            assert "Traceback" not in text
            assert len(text) < 900


def test_names_without_meaning_are_escaped(corpus: Corpus) -> None:
    text = corpus.results["name-0-bad"]["reader_text"]
    assert r"bad-bytes-\udcff\udcfe.x' cannot be read as a picture" in text
    assert r"bad-line\nbreak.x' cannot be read as a picture" in corpus.results["name-1-bad"]["reader_text"]
    assert r"bad-bell\x07\x1b[31m.x' cannot be read as" in corpus.results["name-2-bad"]["reader_text"]


def test_nothing_takes_long_or_much_memory(corpus: Corpus) -> None:
    slowest = max(corpus.results.values(), key=lambda result: float(result["seconds"]))
    largest = max(corpus.results.values(), key=lambda result: float(result["mebibytes"]))
    for what, unit in ((slowest, "seconds"), (largest, "mebibytes")):
        print(f"{what['name']}: {what[unit]:.2f} {unit}")
    assert largest["mebibytes"] < MEBIBYTES
    assert largest["mebibytes"] > 50, "no case took memory; the line above would check nothing"
    assert all(result["mebibytes"] < 100 for name, result in corpus.results.items() if result["reader"] == "refused")


def test_nothing_is_executed_written_or_printed(corpus: Corpus) -> None:
    assert everything(corpus.root) == corpus.before
    # Of damaged TIFFs and PNGs, libtiff and libpng print a line themselves.
    theirs = re.compile(r"\w*(TIFF|ZIP|LZW|Codec|tempfile)\w*[.:]|libpng error:|\[ WARN.* PNG input buffer")
    lines = [line for line in corpus.printed.splitlines() if not theirs.match(line)]
    assert lines == []


def test_the_pickled_objects_would_have_run(corpus: Corpus) -> None:
    sentinel = corpus.root / "sentinel"
    assert not sentinel.exists()
    np.load(corpus.root / "data" / "depth" / "depth-objects.npy", allow_pickle=True)
    assert sentinel.exists()
    sentinel.unlink()


@pytest.fixture
def _no_hanging() -> Iterator[None]:
    def stop(*_: object) -> None:
        for worker in multiprocessing.active_children():
            worker.kill()  # they ignore politer signals
        raise TimeoutError("a worker did not answer")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def broken(corpus: Corpus, part: str) -> list[str]:
    return [
        name
        for name, result in corpus.results.items()
        if corpus.cases[name]["part"] == part and result.get("sample") == "refused"
    ]


def opened(corpus: Corpus, target: str) -> tuple[NYUv2, Pipeline, dict[str, Any]]:
    options = NYUv2Options(root=corpus.root / "data", classes=40)
    infos = {target: targets(options)[target]}
    return NYUv2(options, (48, 64)), Pipeline((), infos, (48, 64)), infos


@pytest.mark.usefixtures("_no_hanging")
@pytest.mark.parametrize("part", ["image", "segmentation", "depth", "normals"])
def test_workers_survive_every_broken_sample(corpus: Corpus, part: str) -> None:
    dataset, pipeline, infos = opened(corpus, "segmentation" if part == "image" else part)
    bad = broken(corpus, part)
    ids = [id for name in bad for id in (name, "good")]
    batches = _Batches(dataset, _Evaluation(tuple(ids), 1), pipeline, Layout(infos, (48, 64)))
    loader = DataLoader(batches, batch_size=None, sampler=range(len(ids)), num_workers=2, worker_init_fn=prepare_worker)
    iterator = iter(loader)
    workers = [worker.pid for worker in iterator._workers]
    results = list(iterator)
    assert len(workers) == 2
    for id, result in zip(ids, results, strict=True):
        if id == "good":
            assert isinstance(result, Batch)
        else:
            assert isinstance(result, _Failure)
            assert id in result.reason


@pytest.mark.usefixtures("_no_hanging")
@pytest.mark.parametrize("part", ["image", "segmentation", "depth", "normals"])
def test_a_broken_sample_ends_the_batches_with_its_name(corpus: Corpus, part: str) -> None:
    dataset, pipeline, infos = opened(corpus, "segmentation" if part == "image" else part)
    bad = broken(corpus, part)
    for name in bad[:: len(bad) // 3]:
        start = time.perf_counter()
        batches = eval_batches(dataset, ["good", "good", name, "good"], pipeline, infos, 1, workers=2)
        assert [next(batches).ids, next(batches).ids] == [("good",), ("good",)]
        with pytest.raises(SampleError, match=re.escape(name)):
            next(batches)
        assert time.perf_counter() - start < 20
