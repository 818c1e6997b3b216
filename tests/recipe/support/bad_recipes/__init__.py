"""Bad recipes and what is said about them."""

from __future__ import annotations

from dataclasses import dataclass

GOOD = """\
name: toy-run
data:
  dataset: toy
  size: [64, 96]
  batch_size: 8
backbone: {model: resnet18}
tasks:
  labels: {}
  depth: {loss: berhu}
"""


@dataclass(frozen=True)
class Bad:
    """A recipe that is refused.

    Attributes:
        id: What is wrong with it.
        text: The file `r.yaml`.
        errors: All lines of the message, exactly.
        overrides: `key.path=value` on top.
        files: Further files by name.
        environment: Variables that are set.
    """

    id: str
    text: str | bytes
    errors: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


def changed(old: str, new: str) -> str:
    """The good recipe with a change, which must be one."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def added(text: str) -> str:
    """The good recipe with more lines; the first is line 10."""
    return GOOD + text
