"""`mstasks adapt` end to end on tiny runs: what is kept, what is compared, what is left as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mstasks.adapt.job import Draw, Job, adapting
from mstasks.adapt.recipe import plan
from mstasks.adapt.seen import Released
from mstasks.adapt.session import Session, ignore
from mstasks.adapt.sources import baseline
from mstasks.adapt.strategies import HeadFirst
from mstasks.adapt.support import Support, draw_support
from mstasks.adapt.trivial import fit_trivial
from mstasks.adapt.zeros import find_zeros
from mstasks.compaction import compact_run
from mstasks.errors import UsageError
from mstasks.evaluate import evaluate
from mstasks.network import Network
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder, finite
from mstasks.train.finite import NonFiniteError
from mstasks.train.recalibrate import recalibrate
from mstasks.trained import open_trained, read_constants, score_run

Runs = Callable[[str], RunFolder]
SIZE = (32, 48)


@dataclass
class Done:
    job: Job
    parent: RunFolder
    draws: list[Draw]
    summary: dict[str, Any]

    @property
    def run(self) -> RunFolder:
        return self.job.made

    @property
    def adapt(self) -> dict[str, Any]:
        return dict(self.summary["adapt"])


def adapt(parent: RunFolder, out: Path, *overrides: str, task: str = "depth", plugins: Sequence[str] = ()) -> Done:
    before = digest(parent.path)
    with adapting(parent, plan(parent, task, overrides, plugins), out) as job:
        draws = list(job.draws())
        summary = job.conclude()
    assert digest(parent.path) == before
    return Done(job, parent, draws, summary)


def digest(folder: Path) -> dict[str, str]:
    """Every file of a folder with the hash of its bytes."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert files
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def done(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Done]:
    """Depth, learned from a run of this name; made once. The masked one has baselines, and distils."""
    made: dict[str, Done] = {}

    def make(name: str) -> Done:
        if name not in made:
            own = {"masked": (f"adapt.baselines=[scratch, {runs('dense').path}]", "adapt.seen=distill")}.get(name, ())
            made[name] = adapt(runs(name), tmp_path_factory.mktemp("adapted"), *own)
        return made[name]

    return make


KINDS = ("dense", "masked", "compact")


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_of_draw_0_is_kept(done: Callable[[str], Done], kind: str) -> None:
    own = done(kind)
    first, second = own.draws
    assert first.scores["adapted"].values != second.scores["adapted"].values
    kept = own.summary["tasks"]["depth"]["test"]
    assert kept == own.adapt["draws"][0]["scores"]["adapted"] == first.scores["adapted"].values
    scored = score_run(own.run, "test")
    assert list(scored) == ["segmentation", "attributes", "depth"]
    for task, entry in scored.items():
        assert entry["constant"] == own.summary["tasks"][task]["constant"]
        assert finite(entry["test"]) == own.summary["tasks"][task]["test"]


