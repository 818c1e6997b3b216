"""What few labelled images made of a run: the draws beside their references, and what became of the other tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mstasks.adapt.findings import difference, findings
from mstasks.report.markup import Html, element, joined
from mstasks.report.page import Section, collapsible, paragraph, table
from mstasks.report.source import Source
from mstasks.report.wording import count, digits, directed, number

_NAMES = {"trivial": "trivial: never looks at the image", "ridge": "ridge regression, in closed form"}


def adaptation(source: Source) -> Section:
    """The result of `mstasks adapt`; empty for other runs."""
    section = Section("Adaptation")
    adapt = source.summary.get("adapt")
    if not adapt:
        return section
    section.add(paragraph(_sentence(adapt)), _columns(adapt), paragraph(_paired(adapt), note=True))
    section.add(*(element("p", sentence[:1].upper() + sentence[1:], class_="bad") for sentence in findings(adapt)))
    section.add(*(paragraph(sentence, note=True) for sentence in adapt.get("failed") or ()))
    section.add(*_seen(source, adapt))
    parts = _parts(adapt)
    return section.add(
        collapsible("Each draw", _draws(adapt)),
        collapsible("What was trained, frozen and zero", parts) if parts else Html(),
    )


def strategy(adapt: Mapping[str, Any]) -> str:
    """The name of the strategy that a summary's `adapt` speaks of."""
    named = adapt["strategy"]
    return str(named["name"] if isinstance(named, Mapping) else named)


def _sentence(adapt: Mapping[str, Any]) -> str:
    draws = len(adapt["draws"])
    return (
        f"{adapt['task']} from {adapt['shots']} labelled images, {draws} {'draw' if draws == 1 else 'draws'} of them, "
        f"by {strategy(adapt)} in {adapt['steps']} steps. The network of the first draw is kept, whatever it scores."
    )


def _columns(adapt: Mapping[str, Any]) -> Html:
    metric = joined([directed(adapt["primary"], adapt["higher_is_better"]), " over draws"])
    size = adapt["columns"]["adapted"]["mean"] or 0.0
    rows = []
    for name, spread in adapt["columns"].items():
        ahead, interval = (None, None) if name == "adapted" else difference(adapt, name)
        heading = element("strong", name) if name == "adapted" else _NAMES.get(name, name)
        within = "" if interval is None else f"{_signed(interval[0], size)} to {_signed(interval[1], size)}"
        rows.append((heading, number(spread["mean"]), number(spread["sd"]), _ahead(ahead, size), within))
    columns = ("predictor", metric, "sd", "adapted is better by", "95 % interval")
    return table(columns, rows, numbers=columns[1:])


def _ahead(value: float | None, size: float) -> str:
    return "" if value is None else element("span", _signed(value, size), class_="good" if value > 0 else "bad")


def _signed(value: float, size: float) -> str:
    """A difference of scores of about some size, with their decimals."""
    return f"{value:+.{digits(size)}f}"


def _paired(adapt: Mapping[str, Any]) -> str:
    return (
        "On the test split. Differences are paired: each draw gives all predictors the same images. The interval is "
        "Student's t over the draws, and somewhat too narrow where they share images."
        if len(adapt["draws"]) > 1
        else "On the test split, from a single draw: other images would give other numbers."
    )


def _seen(source: Source, adapt: Mapping[str, Any]) -> Iterator[Html]:
    """What became of the tasks that the run did before."""
    rows = []
    for name, scores in (adapt.get("seen") or {}).items():
        task = source.summary["tasks"].get(name) or {}
        metric = task.get("primary") or next(iter(scores["after"]))
        title = directed(metric, task["higher_is_better"]) if task else metric
        rows.append((name, title, number(scores["before"].get(metric)), number(scores["after"].get(metric))))
    if rows:
        columns = ("task", "metric", "before", "after")
        yield element("h3", "What became of the tasks that it did before")
        yield table(columns, rows, numbers=columns[2:])
    if adapt.get("released"):
        names = ", ".join(adapt["released"])
        yield paragraph(f"Not part of this run any more: {names}.", note=True)


def _draws(adapt: Mapping[str, Any]) -> Html:
    names = list(adapt["columns"])
    rows = [
        (
            str(draw["draw"]),
            *(number(draw["scores"][name].get(adapt["primary"])) for name in names),
            f"{draw['seconds']:.1f} s",
            ", ".join(map(str, draw["support"])),
        )
        for draw in adapt["draws"]
    ]
    return table(("draw", *names, "time", "support images"), rows, numbers=("draw", *names, "time"))


def _parts(adapt: Mapping[str, Any]) -> Html:
    rows = [
        (part["name"], _state(part["new"], part["rates"]), count(part["parameters"]), count(part["zero"]))
        for part in adapt.get("parts") or ()
    ]
    columns = ("part", "state", "parameters", "zero")
    return table(columns, rows, numbers=columns[2:]) if rows else Html()


def _state(new: bool, rates: Sequence[float | None]) -> str:
    """Peak learning rates phase by phase."""
    written = " then ".join("0" if rate is None else f"{rate:g}" for rate in rates)
    state = f"trained, rate {written}" if any(rates) else "frozen"
    return f"new, {state}" if new else state
