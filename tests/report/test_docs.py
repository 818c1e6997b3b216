"""The example of docs/report.md runs, and the page's sections are those that it lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mstasks.report import build

DOCS = Path(__file__).parents[2] / "docs" / "report.md"


def test_the_example_writes_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, str(DOCS), "exec"), {})
    assert "mIoU on validation" in Path("rates.html").read_text(encoding="utf-8")


def test_every_section_is_documented_in_order() -> None:
    folder = Path(build.__file__).parent
    titles = {title for file in folder.glob("*.py") for title in re.findall(r'Section\("([^"]+)"\)', file.read_text())}
    listed = re.findall(r"^\| ([A-Z][^|]+?) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert titles - {"Overview", "Comparison", "Results"} <= set(listed)
    assert len(titles) > 8
