"""A compact run: equal predictions and scores, its own costs, a folder that needs nothing else, and clear refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

import mstasks.compaction
from mstasks.compaction import Compaction, UnequalError, compact_run
from mstasks.equality import largest_difference
from mstasks.errors import UsageError
from mstasks.fit import fit, start_run
from mstasks.network import Network
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder
from mstasks.trained import open_trained

RECIPE = """
name: tiny
method: sparse
data: {dataset: scenes, size: [48, 64], train: 24, val: 4, test: 9, batch_size: 4}
backbone: {model: resnet10t}
decoder: {width: 16}
tasks: {segmentation: {}, depth: {}, attributes: {}}
sparsity: {strength: one-shot, target: {macs: 0.5}}
optim: {lr: 1.0e-3, steps: 4, ema: 0.5}
run: {evaluate_every: 4, pictures: 0}
"""
PAGE = (Path(__file__).parents[1] / "docs" / "run_folder.md").read_text(encoding="utf-8")


def train(folder: Path, overrides: Sequence[str] = ()) -> RunFolder:
    (folder / "tiny.yaml").write_text(RECIPE)
    loaded = load_recipe(folder / "tiny.yaml", overrides)
    run = start_run(loaded, folder / "runs")
    fit(loaded, run, Console(quiet=True))
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A trained sparse run that no test changes."""
    return train(tmp_path_factory.mktemp("sparse"))


@pytest.fixture(scope="module")
def plain(run: RunFolder) -> Compaction:
    return compact_run(run)


@pytest.fixture(scope="module")
def light(run: RunFolder) -> Compaction:
    """Rounded and folded."""
    return compact_run(run, multiple=8, folded=True)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_run_itself_stays_as_it_is_and_the_new_one_holds_what_is_needed(run: RunFolder) -> None:
    before = content(run.path)
    made = compact_run(run).run
    assert content(run.path) == before
    step = json.loads((made.checkpoints / "index.json").read_text())["best"]
    assert set(content(made.path)) == {
        *("recipe.yaml", "resolved.yaml", "environment.json", "constants.json", "splits.json", "structure.json"),
        *("summary.json", "checkpoints/index.json"),
        *(f"checkpoints/{step}/{name}" for name in ("model.safetensors", "state.json", "manifest.json")),
    }
    assert json.loads((made.checkpoints / step / "state.json").read_text())["step"] == 4


def images(batch: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(height))


def opened(run: RunFolder) -> Network:
    return open_trained(run)[1].eval()


@pytest.mark.parametrize("made", ["plain", "light"])
def test_predictions_of_any_size_and_batch_are_those_of_the_masked_network(
    run: RunFolder, made: str, request: pytest.FixtureRequest
) -> None:
    compaction: Compaction = request.getfixturevalue(made)
    batches = [images(1, 48, 64), images(8, 48, 64), images(1, 61, 93), images(2, 128, 96)]
    found = largest_difference(opened(run), opened(compaction.run), batches)
    assert set(found) == {"segmentation", "depth", "attributes"}
    assert max(found.values()) <= 1e-5
    assert compaction.summary["compact"]["difference"] <= 1e-5


@pytest.mark.parametrize("made", ["plain", "light"])
def test_scores_are_the_parents_to_four_digits(run: RunFolder, made: str, request: pytest.FixtureRequest) -> None:
    compaction: Compaction = request.getfixturevalue(made)
    assert compaction.changed == ()
    for task, scores in run.read_summary()["tasks"].items():
        own = compaction.run.read_summary()["tasks"][task]
        assert own["constant"] == scores["constant"]
        assert own["test"].keys() == scores["test"].keys()
        for metric, value in scores["test"].items():  # one pixel of a rare class is more than the fourth digit
            assert own["test"][metric] == pytest.approx(value, rel=1e-4, abs=1e-3 if "/" in metric else 5e-5)


@pytest.mark.parametrize("made", ["plain", "light"])
def test_costs_are_what_torch_counts_on_the_network_that_is_opened(
    run: RunFolder, made: str, request: pytest.FixtureRequest
) -> None:
    compaction: Compaction = request.getfixturevalue(made)
    summary, network = compaction.run.read_summary(), opened(compaction.run)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images(1, 48, 64))
    macs, parameters = counter.get_total_flops() // 2, sum(p.numel() for p in network.parameters())
    numbers, sparsity, parent = summary["compact"], summary["sparsity"], run.read_summary()
    assert (numbers["macs"]["compact"], numbers["parameters"]["compact"]) == (macs, parameters)
    assert sum(part["macs"] for part in summary["network"].values()) == macs == sparsity["network_macs_compact"]
    assert numbers["macs"]["dense"] == sum(part["macs"] for part in parent["network"].values())
    assert sparsity["macs_dense"] == parent["sparsity"]["macs_dense"]
    if made == "plain":
        assert sparsity == parent["sparsity"]
        assert sparsity["macs_compact"] / sparsity["macs_dense"] == pytest.approx(0.5, abs=0.02)
        assert numbers["bytes"]["compact"] < 0.7 * numbers["bytes"]["dense"]
    else:
        assert macs > parent["sparsity"]["network_macs_compact"]  # dead channels stay for the sake of the multiple


