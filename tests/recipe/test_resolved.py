"""The resolved recipe, written out, is the same recipe."""

from __future__ import annotations

import json

import pytest
import yaml
from bad_recipes import GOOD, changed
from recipe_fixtures import Load, Write

from mstasks.plugins import SpecKind, load_plugins
from mstasks.recipe import dump_resolved, load_recipe
from mstasks.recipe.resolved import document

NASTY = [
    "", " ", "yes", "No", "null", "~", "true", "1", "010", "1e-3", "1:30", "2024-01-31", ".nan", "0x1F", "${A}", "$${A}", "$",
    "a: b", "a #b", "# c", "- a", "[a", "{a", "a, b", "'", '"', "\\", "two\nlines", "tab\there", "%a", "@a", "`a", "!a", "&a", "*a",
    "|", ">", "?", ":", "=", "<<", "---", "...", "ä漢😀", " a ", "a ", "C:\\x", "/usr/x.y", "a-b_c.d", "y", "n", "é\u00a0", "\ufeff",
]  # fmt: skip

SPARSE, BOTH = GOOD + "method: sparse\n", GOOD + "method: meta-sparsity\n"
STRATEGIES = [
    *(
        f"{SPARSE}sparsity: {{strength: {name}, target: {{macs: 0.5}}}}\n"
        for name in ("priced", "one-shot", "controller")
    ),
    SPARSE + "sparsity: {strength: {name: fixed, value: 1e-4}, groups: input-channel, metric: adam, floor: 0}\n",
    SPARSE + "sparsity: {target: {parameters: 0.3}, scope: backbone, reference: runs/dense}\n",
    BOTH + "sparsity: {strength: {name: learned, share: stage}}\nmeta: {update: {name: maml, inner_prox: true}}\n",
    BOTH + "sparsity: {strength: {name: priced, window: [0, 1], measure_from: 0}, target: {channels: 1}}\n",
    GOOD + "method: meta\n",
    GOOD + "method: meta\nmeta: {query_split: val}\n",
    *(f"{GOOD}method: meta\nmeta: {{update: {name}}}\n" for name in ("look-ahead", "maml", "anil", "simulated-unseen")),
    GOOD + "method: meta\nmeta: {update: {name: maml, combinations: [[depth], [labels, depth]], weights: [1, 2.5]}}\n",
    GOOD + "method: meta\nmeta: {update: {name: maml, combinations: all-tasks, order: second, learn_rates: true}}\n",
    *(f"{GOOD}adapt: {{strategy: {name}}}\n" for name in ("head-first", "all-at-once", "fast", "bitfit", "probe")),
    GOOD + "adapt: {strategy: {name: new-decoder, steps: 7, clip: null}, seen: support, seen_weight: 2, grow: true}\n",
    GOOD + "adapt: {strategy: {name: ridge, penalty: 1e-4}, baselines: [scratch, imagenet, runs/a], hold_out: 0.5}\n",
]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        changed("resnet18}", "resnet18, weights: w.safetensors, output_stride: 16}"),
        changed("dataset: toy", "dataset: toy\n  classes: 13\n  root: images\n  gamma: 1e-7"),
        changed("batch_size: 8", "augment: [Blur, {RandomResizedCrop: {scale: [0.5, 1.0], ratio: null}}]"),
        changed("labels: {}", "labels: {head: aspp, class_weights: {class 1: 1e-05, 'no': 3}}"),
        GOOD + "  seg-2: {task: labels, target: labels}\n",
        GOOD + "unseen: {plain: {weight: 2}, seg-2: {task: labels, target: labels, head: decoder, smoothing: 0.5}}\n",
        GOOD + "loss_weighting: {name: learned, temperature: 1e+20}\n",
        *STRATEGIES,
        GOOD + "optim: {lr: 1.5e-9, weight_decay: 0, backbone_lr: 1e22, ema: 0.999, clip: null}\ndevice: cuda:1\n",
    ],
)
def test_it_reads_back_equal(load: Load, write: Write, text: str) -> None:
    before = load(text).recipe
    write(dump_resolved(before), "elsewhere/resolved.yaml")
    after = load_recipe("elsewhere/resolved.yaml").recipe
    assert after == before
    assert dump_resolved(after) == dump_resolved(before)


