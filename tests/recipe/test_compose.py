"""Composed trees hold what PyYAML would read, with the position of every value."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml

from mstasks.recipe.compose import MAX_DEPTH, MAX_NODES, compose
from mstasks.recipe.errors import Problems, RecipeErrors
from mstasks.recipe.tree import Node, Place, at, key_place, leaves, plain


def composed(text: str) -> Node:
    problems = Problems()
    node = compose(text, lambda line, column: Place("f", line + 1, column + 1), problems)
    problems.raise_if_any()
    assert node is not None
    return node


def refusal(text: str) -> str:
    with pytest.raises(RecipeErrors) as caught:
        composed(text)
    return str(caught.value)


def random_value(generator: random.Random, depth: int) -> Any:
    """A value of JSON; texts include those that one YAML version or another takes for something else."""
    texts = [
        "",
        "a b",
        "yes",
        "1:30",
        "null",
        "1e-3",
        "ä漢😀",
        "a: b",
        "# c",
        "'",
        '"',
        "two\nlines",
        "010",
        " x ",
        "${A}",
    ]
    kind = generator.randrange(7 if depth < 4 else 5)
    if kind == 5:
        return [random_value(generator, depth + 1) for _ in range(generator.randrange(4))]
    if kind == 6:
        return {f"k{index}": random_value(generator, depth + 1) for index in range(generator.randrange(4))}
    number = generator.uniform(-1, 1) * 10.0 ** generator.randint(-12, 12)
    return [generator.choice(texts), number, generator.randint(-99, 99), generator.random() < 0.5, None][kind]


@pytest.mark.parametrize("style", [None, True, False])
def test_what_pyyaml_writes_is_read_back(style: bool | None) -> None:
    generator, read = random.Random(0), 0
    for _ in range(100):
        value = {"top": random_value(generator, 0)}
        text = yaml.safe_dump(value, default_flow_style=style, allow_unicode=True)
        # YAML 1.1 leaves these plain because it reads them as text; in 1.2 they are numbers and stay what they look like.
        if "1e-3" in text:
            continue
        assert plain(composed(text)) == value, text
        read += 1
    assert read > 80


def test_every_scalar_is_where_its_position_says() -> None:
    text = "a: first\nb:\n  - second\n  - {c: third, 'd e': \"fourth\"}\nf: [fifth,\n    sixth]\n"
    lines = text.split("\n")
    found = list(leaves(composed(text)))
    assert len(found) == 6
    for _, node in found:
        start = lines[node.place.line - 1][node.place.column - 1 :].lstrip('"')
        assert start.startswith(str(node.value))


def test_keys_have_places_of_their_own() -> None:
    node = composed("a:\n  b: 1\n  'c d': {e: 2}\n")
    assert str(key_place(node, ("a", "b"))) == "f:2:3"
    assert str(key_place(node, ("a", "c d"))) == "f:3:3"
    assert str(key_place(node, ("a", "c d", "e"))) == "f:3:11"
    assert str(key_place(node, ("a", "c d", "missing"))) == "f:3:3"


def test_block_and_quoted_scalars_are_text() -> None:
    node = composed("a: '3'\nb: |\n  4\nc: \"true\"\nd: >-\n  5\n")
    assert plain(node) == {"a": "3", "b": "4\n", "c": "true", "d": "5"}


def test_aliases_stand_for_what_they_name() -> None:
    node = composed("a: &x [1, 2]\nb: *x\nc: {d: *x}\n")
    assert plain(node) == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}
    found = at(node, ("c", "d", 1))
    assert found is not None
    assert str(found.place) == "f:1:11"


def test_an_anchor_may_be_set_again() -> None:
    assert plain(composed("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")) == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_nesting_is_bounded_exactly() -> None:
    deepest = "[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1)
    assert plain(composed(deepest))
    assert f"nested more than {MAX_DEPTH} deep" in refusal(f"[{deepest}]")


def test_aliases_count_for_depth_exactly() -> None:
    half = MAX_DEPTH // 2
    inner, opened, closed = "&x " + "[" * half + "]" * half, "[" * (MAX_DEPTH - half - 2), "]" * (MAX_DEPTH - half - 2)
    assert composed(f"- {inner}\n- {opened}*x{closed}\n")
    assert "nested more" in refusal(f"- {inner}\n- [[{opened}*x{closed}]]\n")


def test_values_are_bounded_exactly_with_what_aliases_stand_for() -> None:
    inner = ", ".join(["1"] * 98)  # a list of 98 is 99 values
    copies = (MAX_NODES - 1) // 99 - 1
    rest = MAX_NODES - 1 - 99 * (copies + 1)
    items = [f"&x [{inner}]", *["*x"] * copies, *["1"] * rest]
    assert composed(f"[{', '.join(items)}]")
    assert f"more than {MAX_NODES} values" in refusal(f"[{', '.join(items)}, 1]")


def test_a_thousand_bad_values_are_all_reported() -> None:
    assert refusal("".join(f"k{index}: .nan\n" for index in range(60))).count("\n") == 50


def test_nothing_is_constructed_from_tags() -> None:
    text = refusal("a: !!python/object/apply:os.getcwd []\nb: !!set {x}\nc: !<tag:yaml.org,2002:str> d\ne: ! f\n")
    assert text.split("\n") == [
        "f:1:4: the tag '!!python/object/apply:os.getcwd'; recipes use no tags; write the plain value",
        "f:2:4: the tag '!!set'; recipes use no tags; write the plain value",
        "f:3:4: the tag '!!str'; recipes use no tags; write the plain value",
        "f:4:4: the tag '!'; recipes use no tags; write the plain value",
    ]