def test_a_folded_network_has_no_norms_and_says_so(light: Compaction) -> None:
    network, structure = opened(light.run), json.loads(light.run.structure.read_text())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert len(structure["folded"]) == light.summary["compact"]["folded"] > 20
    assert structure["multiple"] == 8


def test_a_fresh_process_scores_both_alike(plain: Compaction, light: Compaction) -> None:
    code = (
        "import json, sys; from pathlib import Path; from mstasks.runfolder import RunFolder, finite;"
        "from mstasks.trained import score_run;"
        "print(json.dumps([finite(score_run(RunFolder(Path(p)), 'test')) for p in sys.argv[1:]]))"
    )
    command = [sys.executable, "-c", code, str(plain.run.path), str(light.run.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [made.run.read_summary()["tasks"] for made in (plain, light)]


def test_the_weights_are_the_averaged_ones_that_were_scored(run: RunFolder, plain: Compaction) -> None:
    (file,) = plain.run.checkpoints.glob("*/model.safetensors")
    (average,) = run.checkpoints.glob("*/average.safetensors")
    kept, whole = load_file(file)["heads.depth.predict.bias"], load_file(average)["module.heads.depth.predict.bias"]
    assert torch.equal(kept, whole)


def test_the_parent_is_named_and_found(run: RunFolder, plain: Compaction, tmp_path: Path) -> None:
    assert (plain.run.path / plain.summary["parent"]).resolve() == run.path.resolve()
    elsewhere = compact_run(run, tmp_path / "out")
    assert elsewhere.run.path.resolve() == (tmp_path / "out" / "tiny" / "001").resolve()
    assert (elsewhere.run.path / elsewhere.summary["parent"]).resolve() == run.path.resolve()


def test_a_compact_run_is_not_compacted_again(plain: Compaction) -> None:
    with pytest.raises(UsageError, match=r"00\d: it is compact already, made from .*001. Compact that one"):
        compact_run(plain.run)


def test_a_multiple_that_leaves_nothing_to_remove_is_explained(run: RunFolder) -> None:
    with pytest.raises(UsageError, match=r"nothing to remove: no space .* lose 4096 .* Try without --multiple"):
        compact_run(run, multiple=4096)


def test_predictions_that_differ_are_refused_and_nothing_is_written(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(network: Network, *_: object) -> dict[str, torch.Tensor]:
        """Takes the first channels for dead."""
        from mstasks.sparsity.groups import find_spaces

        return {s.name: torch.arange(s.size) >= s.size // 2 for s in find_spaces(network, (48, 64)).spaces}

    monkeypatch.setattr(mstasks.compaction, "alive_channels", wrong)
    before = sorted(run.path.parent.iterdir())
    with pytest.raises(UnequalError, match=r"predictions of '\w+' with and without .* differ by .* also in float64"):
        compact_run(run)
    assert sorted(run.path.parent.iterdir()) == before


def test_more_rounding_than_the_tolerance_is_no_error(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mstasks.compaction, "TOLERANCE", 1e-9)
    assert compact_run(run).summary["compact"]["difference"] > 1e-9


def test_what_cannot_be_compacted_is_explained(tmp_path: Path) -> None:
    dense = ["method=multi-task", "sparsity=null", "optim.steps=1"]
    with pytest.raises(UsageError, match=r"nothing to remove: each of the \d+ channels .* is in use. Train with"):
        compact_run(train(tmp_path, dense))
    single = train(tmp_path, ["method=single-task", *dense[1:], "tasks.segmentation=null"])
    with pytest.raises(UsageError, match=r"a single-task run holds 2 networks. .* `mstasks compact .*attributes`"):
        compact_run(single)
    single.summary.unlink()
    (single.path / "tasks").rename(single.path / "gone")
    with pytest.raises(UsageError, match="the run is not complete"):
        compact_run(single)


def test_the_page_on_run_folders_names_every_file(run: RunFolder, light: Compaction) -> None:
    parts = {part for folder in (run.path, light.run.path) for path in content(folder) for part in Path(path).parts}
    parts = {"step-000400" if part.startswith("step-") else part for part in parts}
    assert len(parts) > 15
    assert [part for part in parts if part not in PAGE] == []
