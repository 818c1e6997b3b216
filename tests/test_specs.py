"""Light specs: their names, references and errors."""

from __future__ import annotations

import dataclasses

import pytest

from mstasks import AdaptationSpec, DatasetSpec, LossWeightingSpec, StrengthSpec, TaskSpec, UpdateSpec


@pytest.mark.parametrize("name", ["depth", "my-task", "my_task", "t2", "celebamask_hq"])
def test_good_names(name: str) -> None:
    assert TaskSpec(name, "Summary.", "package.module:Factory").name == name


@pytest.mark.parametrize("name", ["", "Depth", "2d", "my task", "-x", "a.b", "dépth", "depth\n"])
def test_bad_names_are_explained(name: str) -> None:
    with pytest.raises(ValueError, match=r"lower case letters, digits, '-' and '_'\. Found ") as caught:
        TaskSpec(name, "Summary.", "module:Factory")
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("reference", ["module:Name", "a.b.c:Name", "a_1:b.c", "_m:_n"])
def test_good_references(reference: str) -> None:
    assert TaskSpec("x", "Summary.", reference, reference).options == reference


@pytest.mark.parametrize(
    "reference", ["", "module", "module:", ":Name", "a b:Name", "module:Name()", "m:N:O", "a-b:Name"]
)
def test_bad_references_are_explained(reference: str) -> None:
    with pytest.raises(ValueError, match=r"`factory` of 'x' must look like 'module:attribute'\. Found "):
        TaskSpec("x", "Summary.", reference)
    with pytest.raises(ValueError, match=r"`options` of 'x' must look like 'module:attribute'\. Found "):
        TaskSpec("x", "Summary.", "module:Name", reference)


def test_a_data_set_must_say_where_its_targets_are_declared() -> None:
    with pytest.raises(ValueError, match=r"`targets` of 'x' must look like 'module:attribute'\. Found ''"):
        DatasetSpec("x", "Summary.", "module:Name")
    assert DatasetSpec("x", "Summary.", "module:Name", targets="module:targets").targets == "module:targets"


def test_options_may_be_left_out() -> None:
    assert TaskSpec("x", "Summary.", "module:Name").options is None


def test_a_loss_weighting_ignores_the_recipes_weights_unless_it_says_so() -> None:
    assert not LossWeightingSpec("x", "Summary.", "module:Name").uses_weights
    assert LossWeightingSpec("x", "Summary.", "module:Name", uses_weights=True).uses_weights


def test_a_strength_needs_and_offers_nothing_unless_it_says_so() -> None:
    plain = StrengthSpec("x", "Summary.", "module:Name")
    flags = (
        plain.needs_target,
        plain.takes_target,
        plain.needs_channels,
        plain.has_lambda,
        plain.needs_inner_prox,
    )
    assert flags == (False, False, False, False, False)
    assert StrengthSpec("x", "Summary.", "module:Name", has_lambda=True).has_lambda


@pytest.mark.parametrize("spec", [StrengthSpec, UpdateSpec, AdaptationSpec])
def test_the_other_strategies_have_names_and_references_like_tasks(
    spec: type[StrengthSpec] | type[UpdateSpec] | type[AdaptationSpec],
) -> None:
    with pytest.raises(ValueError, match=r"A plugin name is lower case .* Found 'My own'"):
        spec("My own", "Summary.", "module:Name")
    with pytest.raises(ValueError, match=r"`options` of 'x' must look like 'module:attribute'\. Found 'module'"):
        spec("x", "Summary.", "module:Name", "module")


def test_a_spec_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TaskSpec("x", "Summary.", "module:Name").name = "y"  # type: ignore[misc]