@pytest.mark.parametrize("kind", KINDS)
def test_forgetting_is_what_both_runs_score(done: Callable[[str], Done], kind: str) -> None:
    own = done(kind)
    before, after = score_run(own.parent, "test"), score_run(own.run, "test")
    assert list(own.adapt["seen"]) == ["segmentation", "attributes"]
    for task, scores in own.adapt["seen"].items():
        assert scores["before"] == pytest.approx(before[task]["test"], rel=1e-4, nan_ok=True)
        assert scores["after"] == pytest.approx(after[task]["test"], rel=1e-4, nan_ok=True)
        assert scores["before"] != scores["after"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_new_run_needs_nothing_else(done: Callable[[str], Done], kind: str) -> None:
    own = done(kind)
    experiment, network = open_trained(own.run)
    assert list(network.heads) == list(experiment.tasks) == ["segmentation", "attributes", "depth"]
    assert not experiment.recipe.unseen
    assert own.run.structure.is_file() == (kind == "compact")
    names = {path.name for path in own.run.path.iterdir()}
    files = {"recipe.yaml", "resolved.yaml", "environment.json", "constants.json", "splits.json", "metrics.jsonl"}
    assert names - {"structure.json"} == {*files, "summary.json", "checkpoints"}


def test_support_images_are_named_and_those_of_the_draw(done: Callable[[str], Done]) -> None:
    own = done("dense")
    experiment = own.job._source.experiment
    expected = [list(draw_support(experiment, own.job.bound, 4, number)) for number in range(2)]
    assert [draw["support"] for draw in own.adapt["draws"]] == expected
    assert json.loads((own.run.path / "splits.json").read_text()) == {
        "val": list(experiment.ids("val")), "test": list(experiment.ids("test")), "support": expected[0],
    }  # fmt: skip


def test_only_the_labels_of_the_support_images_are_looked_at(done: Callable[[str], Done]) -> None:
    own = done("dense")
    constants, parent = read_constants(own.run), read_constants(own.parent)
    assert all(torch.equal(constants[name], value) for name, value in parent.items())
    batch = next(own.job._source.experiment.batches("train", own.draws[0].support))
    assert constants["depth"].item() == pytest.approx(batch.targets["depth"].value.mean().item(), rel=1e-5)


def test_only_the_steps_of_draw_0_are_logged(done: Callable[[str], Done]) -> None:
    rows = list(done("masked").run.rows())
    assert [row["step"] for row in rows] == list(range(1, 7))
    assert all(row["split"] == "train" and list(row["loss"]) == ["depth"] for row in rows)


def zeros(network: Network) -> dict[str, list[bool]]:
    return {name: zero.tolist() for name, zero in find_zeros(network, SIZE)[1].items()}


def test_zero_stays_zero_and_the_same_channels_can_be_removed(done: Callable[[str], Done], tmp_path: Path) -> None:
    own = done("masked")
    before, after = (zeros(open_trained(run)[1]) for run in (own.parent, own.run))
    assert any(any(zero) for zero in before.values())
    assert all(after[name] == zero for name, zero in before.items())
    compact = compact_run(own.run, tmp_path)
    shared = [
        {part: summary["network"][part] for part in ("backbone", "trunk")}
        for summary in (compact.summary, done("compact").parent.read_summary())
    ]
    assert shared[0] == shared[1]
    assert not compact.changed


def test_zero_stays_zero_where_gradients_would_bring_it_back(runs: Runs, tmp_path: Path) -> None:
    own = adapt(runs("smooth"), tmp_path, "adapt.draws=1", "data.test=1")
    before, after = (zeros(open_trained(run)[1]) for run in (own.parent, own.run))
    assert any(any(zero) for zero in before.values())
    assert all(after[name] == zero for name, zero in before.items())


def test_growth_lets_them_back(done: Callable[[str], Done], runs: Runs, tmp_path: Path) -> None:
    own = adapt(runs("masked"), tmp_path, "adapt.grow=true", "adapt.draws=1", "adapt.strategy=all-at-once")
    after = zeros(open_trained(own.run)[1])
    count = sum(sum(zero) for zero in zeros(open_trained(own.parent)[1]).values())
    assert sum(own.job.grown.values()) == count > 0
    assert not any(any(zero) for zero in after.values())
    assert own.summary["sparsity"]["zero_groups"] == 0
    assert done("masked").summary["sparsity"]["zero_groups"] > 0
    assert {row.zero for row in own.job.parts} == {0}


def test_growth_is_refused_where_channels_are_gone(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"`adapt\.grow` is for channels that are zero, and this run is compact"):
        adapt(runs("compact"), tmp_path, "adapt.grow=true")
    assert not list(tmp_path.iterdir())


def rescored(own: Done, name: str | Path, number: int) -> dict[str, float]:
    """What a baseline scores if it is adapted by hand to the images of a draw."""
    source = baseline(own.job.plan, name)
    started, bound = source.start(), source.experiment.tasks["depth"]
    support = Support.of(source.experiment, own.draws[number].support, ["depth"], number)
    new = started.new | {"heads.depth"}
    fresh = started.new
    session = Session(started.network, bound, frozenset(new), fresh, support, Released(), None, "float32", ignore)
    own.job.plan.strategy.adapt(session)
    if "backbone" in fresh:
        recalibrate(started.network, support.plain(), torch.device("cpu"))
    batches = source.experiment.batches("test")
    return evaluate(started.network, {"depth": bound}, batches, {}, torch.device("cpu"))["depth"].values


def test_baselines_learn_from_the_same_images(done: Callable[[str], Done], runs: Runs) -> None:
    own, path = done("masked"), runs("dense").path
    called = f"{path.parent.name}/{path.name}"
    assert list(own.adapt["columns"]) == ["adapted", "ridge", "trivial", "scratch", called]
    for number in (0, 1):
        for column, name in (("scratch", "scratch"), (called, path)):
            found = own.draws[number].scores[column].values
            assert found == pytest.approx(rescored(own, name, number), rel=1e-4), (column, number)


def test_the_trivial_column_is_the_mean_label_map(done: Callable[[str], Done]) -> None:
    own = done("dense")
    for draw in own.draws:
        support = Support.of(own.job._source.experiment, draw.support, ["depth"], draw.number)
        trivial = fit_trivial(own.job.bound, support.plain())
        assert trivial is not None
        labels = [batch.targets["depth"].value for batch in own.job._source.experiment.batches("test")]
        rmse = (torch.cat(labels) - trivial).square().mean().sqrt().item()
        assert draw.scores["trivial"].values["rmse"] == pytest.approx(rmse, rel=1e-4)


def test_distillation_trains_the_seen_heads_along(done: Callable[[str], Done]) -> None:
    released, held = ({row.name: row for row in done(kind).job.parts} for kind in ("dense", "masked"))
    assert released["heads.segmentation"].rates == (None, None)
    assert held["heads.segmentation"].rates == (None, 0.03)
    parent, network = (open_trained(run)[1].state_dict() for run in (done("dense").parent, done("dense").run))
    heads = [name for name in parent if name.startswith("heads.")]
    assert heads
    assert all(torch.equal(parent[name], network[name]) for name in heads)


def test_the_same_command_gives_the_same_bits_whatever_is_beside_it(
    done: Callable[[str], Done], runs: Runs, tmp_path: Path
) -> None:
    own = done("masked")
    torch.manual_seed(99)
    alone = adapt(runs("masked"), tmp_path, "adapt.seen=distill", "adapt.draws=1")
    one, two = (open_trained(each.run)[1].state_dict() for each in (own, alone))
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert alone.draws[0].scores["ridge"].values == own.draws[0].scores["ridge"].values


class Noisy(nn.Module):
    """A head with dropout, so that training draws random numbers."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Any) -> Tensor:
        return nn.functional.dropout(self.head(features), training=self.training)


def test_dropout_does_not_depend_on_the_baselines(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mstasks_depth.task import Depth

    plain = Depth.head
    monkeypatch.setattr(Depth, "head", lambda task, info: Noisy(plain(task, info)))
    few = ["adapt.strategy={name: all-at-once, steps: 2}", "data.test=1"]
    alone = adapt(runs("dense"), tmp_path, *few)
    beside = adapt(runs("dense"), tmp_path, *few, "adapt.baselines=[scratch]")
    for one, two in zip(alone.draws, beside.draws, strict=True):
        assert one.scores["adapted"].values == two.scores["adapted"].values


def test_images_that_are_held_out_are_of_the_k(runs: Runs, tmp_path: Path) -> None:
    own = adapt(runs("dense"), tmp_path, "adapt.hold_out=0.5", "adapt.draws=1", "data.test=1")
    assert own.adapt["hold_out"] == 0.5
    assert len(own.draws[0].support) == own.adapt["shots"] == 4


def test_an_image_level_task_is_learned_too(runs: Runs, tmp_path: Path) -> None:
    named = ["unseen.cluttered={task: attributes, target: attributes, names: [cluttered, window]}", "adapt.draws=1"]
    own = adapt(runs("image-level"), tmp_path, *named, task="cluttered")
    assert list(own.summary["tasks"]) == ["attributes", "cluttered"]
    assert list(own.adapt["columns"]) == ["adapted", "ridge", "trivial"]
    assert set(own.summary["tasks"]["cluttered"]["test"]) >= {"accuracy/cluttered", "accuracy/window"}
    assert score_run(own.run, "test")["cluttered"]["test"] == own.summary["tasks"]["cluttered"]["test"]


def test_a_trunk_that_the_run_lacks_starts_afresh(runs: Runs, tmp_path: Path) -> None:
    own = adapt(runs("image-level"), tmp_path, "adapt.draws=1", "data.test=1")
    assert {row.name for row in own.job.parts if row.new} == {"trunk", "heads.depth"}
    assert open_trained(own.run)[1].trunk is not None


def test_a_seen_task_goes_on_from_its_head(runs: Runs, tmp_path: Path) -> None:
    own = adapt(runs("dense"), tmp_path, "adapt.draws=1", task="segmentation")
    trained = score_run(own.parent, "test")["segmentation"]["test"]
    assert own.adapt["before"] == pytest.approx(trained, nan_ok=True)
    assert list(own.adapt["seen"]) == ["attributes"]
    assert list(own.summary["tasks"]) == ["segmentation", "attributes"]
    assert not [row.name for row in own.job.parts if row.new]
    statistics = [own_and_parent(own, name) for name in statistics_of_head(own)]
    assert statistics, "the head has norms"
    for after, before in statistics:
        torch.testing.assert_close(after, before, rtol=0, atol=0)


def statistics_of_head(own: Done) -> list[str]:
    buffers = dict(open_trained(own.run)[1].named_buffers())
    return [name for name in buffers if name.startswith("heads.segmentation.")]


def own_and_parent(own: Done, buffer: str) -> tuple[torch.Tensor, torch.Tensor]:
    after, before = (open_trained(run)[1].get_buffer(buffer) for run in (own.run, own.parent))
    return after, before


def test_how_one_adaptation_was_done_is_not_how_the_next_one_is(done: Callable[[str], Done]) -> None:
    settings = load_recipe(done("masked").run.recipe).recipe.adapt
    assert settings == load_recipe(done("masked").parent.recipe).recipe.adapt
    assert done("masked").adapt["seen_mode"] == "distill" != settings.seen


@pytest.mark.parametrize("strategy", ["ridge", "probe", "bitfit"])
def test_growth_is_refused_where_nothing_would_learn(runs: Runs, tmp_path: Path, strategy: str) -> None:
    with pytest.raises(UsageError, match=rf"strategy '{strategy}' trains no weights of backbone and trunk"):
        adapt(runs("masked"), tmp_path, "adapt.grow=true", f"adapt.strategy={strategy}")
    assert not list(tmp_path.iterdir())


def test_a_baseline_that_fails_leaves_a_gap_and_a_sentence(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = HeadFirst.adapt

    def fails_from_scratch(strategy: HeadFirst, session: Session) -> None:
        if "backbone" in session.fresh:
            raise NonFiniteError("step 3: the loss of task 'depth' is not finite.")
        train(strategy, session)

    monkeypatch.setattr(HeadFirst, "adapt", fails_from_scratch)
    own = adapt(runs("dense"), tmp_path, "adapt.draws=1", "data.test=1", "adapt.baselines=[scratch]")
    sentence = "draw 0: baseline 'scratch' has no score: step 3: the loss of task 'depth' is not finite."
    assert own.adapt["failed"] == [sentence]
    assert own.adapt["columns"]["scratch"] == {"mean": None, "sd": None}
    assert own.adapt["columns"]["adapted"]["mean"] is not None


def test_the_weight_of_the_task_counts_beside_others(runs: Runs, tmp_path: Path) -> None:
    few = ("adapt.draws=1", "data.test=1", "adapt.strategy.steps=3")
    alone, held = [], []
    for weight in (1, 100):
        for found, seen in ((alone, "release"), (held, "support")):
            own = adapt(runs("dense"), tmp_path, *few, f"unseen.depth.weight={weight}", f"adapt.seen={seen}")
            found.append(open_trained(own.run)[1].get_parameter("trunk.laterals.0.0.weight"))
    torch.testing.assert_close(alone[0], alone[1], rtol=0, atol=0)
    assert not torch.equal(held[0], held[1])


def test_an_adapted_run_can_be_adapted_again(done: Callable[[str], Done], tmp_path: Path) -> None:
    again = adapt(done("compact").run, tmp_path, "adapt.draws=1", "data.test=1", task="normals")
    assert list(open_trained(again.run)[1].heads) == ["segmentation", "attributes", "depth", "normals"]
    assert (again.run.path / again.summary["parent"]).resolve() == done("compact").run.path.resolve()


RANGE = """
from mstasks import PooledMean, TargetKind, Task, TaskSpec, hookimpl, per_example_mean


class Range(Task):
    kind, channels = TargetKind.DEPTH_MAP, 1

    def loss(self, prediction, target):
        return per_example_mean((prediction - target.value).abs(), target.valid)

    def metrics(self):
        return {"mae": PooledMean(lambda p, t: (p - t.value).abs(), higher_is_better=False, best_value=0.0)}


@hookimpl
def register_tasks():
    return [TaskSpec("range", "Depth by its absolute error.", "range_task:Range")]
"""


def test_the_task_of_a_plugin_file_needs_nothing_else(runs: Runs, tmp_path: Path) -> None:
    file = tmp_path / "range_task.py"
    file.write_text(RANGE)
    own = adapt(
        runs("dense"),
        tmp_path / "runs",
        "unseen.range.target=depth",
        "adapt.draws=1",
        task="range",
        plugins=[str(file)],
    )
    assert own.adapt["primary"] == "mae"
    assert list(own.adapt["columns"]) == ["adapted", "ridge", "trivial"]
    assert (own.run.path / "plugins" / "range_task.py").read_text() == RANGE
    assert load_recipe(own.run.recipe).recipe.plugins == (str((own.run.path / "plugins/range_task.py").absolute()),)
    file.unlink()
    assert score_run(own.run, "test")["range"]["test"] == pytest.approx(own.summary["tasks"]["range"]["test"], rel=1e-4)


def test_another_data_set_leaves_the_seen_tasks_out(runs: Runs, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for part in ("images", "depth"):
        (tmp_path / "mine" / part).mkdir(parents=True)
    for index in range(10):
        pixels = generator.integers(0, 256, (32, 48, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "mine/images" / f"{index}.png")
        Image.fromarray(pixels[..., 0].astype(np.uint16) * 10).save(tmp_path / "mine/depth" / f"{index}.png")
    own = adapt(
        runs("masked"), tmp_path / "runs", "data.dataset=folder", f"data.root={tmp_path / 'mine'}", "adapt.draws=1",
        "data.targets.depth={kind: depth-map, unit: millimetres}", "data.split={val: 0.2, test: 0.2}",
    )  # fmt: skip
    assert own.adapt["released"] == ["segmentation", "attributes"]
    assert own.adapt["seen"] == {}
    assert list(open_trained(own.run)[1].heads) == ["depth"]
    assert score_run(own.run, "test")["depth"]["test"] == pytest.approx(own.summary["tasks"]["depth"]["test"], rel=1e-4)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_stops_leaves_no_folder(runs: Runs, tmp_path: Path, error: type[BaseException]) -> None:
    parent = runs("dense")
    planned = plan(parent, "depth", ["data.test=1"])

    def stop_after_a_draw() -> None:
        with adapting(parent, planned, tmp_path) as job:
            next(job.draws())
            assert job.made.path.is_dir()
            raise error

    with pytest.raises(error):
        stop_after_a_draw()
    assert not list((tmp_path / "tiny").iterdir())


def test_nothing_is_concluded_before_a_draw(runs: Runs, tmp_path: Path) -> None:
    parent = runs("dense")
    with (
        pytest.raises(ValueError, match="nothing to conclude before a draw is done"),
        adapting(parent, plan(parent, "depth", []), tmp_path) as job,
    ):
        job.conclude()


def test_a_run_with_several_networks_is_refused_and_one_of_them_is_not(runs: Runs, tmp_path: Path) -> None:
    parent = runs("single-task")
    with pytest.raises(
        UsageError, match=r"single-task run holds 2 networks\. Adapt one .*`mstasks adapt .*attributes`"
    ):
        adapt(parent, tmp_path)
    child = parent.children()["segmentation"]
    own = adapt(child, tmp_path, "adapt.draws=1", "data.test=1")
    assert list(open_trained(own.run)[1].heads) == ["segmentation", "depth"]
    assert list(score_run(own.run, "val")) == ["segmentation", "depth"]


def test_a_run_that_is_not_complete_is_refused(runs: Runs, tmp_path: Path) -> None:
    unfinished = RunFolder(tmp_path)
    unfinished.recipe.write_bytes(runs("dense").recipe.read_bytes())
    with pytest.raises(UsageError, match=r"the run is not complete\. Go on with `mstasks fit --resume"):
        adapt(unfinished, tmp_path / "out")
