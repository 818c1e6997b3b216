"""What the tests of pages share: tiny runs, a strict reader of HTML, and headless Chromium over its debugging pipe."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mstasks.bench.compare import bench_run
from mstasks.bench.files import write_bench
from mstasks.cli import main
from mstasks.compaction import compact_run as compacted
from mstasks.fit import fit, start_run
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder

_RECIPE = """
name: all-kinds
data: {dataset: scenes, size: [48, 64], train: 8, val: 4, test: 6, batch_size: 4}
backbone: {model: mobilenetv3_small_050}
decoder: {width: 16}
tasks: {segmentation: {}, depth: {}, normals: {}, edges: {}, attributes: {}}
unseen: {outlines: {task: edges, target: edges}}
adapt: {shots: 2, draws: 2, strategy: {name: head-first, steps: 2}}
run: {evaluate_every: 6, log_every: 2, pictures: 2}
"""
_SPARSE = """
name: sparse
method: meta-sparsity
meta: {update: look-ahead}
sparsity: {target: {macs: 0.5}}
extends: all-kinds.yaml
optim: {steps: 12}
"""
_DENSE = "name: dense\nextends: all-kinds.yaml\noptim: {steps: 2}\nrun: {evaluate_every: 2}\n"
_ALONE = """
name: alone
method: single-task
data: {dataset: scenes, size: [48, 48], train: 4, val: 2, test: 2, batch_size: 2}
backbone: {model: mobilenetv3_small_050}
decoder: {width: 16}
tasks: {depth: {}, attributes: {}}
optim: {steps: 1}
run: {pictures: 1}
"""


def _fitted(folder: Path, name: str, recipe: str) -> RunFolder:
    (folder / "all-kinds.yaml").write_text(_RECIPE)
    (folder / f"{name}.yaml").write_text(recipe)
    loaded = load_recipe(folder / f"{name}.yaml")
    run = start_run(loaded, folder)
    fit(loaded, run, Console(quiet=True))
    return run


@pytest.fixture(scope="session")
def sparse_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """All kinds of tasks, priced down to half the MACs."""
    return _fitted(tmp_path_factory.mktemp("report"), "sparse", _SPARSE)


@pytest.fixture(scope="session")
def dense_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same tasks, hardly trained."""
    return _fitted(tmp_path_factory.mktemp("report"), "dense", _DENSE)


@pytest.fixture(scope="session")
def compact_run(sparse_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The sparse run made compact, and timed."""
    made = compacted(sparse_run, tmp_path_factory.mktemp("compact")).run
    write_bench(bench_run(made, [1], 0.0, 1, ["eager"]), made)
    return made


@pytest.fixture(scope="session")
def adapted_run(compact_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The compact run adapted to a task that is new to it."""
    out = tmp_path_factory.mktemp("adapted")
    assert main(["adapt", str(compact_run.path), "--out", str(out)]) == 0
    return RunFolder(out / "sparse" / "001")


@pytest.fixture(scope="session")
def single_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A network a task."""
    return _fitted(tmp_path_factory.mktemp("single"), "alone", _ALONE)


@pytest.fixture(scope="session")
def unfinished_run(sparse_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The sparse run before it was complete, without a checkpoint."""
    folder = tmp_path_factory.mktemp("unfinished") / "sparse" / "001"
    shutil.copytree(sparse_run.path, folder, ignore=shutil.ignore_patterns("summary.json", "checkpoints"))
    return RunFolder(folder)


_VOID = {"meta", "img", "br", "hr", "input", "link"}


@dataclass
class Document(HTMLParser):
    """A page that was read strictly: each tag that is opened is closed, in order."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("script", "style"):
            self.texts.append(data)

    def close(self) -> None:
        super().close()
        assert not self._open, f"never closed: {self._open}"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def classed(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.elements if name in (attributes.get("class") or "").split()]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


Read = Callable[[str], Document]


@pytest.fixture(scope="session")
def read() -> Read:
    """Reads a page or a piece of one, and checks that its tags balance, its ids differ, and nothing is fetched."""

    def document(markup: str) -> Document:
        found = Document()
        found.feed(markup)
        found.close()
        ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        for _, attributes in found.elements:
            for key in ("src", "href", "action", "data"):
                value = attributes.get(key) or "#"
                assert value.startswith(("#", "data:", "picture:")), f"{key}={value[:60]} is outside the page"
        assert "url(" not in markup
        assert "@import" not in markup
        return found

    return document


_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)


@dataclass
class Browser:
    """Chromium that answers the DevTools protocol on two pipes, one JSON document after the other, ended by NUL."""

    process: subprocess.Popen[bytes]
    write: int
    read: int
    events: list[dict[str, Any]] = field(default_factory=list)
    _rest: bytes = b""
    _number: int = 0

    @classmethod
    def start(cls, program: str, profile: Path) -> Browser:
        to_read, write = os.pipe()
        read, to_write = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4; the shell moves ours there.
        flags = [*_FLAGS, f"--user-data-dir={profile}"]
        shell = ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash", program, *flags, "about:blank"]
        process = subprocess.Popen(
            shell, pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        return cls(process, write, read)

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self.write, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self.events.append(answer)

    def wait(self, method: str) -> None:
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self.read, 1 << 16)
            assert piece, "the browser has gone"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.write)
        os.close(self.read)


@dataclass
class Shown:
    """A page that is open in the browser."""

    browser: Browser
    session: str

    def value(self, expression: str) -> Any:
        found = self.browser.call("Runtime.evaluate", self.session, expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    @property
    def complaints(self) -> list[str]:
        """What stands in the console, and every request that left the page's own file."""
        told = []
        for event in self.browser.events:
            if event["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                told.append(json.dumps(event["params"]))
            elif event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith(("file:", "data:")):
                    told.append(f"request: {url}")
        return told

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        size = self.browser.call("Page.getLayoutMetrics", self.session)["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.browser.call("Page.captureScreenshot", self.session, clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        return base64.b64decode(self.browser.call("Page.printToPDF", self.session, printBackground=False)["data"])


Show = Callable[..., Shown]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium is installed; the tests without a browser ran")
    started = Browser.start(program, tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


@pytest.fixture
def show(browser: Browser) -> Show:
    """Opens a file: ``show(path, width=390, scheme="dark")``."""

    def opened(path: Path, width: int = 1280, scheme: str = "light", scripts: bool = True) -> Shown:
        browser.events.clear()
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Shown(browser, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            browser.call(f"{domain}.enable", session)
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.call("Emulation.setDeviceMetricsOverride", session, **metrics)
        scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.call("Emulation.setEmulatedMedia", session, features=[scheme_feature])
        browser.call("Emulation.setScriptExecutionDisabled", session, value=not scripts)
        browser.events.clear()
        browser.call("Page.navigate", session, url=path.resolve().as_uri())
        browser.wait("Page.loadEventFired")
        return page

    return opened