def test_every_built_in_strategy_was_written_out() -> None:
    registry = load_plugins()
    kinds: tuple[SpecKind, ...] = ("strength", "update", "adaptation")
    names = [name for kind in kinds for name in registry.names(kind)]
    assert len(names) == 16
    for name in names:
        assert any(name in text for text in STRATEGIES), name


def test_texts_of_every_kind_read_back_equal(load: Load, write: Write) -> None:
    names = json.dumps([name.replace("${", "$${") for name in NASTY], ensure_ascii=False)
    before = load(changed("dataset: toy", f"dataset: toy\n  names: {names}"))
    assert list(before.recipe.data.options.names) == NASTY
    write(dump_resolved(before.recipe), "resolved.yaml")
    assert load_recipe("resolved.yaml").recipe == before.recipe


def test_keys_of_every_kind_read_back_equal(load: Load, write: Write) -> None:
    weights = dict.fromkeys(NASTY, 1.0)
    text = json.dumps(weights, ensure_ascii=False)
    before = load(changed("labels: {}", f"labels: {{class_weights: {text}}}"))
    assert before.recipe.tasks["labels"].options.class_weights == weights
    write(dump_resolved(before.recipe), "resolved.yaml")
    assert load_recipe("resolved.yaml").recipe == before.recipe


@pytest.mark.parametrize("number", [1e-3, 1e-7, 1.5e-9, 1e22, 123456789.125, 0.1, 5e-324, 1.7976931348623157e308])
def test_other_yaml_readers_see_the_same_numbers(load: Load, number: float) -> None:
    text = dump_resolved(load(overrides=[f"optim.lr={number!r}"]).recipe)
    assert yaml.safe_load(text)["optim"]["lr"] == number


def test_other_yaml_readers_see_the_same_document(load: Load) -> None:
    recipe = load(changed("batch_size: 8", "augment: [{Blur: {p: 0.5}}]")).recipe
    assert yaml.safe_load(dump_resolved(recipe)) == document(recipe)


def test_options_stand_where_one_writes_them(load: Load) -> None:
    text = dump_resolved(load().recipe)
    assert "options" not in text
    assert text.startswith(
        "name: toy-run\nmethod: multi-task\nplugins: [recipe_kitchen]\ndata:\n  dataset: toy\n  size: [64, 96]\n"
    )
    assert "  depth:\n    task: depth\n    target: depth\n    weight: 1.0\n    head: null\n    loss: berhu\n" in text


def test_options_of_strategies_stand_where_one_writes_them(load: Load) -> None:
    text = dump_resolved(load(STRATEGIES[5]).recipe)
    assert "options" not in text
    assert "sparsity:\n  groups: channel\n  scope: shared\n  strength:\n    name: learned\n    initial: 0.001\n" in text
    assert "\nmeta:\n  update:\n    name: maml\n    episodes: 1\n" in text
    assert "    inner_prox: true\n    combinations: uniform\n    weights: null\n  query_split: train\n" in text


def test_unseen_tasks_and_adapt_stand_where_one_writes_them(load: Load) -> None:
    text = dump_resolved(
        load(GOOD + "unseen: {again: {task: labels, target: labels}}\nadapt: {strategy: ridge}\n").recipe
    )
    assert "options" not in text
    assert "\nunseen:\n  again:\n    task: labels\n    target: labels\n" in text
    assert "    smoothing: 0.0\n    class_weights: {}\noptim:\n" in text
    assert "  draws: 5\n  strategy:\n    name: ridge\n    penalty: null\n  baselines: []\n" in text


def test_sections_that_the_method_does_not_read_are_null(load: Load) -> None:
    assert "\nsparsity: null\nmeta: null\n" in dump_resolved(load().recipe)
