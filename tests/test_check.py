from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mstasks.check import check_recipe, describe_groups
from mstasks.errors import MstasksError, UsageError
from mstasks.experiment import Experiment
from mstasks.recipe import load_recipe

RECIPE = """
name: checked
data: {{dataset: scenes, size: [64, 64], batch_size: 4}}
backbone: {{model: mobilenetv3_small_050}}
plugins: [./{stem}.py]
tasks: {{segmentation: {{}}, odd: {{target: depth}}}}
"""

PLUGIN = """
from mstasks import PooledMean, TargetKind, Task, TaskSpec, hookimpl, per_example_mean

class Odd(Task):
    kind, channels = TargetKind.DEPTH_MAP, 1

    def loss(self, prediction, target):
        return {loss}

    def metrics(self):
        return {{"abs": PooledMean(lambda p, t: {metric}, higher_is_better=False, best_value=0.0)}}

@hookimpl
def register_tasks():
    return [TaskSpec(name="odd", summary="Odd.", factory="{stem}:Odd")]
"""

GOOD = "per_example_mean((prediction - target.value).abs(), target.valid)"


@pytest.fixture
def experiment(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Experiment]:
    stem = f"odd_task_{abs(hash(request.node.name))}"

    def make(loss: str = GOOD, metric: str = "p - t.value", overrides: tuple[str, ...] = ()) -> Experiment:
        (tmp_path / f"{stem}.py").write_text(PLUGIN.format(loss=loss, metric=metric, stem=stem))
        (tmp_path / "r.yaml").write_text(RECIPE.format(stem=stem))
        return Experiment(load_recipe(tmp_path / "r.yaml", overrides))

    return make


SPARSE = ("method=sparse", "sparsity.target.macs=0.5")


def test_a_dense_recipe_has_nothing_to_say_about_groups(experiment: Callable[..., Experiment]) -> None:
    assert describe_groups(experiment()) == []


def test_groups_are_counted_and_layers_without_any_are_named(experiment: Callable[..., Experiment]) -> None:
    overrides = (*SPARSE, "backbone.model=convnext_atto", "sparsity.scope=backbone")
    first, *excluded = describe_groups(experiment(overrides=overrides))
    hidden = 4 * (2 * 40 + 2 * 80 + 6 * 160 + 2 * 320)  # four times the width of each block
    assert first.startswith(f"sparsity: {hidden} groups of kind channel in 12 spaces of the backbone part, which has ")
    assert excluded[0] == (
        "not sparsified: `backbone.model.stem_0` keeps its 40 channels: `backbone.model.stem_1` normalises over them, "
        "so that removing one changes the others."
    )


def test_a_network_that_cannot_be_sparse_is_refused_with_the_layer(experiment: Callable[..., Experiment]) -> None:
    overrides = (*SPARSE, "backbone.model=vit_tiny_patch16_224", "data.size=[224,224]")
    with pytest.raises(UsageError, match=r"Attention heads cannot be made sparse: found attention after `backbone"):
        describe_groups(experiment(overrides=overrides))


def test_every_task_is_a_row_with_its_shapes(experiment: Callable[..., Experiment]) -> None:
    first, second = check_recipe(experiment())
    assert (first.task, second.task) == ("segmentation", "odd")
    assert second.raw == (2, 1, 16, 16)
    assert second.decoded == second.target == (2, 1, 64, 64)
    assert set(first.metrics) > {"miou", "pixel_accuracy"}


@pytest.mark.parametrize(
    ("loss", "metric", "expected"),
    [
        ("(prediction - target.value).mean()", "p", r"task 'odd' failed on a synthetic batch: ValueError: The loss of task 'odd' must have shape \(2,\). Found \(\)"),
        ("prediction.missing()", "p", "task 'odd' failed on a synthetic batch: AttributeError: .* has no attribute 'missing'"),
        (f"{GOOD} + float('nan')", "p", "task 'odd': its loss on a synthetic batch is nan; it must be finite"),
        (f"{GOOD}.detach()", "p", "task 'odd': its loss does not depend on the prediction; nothing would be learned"),
        (GOOD, "p[:, :, :3]", "task 'odd' failed on a synthetic batch: RuntimeError"),
    ],
)  # fmt: skip
def test_a_wrong_task_is_named(experiment: Callable[..., Experiment], loss: str, metric: str, expected: str) -> None:
    with pytest.raises(MstasksError, match=expected):
        check_recipe(experiment(loss, metric))


def test_a_prediction_with_other_channels_than_its_kind_is_named(experiment: Callable[..., Experiment]) -> None:
    made = experiment()
    made.tasks["odd"].task.channels = 3
    with pytest.raises(
        MstasksError,
        match=r"task 'odd': a decoded depth-map prediction must have 1 channel\(s\). Found shape \(2, 3, 64, 64\)",
    ):
        check_recipe(made)


def test_a_micro_batch_too_small_for_norm_layers_is_explained(experiment: Callable[..., Experiment]) -> None:
    overrides = ("data.size=[32, 32]", "optim.accumulate=4")
    with pytest.raises(
        UsageError, match=r"micro-batch of 1 image\(s\) of 32x32 .* one value per channel.*data.batch_size"
    ):
        check_recipe(experiment(overrides=overrides))
