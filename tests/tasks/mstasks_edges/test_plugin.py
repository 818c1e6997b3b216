"""The entry module of the edges plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from pydantic import ValidationError

import mstasks_edges
from mstasks import TargetInfo, TargetKind, Task
from mstasks_edges.options import EdgesOptions


def resolve(reference: str | None) -> object:
    assert reference is not None
    module, attribute = reference.split(":")
    return getattr(import_module(module), attribute)


def test_it_offers_edges() -> None:
    (spec,) = mstasks_edges.register_tasks()
    assert spec.name == "edges"
    assert resolve(spec.options) is EdgesOptions
    factory = resolve(spec.factory)
    assert callable(factory)
    task = factory(TargetInfo(TargetKind.SCALAR_MAP), EdgesOptions())
    assert isinstance(task, Task)
    assert task.kind is TargetKind.SCALAR_MAP


def imports(module: str, statement: str) -> bool:
    code = f"{statement}\nimport sys\nprint({module!r} in sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_listing_it_imports_nothing_heavy() -> None:
    statement = "import mstasks_edges; mstasks_edges.register_tasks()"
    for module in ("torch", "pydantic", "numpy"):
        assert not imports(module, statement)


def test_its_options_import_no_torch() -> None:
    assert not imports("torch", "import mstasks_edges.options")


def test_the_check_itself_works() -> None:
    assert imports("pydantic", "import mstasks_edges.options")
    assert imports("torch", "import torch")


def test_every_option_is_documented() -> None:
    fields = EdgesOptions.model_fields
    assert fields, "no option was seen; the test would check nothing"
    for name, field in fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"weight": 0.9}', "Extra inputs are not permitted"),
        ('{"positive_weight": 0}', "greater than 0"),
        ('{"positive_weight": 1}', "less than 1"),
        ('{"max_distance": -0.1}', "greater than or equal to 0"),
        ('{"max_distance": 0.5}', "less than or equal to 0.02"),
    ],
)
def test_options_out_of_range_are_refused(text: str, found: str) -> None:
    with pytest.raises(ValidationError, match=found):
        EdgesOptions.model_validate_json(text)
