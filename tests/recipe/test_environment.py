"""Environment variables become texts and scalars, never structure."""

from __future__ import annotations

import pytest
from bad_recipes import changed
from recipe_fixtures import Load, Write

from mstasks.recipe import dump_resolved, load_recipe


@pytest.mark.parametrize(
    ("written", "value", "seed"),
    [
        ("${SEED}", "7", 7),
        ("${SEED:-3}", None, 3),
        ("${SEED:-3}", "8", 8),
        ("${SEED:-3}", "", 3),
        ("${SEED}", "0x10", 16),
    ],
)
def test_a_value_that_is_one_variable_is_read_as_yaml_would(
    load: Load, good: str, monkeypatch: pytest.MonkeyPatch, written: str, value: str | None, seed: int
) -> None:
    monkeypatch.delenv("SEED", raising=False)
    if value is not None:
        monkeypatch.setenv("SEED", value)
    assert load(good + f"seed: {written}\n").recipe.seed == seed


def test_a_number_from_a_variable_may_have_an_exponent(load: Load, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LR", "1e-3")
    assert load(good + "optim:\n  lr: ${LR}\n").recipe.optim.lr == 0.001


def test_in_quotes_it_stays_text(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN", "18")
    assert load(changed("toy-run", '"${RUN}"')).recipe.name == "18"


def test_within_other_text_it_stays_text(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "1")
    assert load(changed("toy-run", "${A}${B:-2}")).recipe.name == "12"
    assert load(changed("toy-run", "run-${A}-of-${B:-2}")).recipe.name == "run-1-of-2"


def test_what_a_variable_holds_is_not_replaced_again(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "${B}")
    loaded = load(changed("dataset: toy", 'dataset: toy\n  names: ["${A}", "$${A}", "$A", "$$"]'))
    assert loaded.recipe.data.options.names == ("${B}", "${A}", "$A", "$$")


def test_the_resolved_recipe_no_longer_depends_on_the_environment(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A", "${B}")
    before = load(changed("dataset: toy", 'dataset: toy\n  names: ["${A}", "$${A}"]')).recipe
    monkeypatch.delenv("A")
    write(dump_resolved(before), "resolved.yaml")
    assert load_recipe("resolved.yaml").recipe == before


def test_an_origin_names_the_variable(load: Load, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", "7")
    monkeypatch.delenv("LR", raising=False)
    origins = load(good + "seed: ${SEED}\noptim:\n  lr: ${LR:-0.5}\n").origins
    assert origins["seed",] == "r.yaml:10:7 (from $SEED)"
    assert origins["optim", "lr"] == "r.yaml:12:7 (default of $LR)"


def test_keys_are_left_alone(load: Load, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "class 1")
    loaded = load(changed("labels: {}", "labels: {class_weights: {'${KEY}': 2}}"))
    assert loaded.recipe.tasks["labels"].options.class_weights == {"${KEY}": 2.0}


def test_a_default_may_hold_nearly_anything(load: Load) -> None:
    loaded = load(changed("dataset: toy", 'dataset: toy\n  names: ["${NO_SUCH_NAME:-a:-b $c}"]'))
    assert loaded.recipe.data.options.names == ("a:-b $c",)


def test_overrides_may_use_variables(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", "7")
    loaded = load(overrides=["seed=${SEED}"])
    assert loaded.recipe.seed == 7
    assert loaded.origins["seed",] == "command line (from $SEED)"
