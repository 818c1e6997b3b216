"""HTML that is told apart from text by its type, so that no text gets into a page unescaped."""

from __future__ import annotations

import html
from collections.abc import Iterable


class Html(str):
    """Markup. A plain `str` is text, and is escaped wherever it meets markup."""

    __slots__ = ()


def escaped(content: str) -> Html:
    """Text as markup; markup as it is."""
    return content if isinstance(content, Html) else Html(html.escape(content, quote=True))


def joined(parts: Iterable[str], separator: str = "") -> Html:
    """Markup and escaped text, one after the other."""
    return Html(separator.join(escaped(part) for part in parts))


def element(name: str, /, *content: str, **attributes: str | float | bool | None) -> Html:
    """An element with a closing tag.

    Args:
        name: Of the tag, such as ``td``.
        content: Markup, or text to escape.
        attributes: Values are escaped; None and False leave the attribute out, True gives it no value. ``class_`` and
            ``for_`` stand for ``class`` and ``for``; an underscore within a name is a hyphen.
    """
    return Html(f"<{name}{_written(attributes)}>{joined(content)}</{name}>")


def void(name: str, /, **attributes: str | float | bool | None) -> Html:
    """An element that has no content and no closing tag in HTML, such as ``img``; attributes as for `element`."""
    return Html(f"<{name}{_written(attributes)}>")


def _written(attributes: dict[str, str | float | bool | None]) -> str:
    return "".join(
        f" {_name(key)}" if value is True else f' {_name(key)}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )


def _name(key: str) -> str:
    """``view_box`` is SVG's only name with a capital that charts need."""
    return "viewBox" if key == "view_box" else key.rstrip("_").replace("_", "-")
