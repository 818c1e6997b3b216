"""The entry module of the depth plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import mstasks_depth


def test_it_offers_depth() -> None:
    (spec,) = mstasks_depth.register_tasks()
    assert spec.name == "depth"
    for reference in (spec.factory, spec.options):
        assert reference is not None
        module, attribute = reference.split(":")
        assert hasattr(import_module(module), attribute)


def imports(module: str, statement: str) -> bool:
    code = f"{statement}\nimport sys\nprint({module!r} in sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_listing_it_imports_nothing_heavy() -> None:
    assert not imports("torch", "import mstasks_depth; mstasks_depth.register_tasks()")
    assert not imports("pydantic", "import mstasks_depth; mstasks_depth.register_tasks()")


def test_its_options_import_no_torch() -> None:
    assert not imports("torch", "import mstasks_depth.options")


def test_the_check_itself_works() -> None:
    assert imports("pydantic", "import mstasks_depth.options")
