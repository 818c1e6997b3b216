"""The entry module of the attributes plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from pydantic import ValidationError

import mstasks_attributes
from mstasks import TargetInfo, TargetKind, Task
from mstasks_attributes.options import AttributesOptions


def resolve(reference: str | None) -> object:
    assert reference is not None
    module, attribute = reference.split(":")
    return getattr(import_module(module), attribute)


def test_it_offers_attributes() -> None:
    (spec,) = mstasks_attributes.register_tasks()
    assert spec.name == "attributes"
    assert resolve(spec.options) is AttributesOptions
    factory = resolve(spec.factory)
    assert callable(factory)
    task = factory(TargetInfo(TargetKind.ATTRIBUTES, names=("indoor", "lamp")), AttributesOptions())
    assert isinstance(task, Task)
    assert task.kind is TargetKind.ATTRIBUTES


def imports(module: str, statement: str) -> bool:
    code = f"{statement}\nimport sys\nprint({module!r} in sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_listing_it_imports_nothing_heavy() -> None:
    statement = "import mstasks_attributes; mstasks_attributes.register_tasks()"
    for module in ("torch", "pydantic", "numpy"):
        assert not imports(module, statement)


def test_its_options_import_no_torch() -> None:
    assert not imports("torch", "import mstasks_attributes.options")


def test_the_check_itself_works() -> None:
    assert imports("pydantic", "import mstasks_attributes.options")
    assert imports("torch", "import torch")


def test_every_option_is_documented() -> None:
    fields = AttributesOptions.model_fields
    assert fields, "no option was seen; the test would check nothing"
    for name, field in fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"name": ["lamp"]}', "Extra inputs are not permitted"),
        ('{"names": []}', "at least 1 item"),
        ('{"names": ["lamp", "indoor", "lamp"]}', "each attribute at most once; 'lamp' is listed 2 times"),
        ('{"pos_weight": {"lamp": 0}}', "greater than 0"),
    ],
)
def test_options_out_of_range_are_refused(text: str, found: str) -> None:
    with pytest.raises(ValidationError, match=found):
        AttributesOptions.model_validate_json(text)


def test_names_of_a_recipe_are_read() -> None:
    assert AttributesOptions.model_validate_json('{"names": ["lamp", "indoor"]}').names == ("lamp", "indoor")
