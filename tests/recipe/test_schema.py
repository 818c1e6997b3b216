"""The JSON schema accepts what the validation accepts, and marks what it refuses, as far as a schema can."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
import yaml
from bad_recipes import GOOD, added, changed
from jsonschema import Draft202012Validator
from recipe_fixtures import Load, Write

from mstasks.plugins import load_plugins
from mstasks.recipe import dump_resolved, recipe_schema


@cache
def schema() -> dict[str, Any]:
    return recipe_schema(load_plugins(["recipe_kitchen"]))


def errors(text: str) -> list[str]:
    return [error.message for error in Draft202012Validator(schema()).iter_errors(yaml.safe_load(text))]


def test_it_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert json.loads(json.dumps(schema())) == schema()


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(schema())
    names = {part.partition('"')[0] for part in text.split("#/$defs/")[1:]}
    assert len(names) > 10
    assert names <= schema()["$defs"].keys()


ACCEPTED = [
    GOOD,
    changed("dataset: toy", "dataset: toy\n  classes: 13\n  gamma: 0.5\n  shuffle: true"),
    changed("labels: {}", "labels:"),
    changed("labels: {}", "labels: {head: aspp, smoothing: 0.1, weight: 2}"),
    changed("labels: {}", "labels: {head: {name: trunk, block: full}}"),
    added("  seg: {task: labels, target: labels, smoothing: 0.5}\n"),
    changed("labels: {}", "labels: {task: plain}"),
    added("loss_weighting: learned\n"),
    added("loss_weighting: {name: learned, temperature: 2}\n"),
    changed("batch_size: 8", "augment: [Blur, {HorizontalFlip: {p: 0.5}}, {HorizontalFlip: null}]"),
    changed("batch_size: 8", "batch_size: ${BATCH:-8}\n  gamma: ${GAMMA}"),
    changed("labels: {}", "labels: {smoothing: '${SMOOTHING}'}"),
    added("method: sparse\nsparsity: {target: {macs: 0.5}}\n"),
    added("method: sparse\nsparsity: {strength: priced, target: {macs: '${MACS}'}, floor: 0}\n"),
    added("method: sparse\nsparsity: {strength: {name: priced, window: [0.1, 0.5]}, target: {channels: 1}}\n"),
    added("method: sparse\nsparsity: {strength: {name: fixed, value: 0.001}, groups: output-channel, metric: adam}\n"),
    added("method: meta\n"),
    added("method: meta\nmeta: {update: maml, query_split: val}\n"),
    added("method: meta\nmeta: {update: {name: maml, combinations: [[depth], [depth, labels]], weights: [1, 2]}}\n"),
    added("method: meta\nmeta: {update: {name: maml, combinations: all-tasks, order: second}}\n"),
    added("method: meta\nmeta: {update: {name: rehearsal, before: [depth]}}\n"),
    added("sparsity: null\nmeta: null\n"),
    added("unseen: {plain: {}, again: {task: labels, target: labels, smoothing: 0.1, head: decoder}}\n"),
    added("unseen: null\n"),
    added("adapt: {shots: 5, strategy: fast, baselines: [scratch, runs/dense], seen: distill, hold_out: 0.2}\n"),
    added("adapt: {strategy: {name: head-first, steps: 30, head_share: 0.5, clip: null}, grow: true}\n"),
    added("adapt: {shots: '${SHOTS}', strategy: {name: ridge, penalty: 0.1}}\n"),
    "extends: base.yaml\nunseen: {plain: null}\nadapt: {strategy: {steps: 3}}\n",
    "extends: base.yaml\nsparsity: {strength: {rounds: 12}, target: {macs: 0.2}}\nmeta: {update: {episodes: 2}}\n",
    "extends: base.yaml\n",
    "extends: [a, b]\noptim: {lr: 0.1}\ntasks: {labels: null, any: {weight: 2}, depth: {loss: l1}}\ndata: {classes: 13}\n",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_good_recipes_pass(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize("text", [text for text in ACCEPTED if "extends" not in text and "$" not in text])
def test_good_recipes_are_good_and_pass_resolved_too(load: Load, text: str) -> None:
    assert errors(dump_resolved(load(text).recipe)) == []


REFUSED = [
    "name: toy\n",
    changed("name: toy-run\n", ""),
    changed("toy-run", "a/b"),
    changed("[64, 96]", "[64]"),
    changed("[64, 96]", "[64, 16]"),
    changed("dataset: toy", "dataset: toi"),
    changed("dataset: toy", "dataset: toy\n  clases: 13"),
    changed("dataset: toy", "dataset: toy\n  classes: 12"),
    changed("dataset: toy", "dataset: bare\n  classes: 13"),
    changed("dataset: toy", "dataset: needy"),
    changed("dataset: toy", "dataset: toy\n  options: {}"),
    changed("{loss: berhu}", "{loss: huber}"),
    changed("{loss: berhu}", "{smoothing: 0.1}"),
    changed("labels: {}", "labels: {head: asp}"),
    changed("labels: {}", "seg: {}"),
    changed("labels: {}", "a b: {task: labels}"),
    changed("labels: {}", "labels: {weight: heavy}"),
    added("loss_weighting: fixd\n"),
    added("loss_weighting: {name: fixed, temperature: 2}\n"),
    added("optim: {lrr: 1}\n"),
    added("optim: {steps: 0}\n"),
    added("seed: '3'\n"),
    added("sparsity: {strength: prised}\n"),
    added("sparsity: {strength: {name: priced, value: 1e-3}}\n"),
    added("sparsity: {strength: {name: priced, window: [0.1]}}\n"),
    added("sparsity: {strength: {name: fixed}}\n"),
    added("sparsity: {target: {macs: 0}}\n"),
    added("sparsity: {target: {latency: 0.5}}\n"),
    added("sparsity: {groups: filter}\n"),
    added("meta: {update: look_ahead}\n"),
    added("meta: {update: {name: anil, inner_prox: true}}\n"),
    added("meta: {update: {name: maml, combinations: [[]]}}\n"),
    added("meta: {query_split: test}\n"),
    added("meta: look-ahead\n"),
    added("unseen: {seg: {}}\n"),
    added("unseen: {plain: {loss: l1}}\n"),
    added("unseen: {a b: {task: plain}}\n"),
    added("unseen: [plain]\n"),
    added("adapt: {shot: 5}\n"),
    added("adapt: {shots: 0}\n"),
    added("adapt: {strategy: fats}\n"),
    added("adapt: {strategy: {name: ridge, steps: 3}}\n"),
    added("adapt: {baselines: scratch}\n"),
    added("adapt: {hold_out: 0.6}\n"),
    added("adapt: null\n"),
    "extends: base.yaml\nsparsity: {strength: {value: x}}\n",
    added("method: both\n"),
    changed("batch_size: 8", "augment: [{A: {}, B: {}}]"),
    changed("batch_size: 8", "augment: [{A: 3}]"),
    "extends: 3\n",
    "extends: base.yaml\noptim: {lrr: 1}\n",
    "extends: base.yaml\ndata: {dataset: bare, classes: 13}\n",
    "[]\n",
]


@pytest.mark.parametrize("text", REFUSED)
def test_bad_recipes_are_marked(text: str) -> None:
    assert errors(text)


def test_the_defaults_that_editors_offer_are_accepted() -> None:
    properties = schema()["$defs"]["Recipe"]["properties"]
    defaults = {key: inner["default"] for key, inner in properties.items() if "default" in inner}
    assert defaults.keys() >= {"unseen", "optim", "adapt", "run"}
    assert errors(GOOD + yaml.safe_dump(defaults)) == []


def test_fields_are_described_for_editors() -> None:
    recipe = schema()["$defs"]["Recipe"]["properties"]
    toy = next(section for section in recipe["data"]["anyOf"] if section["properties"]["dataset"].get("const") == "toy")
    assert toy["properties"]["classes"]["description"] == "How many classes."
    assert toy["properties"]["size"]["description"].startswith("Height and width")
    labels = schema()["$defs"]["Task labels"]["properties"]
    assert labels["smoothing"]["description"] == "Label smoothing."


@pytest.mark.parametrize(
    ("owner", "key", "name", "option"),
    [
        ("Sparsity", "strength", "priced", "rounds"),
        ("Sparsity", "strength", "fixed", "value"),
        ("Sparsity", "strength", "one-shot", "at"),
        ("Sparsity", "strength", "controller", "gain"),
        ("Sparsity", "strength", "learned", "share"),
        ("Meta", "update", "look-ahead", "rate"),
        ("Meta", "update", "maml", "inner_prox"),
        ("Meta", "update", "anil", "order"),
        ("Meta", "update", "simulated-unseen", "shots"),
        ("Meta", "update", "rehearsal", "before"),
        ("Adapt", "strategy", "head-first", "head_share"),
        ("Adapt", "strategy", "all-at-once", "trunk_lr"),
        ("Adapt", "strategy", "fast", "steps"),
        ("Adapt", "strategy", "bitfit", "steps"),
        ("Adapt", "strategy", "new-decoder", "new_lr"),
        ("Adapt", "strategy", "probe", "new_lr"),
        ("Adapt", "strategy", "ridge", "penalty"),
        ("Adapt", "strategy", "nearest", "neighbours"),
    ],
)
def test_each_strategy_has_its_options_described(owner: str, key: str, name: str, option: str) -> None:
    forms = schema()["$defs"][owner]["properties"][key]["anyOf"]
    assert any(name in form.get("anyOf", [{}])[0].get("enum", []) for form in forms)
    (long,) = [form for form in forms if form.get("properties", {}).get("name", {}).get("const") == name]
    assert long["properties"][option]["description"]
    assert "options" not in long["properties"]


def test_a_plugin_whose_options_cannot_be_imported_is_left_out() -> None:
    assert "Task labels" in schema()["$defs"]
    assert "Task lost" not in schema()["$defs"]


def test_options_models_may_nest_and_share_names(write: Write) -> None:
    write(
        "from mstasks import Options, TaskSpec, hookimpl\n\n\n"
        "class Part(Options):\n    depth: int\n\n\nclass A(Options):\n    part: Part\n\n\n"
        "@hookimpl\ndef register_tasks():\n"
        "    return [TaskSpec('nested', 'Nested.', 'nested_plugin:A', 'nested_plugin:A')]\n",
        "nested_plugin.py",
    )
    found = recipe_schema(load_plugins(["recipe_kitchen", "nested_plugin.py"]))
    validator = Draft202012Validator(found)
    for part, valid in [("{depth: 3}", True), ("{depth: x}", False), ("{}", False), ("{deep: 3}", False)]:
        text = changed("labels: {}", f"nested: {{target: labels, part: {part}}}")
        assert validator.is_valid(yaml.safe_load(text)) == valid
