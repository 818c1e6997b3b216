"""What a strength needs of the rest of a recipe, and what an inner loop needs of a strength."""

from __future__ import annotations

from collections.abc import Callable

from mstasks.plugins import Registry
from mstasks.recipe.core_keys import STRENGTH, TARGET, UPDATE
from mstasks.recipe.entries import Plugged
from mstasks.recipe.errors import Problems
from mstasks.recipe.methods import method_of, reads
from mstasks.recipe.tree import Node, at, key_place, text, value_place
from mstasks.recipe.wording import listing, quote
from mstasks.specs import StrengthSpec

_INNER_PROX = "inner_prox"
_PARTS_OF_CHANNELS = ("input-channel", "output-channel")
_NEVER_REMOVED = "output-channel"
"""A zero row of a convolution still passes on the shift of the norm behind it, so it saves no cost."""
_LEARNING = "meta: {update: {name: maml, inner_prox: true}}"


def check_strength(
    root: Node, strength: Plugged, update: Plugged | None, registry: Registry, problems: Problems
) -> None:
    """Check a strength that the method reads against the target, the groups and the meta update.

    Args:
        root: The recipe.
        strength: Its strength, valid by itself.
        update: Its meta update; None if it has none or an invalid one.
        registry: What plugins offer, to say what would do.
        problems: Gets what does not fit.
    """
    spec = _spec(strength)
    _check_target(root, spec, registry, problems)
    _check_groups(root, spec, registry, problems)
    _check_learning(root, spec, update, problems)


def check_inner_prox(
    root: Node, update: Plugged, strength: Plugged | None, registry: Registry, problems: Problems
) -> None:
    """Check that proximal steps in an inner loop, if the meta update takes any, have a strength with a lambda.

    Args:
        root: The recipe.
        update: Its meta update, valid by itself and read by the method.
        strength: Its strength; None if it has none or an invalid one.
        registry: What plugins offer, to say what would do.
        problems: Gets what does not fit.
    """
    if not _has_inner_prox(update):
        return
    place = value_place(root, (*UPDATE, _INNER_PROX))
    usable = f"a strength with a lambda: {_strengths(registry, lambda other: other.has_lambda)}"
    if not reads(root, "sparsity"):
        found = f"meta.update.{_INNER_PROX} is true, and method {method_of(root)} has no strength"
        problems.add(place, found, f"remove it, or write method: meta-sparsity and {usable}")
    elif strength is not None and not _spec(strength).has_lambda:
        found = f"meta.update.{_INNER_PROX} is true, and strength {quote(strength.spec.name)} has no lambda for it"
        problems.add(place, found, f"remove it, or take {usable}")


def _check_target(root: Node, spec: StrengthSpec, registry: Registry, problems: Problems) -> None:
    given = _has_target(root)
    if given and not _reads_target(spec):
        found = f"sparsity.target is given, and strength {quote(spec.name)} reads none"
        others = _strengths(registry, _reads_target)
        allowed = f"remove it (`target: null` removes what is inherited), or take a strength with a target: {others}"
        problems.add(key_place(root, TARGET), found, allowed)
    elif spec.needs_target and not given:
        default = ", the default," if at(root, STRENGTH) is None else ""
        found = f"strength {quote(spec.name)}{default} needs a target, and sparsity.target is missing"
        others = _strengths(registry, lambda other: not other.needs_target)
        allowed = f"write for example target: {{macs: 0.5}}, or take a strength without a target: {others}"
        problems.add(value_place(root, (*STRENGTH, "name")), found, allowed)


def _check_groups(root: Node, spec: StrengthSpec, registry: Registry, problems: Problems) -> None:
    groups, given = text(at(root, ("sparsity", "groups"))), _has_target(root)
    if groups is None or _fits(spec, groups, given):
        return
    if spec.needs_channels:
        reason, write = "removes whole channels", "write groups: channel"
    elif spec.takes_target:
        reason = "removes whole channels to meet sparsity.target"
        write = "write groups: channel, remove the target"
    else:
        reason = "has a target, which zeros of these groups cannot meet, since none of them can be removed"
        write = "write groups: channel or input-channel"
    found = f"sparsity.groups is {quote(groups)}, and strength {quote(spec.name)} {reason}"
    others = _strengths(registry, lambda other: _fits(other, groups, given))
    allowed = f"{write}, or take a strength for these groups: {others}"
    problems.add(value_place(root, ("sparsity", "groups")), found, allowed)


def _fits(spec: StrengthSpec, groups: str, given: bool) -> bool:
    """Whether a strength can do its work with these groups, and a target if one is given."""
    if groups in _PARTS_OF_CHANNELS and (spec.needs_channels or (spec.takes_target and given)):
        return False
    return not (spec.needs_target and groups == _NEVER_REMOVED)


def _has_target(root: Node) -> bool:
    target = at(root, TARGET)
    return target is not None and target.value is not None


def _reads_target(spec: StrengthSpec) -> bool:
    return spec.needs_target or spec.takes_target


def _check_learning(root: Node, spec: StrengthSpec, update: Plugged | None, problems: Problems) -> None:
    """A strength that learns in an inner loop has one with a proximal step."""
    if not spec.needs_inner_prox:
        return
    found = f"strength {quote(spec.name)} learns from proximal steps in an inner loop"
    place = value_place(root, (*STRENGTH, "name"))
    if not reads(root, "meta"):
        problems.add(
            place, f"{found}, and method {method_of(root)} has none", f"write method: meta-sparsity and {_LEARNING}"
        )
    elif update is not None and not _has_inner_prox(update):
        problems.add(place, f"{found}, and meta update {quote(update.spec.name)} takes none", f"write {_LEARNING}")


def _spec(strength: Plugged) -> StrengthSpec:
    assert isinstance(strength.spec, StrengthSpec)
    return strength.spec


def _has_inner_prox(update: Plugged) -> bool:
    return getattr(update.options, _INNER_PROX, False) is True


def _strengths(registry: Registry, fit: Callable[[StrengthSpec], bool]) -> str:
    """The strengths that fit, in words."""
    return listing(spec.name for spec in registry.specs("strength") if isinstance(spec, StrengthSpec) and fit(spec))
