"""What must fit together in `unseen` and `adapt`, as far as it is known without torch."""

from __future__ import annotations

from pathlib import Path

from mstasks.recipe.errors import Problems
from mstasks.recipe.tree import Node, at, dotted, key_place, mapping, text
from mstasks.recipe.wording import did_you_mean, quote

_NAMED_BASELINES = ("scratch", "imagenet")


def check_adaptation(root: Node, problems: Problems) -> None:
    """Check that no task is both trained and unseen, and that each baseline is a name or may be a path.

    Args:
        root: The recipe.
        problems: Gets what does not fit.
    """
    for name in mapping(at(root, ("unseen",))):
        if name in mapping(at(root, ("tasks",))):
            place = key_place(root, ("unseen", name))
            found = f"{quote(name)} is in unseen and in tasks too, and a task that is trained on is not unseen"
            allowed = f"remove one of the two (`tasks.{name}: null` removes what is inherited), or rename one"
            problems.add(place, found, allowed)
    baselines = at(root, ("adapt", "baselines"))
    if baselines is not None and isinstance(baselines.value, tuple):
        for index, item in enumerate(baselines.value):
            _check_baseline(item, index, problems)


def _check_baseline(item: Node, index: int, problems: Problems) -> None:
    """A single word that names neither a baseline nor anything on disk is a typing error, not a path."""
    word = text(item)
    if not word or word in _NAMED_BASELINES or word != Path(word).name or word.startswith("~"):
        return
    if any((folder / word).exists() for folder in (item.place.folder or Path(), Path())):
        return
    found = f"{dotted(('adapt', 'baselines', index))} is the text {quote(word)}, and there is no such folder"
    allowed = "allowed: 'scratch', 'imagenet' or the path of a run"
    problems.add(item.place, found, allowed, did_you_mean(word, _NAMED_BASELINES))
