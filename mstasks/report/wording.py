"""Numbers and names as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from mstasks.report.markup import Html, element, joined

UP, DOWN = "↑", "↓"


def number(value: float | None) -> str:
    """A score: 0.2293, 38.10; a dash if it is missing."""
    return "–" if value is None else f"{value:.{digits(value)}f}"


def digits(value: float) -> int:
    """Decimals that a score of this size is shown with."""
    return 4 if abs(value) < 10 else 2


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction as 49.8 %."""
    return "–" if fraction is None else f"{100 * fraction:.{digits}f} %"


def change(percents: float | None) -> str:
    """A relative change: +1.2 %, and 0.0 % without a sign."""
    if percents is None:
        return "–"
    text = f"{percents:+.1f} %"
    return text[1:] if text in ("+0.0 %", "-0.0 %") else text


def count(value: float | None) -> str:
    """A number of things, in thousands or millions: 832, 12.4 k, 4.26 M."""
    if value is None:
        return "–"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """A time: 47 s, 1 min 27 s, 3 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def listed(names: Sequence[str]) -> str:
    """Names with commas and an `and`."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1] if names else "") if part)


def directed(metric: str, higher_is_better: bool) -> Html:
    """A metric's name with the direction in which it gets better."""
    arrow, meaning = (UP, "higher is better") if higher_is_better else (DOWN, "lower is better")
    return joined([metric, " ", element("span", arrow, class_="arrow", title=meaning)])
