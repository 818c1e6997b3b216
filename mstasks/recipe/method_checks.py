"""What the method of a recipe needs of its other sections, as far as it is known without torch."""

from __future__ import annotations

from collections.abc import Mapping

from mstasks.plugins import Registry
from mstasks.recipe.core_keys import STRENGTH, UPDATE
from mstasks.recipe.entries import Plugged
from mstasks.recipe.errors import Problems
from mstasks.recipe.methods import READERS, method_of, reads
from mstasks.recipe.model import Data, Optim
from mstasks.recipe.strength_checks import check_inner_prox, check_strength
from mstasks.recipe.tree import Node, TreePath, at, count, key_place, value_place
from mstasks.recipe.wording import quote


def check_method(root: Node, plugged: Mapping[TreePath, Plugged], registry: Registry, problems: Problems) -> None:
    """Check `method`, `sparsity` and `meta` against each other.

    Args:
        root: The recipe.
        plugged: Its open sections that are valid by themselves.
        registry: What plugins offer, to say what would do.
        problems: Gets what does not fit.
    """
    if method_of(root) is None:
        return  # refused by the model
    for name in READERS:
        _check_section(root, name, problems)
    strength = plugged.get(STRENGTH) if reads(root, "sparsity") else None
    update = plugged.get(UPDATE) if reads(root, "meta") else None
    if strength is not None:
        check_strength(root, strength, update, registry, problems)
    if update is not None:
        check_inner_prox(root, update, strength, registry, problems)
        _check_images(root, update, problems)


def _check_section(root: Node, name: str, problems: Problems) -> None:
    """A section stands only where a method reads it, and `sparsity` wherever one does."""
    section, method = at(root, (name,)), method_of(root)
    written = section is not None and section.value is not None
    if written and not reads(root, name):
        found = f"{name} is read by methods {' and '.join(READERS[name])}, and method is {method}"
        allowed = f"name one of these methods, or remove {name} (`{name}: null` removes what is inherited)"
        problems.add(key_place(root, (name,)), found, allowed)
    elif not written and reads(root, name) and name == "sparsity":
        found = f"method {method} needs sparsity, and there is none"
        problems.add(value_place(root, ("method",)), found, "write for example sparsity: {target: {macs: 0.5}}")


def _check_images(root: Node, update: Plugged, problems: Problems) -> None:
    """Every micro-batch has a support and a query image, and every step as many as its episodes need.

    Options of an update may say that they need more: `least_images` in a step, and none but whole batches
    (`accumulates`).
    """
    size = count(at(root, ("data", "batch_size")), Data.model_fields["batch_size"].default)
    parts = count(at(root, ("optim", "accumulate")), Optim.model_fields["accumulate"].default)
    if size is None or parts is None:
        return
    if parts > 1 and not getattr(update.options, "accumulates", True):
        found = f"optim.accumulate is {parts}, and episodes of meta update {quote(update.spec.name)} cannot be cut"
        allowed = "allowed: 1; more episodes a step save memory too, since they are passed through one by one"
        problems.add(value_place(root, ("optim", "accumulate")), found, allowed)
        return
    place = value_place(root, ("data", "batch_size"))
    found, least = f"data.batch_size is {size}", getattr(update.options, "least_images", 2)
    if size < 2 * parts:
        beside = f", and optim.accumulate {parts}" if parts > 1 else ""
        reason = f"method {method_of(root)} needs a support and a query image in every micro-batch"
        problems.add(place, f"{found}{beside}; {reason}", f"allowed: at least {2 * parts}")
    elif size < least:
        problems.add(
            place,
            f"{found}, too few for the episodes of meta update {quote(update.spec.name)}",
            f"allowed: at least {least}",
        )
