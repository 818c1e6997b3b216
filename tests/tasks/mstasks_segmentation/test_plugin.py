"""The entry module of the segmentation plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from pydantic import ValidationError

import mstasks_segmentation
from mstasks import TargetInfo, TargetKind, Task
from mstasks_segmentation.options import SegmentationOptions


def resolve(reference: str | None) -> object:
    assert reference is not None
    module, attribute = reference.split(":")
    return getattr(import_module(module), attribute)


def test_it_offers_segmentation() -> None:
    (spec,) = mstasks_segmentation.register_tasks()
    assert spec.name == "segmentation"
    assert resolve(spec.options) is SegmentationOptions
    factory = resolve(spec.factory)
    assert callable(factory)
    task = factory(TargetInfo(TargetKind.LABEL_MAP, names=("floor", "wall")), SegmentationOptions())
    assert isinstance(task, Task)
    assert task.kind is TargetKind.LABEL_MAP


def imports(module: str, statement: str) -> bool:
    code = f"{statement}\nimport sys\nprint({module!r} in sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_listing_it_imports_nothing_heavy() -> None:
    statement = "import mstasks_segmentation; mstasks_segmentation.register_tasks()"
    for module in ("torch", "pydantic", "numpy"):
        assert not imports(module, statement)


def test_its_options_import_no_torch() -> None:
    assert not imports("torch", "import mstasks_segmentation.options")


def test_the_check_itself_works() -> None:
    assert imports("pydantic", "import mstasks_segmentation.options")
    assert imports("torch", "import torch")


def test_every_option_is_documented() -> None:
    fields = SegmentationOptions.model_fields
    assert fields, "no option was seen; the test would check nothing"
    for name, field in fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"smoothing": 0.1}', "Extra inputs are not permitted"),
        ('{"label_smoothing": 1}', "less than 1"),
        ('{"label_smoothing": -0.1}', "greater than or equal to 0"),
        ('{"class_weights": {"floor": 0}}', "greater than 0"),
        ('{"class_weights": {"floor": "2"}}', "valid number"),
    ],
)
def test_options_out_of_range_are_refused(text: str, found: str) -> None:
    with pytest.raises(ValidationError, match=found):
        SegmentationOptions.model_validate_json(text)
