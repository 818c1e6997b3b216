"""Lists of ids, and what may lie where a file should be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from case import Case, case
from depths import DEPTH, npy
from labels import LABELS
from photographs import SCENE, saved

PLACES = ("missing", "folder", "pipe", "socket", "device", "loop", "dangling", "forbidden")


def lists() -> Iterator[Case]:
    ids = np.array(["a1", "b2"])
    used = {
        "plain": b"a1\nb2\n",
        "no-last-newline": b"a1\nb2",
        "of-windows": b"\xef\xbb\xbfa1\r\nb2\r\n",
        "of-old-macs": b"a1\rb2\r",
        "spaced": b"\n  a1  \n\n\tb2\n\n",
    }
    for name, content in used.items():
        yield case(f"list-{name}", "ids", content, "used", ids)
    yield case("list-of-unicode", "ids", "größe\n日本\n".encode(), "used", np.array(["größe", "日本"]))
    refused = {
        "empty": b"",
        "of-spaces": b" \n\n\t\n",
        "latin-1": "größe\n".encode("latin-1"),
        "utf-16": "a1\nb2\n".encode("utf-16"),
        "of-zeros": bytes(999),
        "zero-within": b"a1\nb\x002\n",
        "of-a-picture": saved(SCENE, format="JPEG"),
        "of-an-array": npy(DEPTH),
        "twice": b"a1\nb2\na1\n",
        "path": b"a1\n../b2\n",
        "up": b"a1\n..\n",
        "of-windows-paths": b"a1\nx\\b2\n",
        "absolute": b"/etc/passwd\n",
        "long-line": b"x" * 100_000 + b"/\n",
        "40-mib": b"a1\n" * (14 << 20),
        "many-lines": b"\n" * 3_000_000,
    }
    for name, content in refused.items():
        yield case(f"list-{name}", "ids", content, "refused")


def places() -> Iterator[Case]:
    """No file at all; a label that is not there is a missing label, which a sample may have."""
    for part in ("image", "segmentation", "depth"):
        for place in PLACES:
            absent = place == "missing" and part != "image"
            yield case(f"{part}-{place}", part, place, "refused", sample="used" if absent else "refused")
        yield case(f"{part}-linked", part, "linked", "used", {"image": SCENE, "segmentation": LABELS}.get(part, DEPTH))


NAMES = (
    b"bytes-\xff\xfe.x",
    b"line\nbreak.x",
    b"bell\x07\x1b[31m.x",
    b"quote'\".x",
    "größe 日本.x".encode(),
    b"%s{0}.x",
    b"-rf.x",
    "right-to-left‮.x".encode(),
)


def names() -> Iterator[Case]:
    """Any name will do, and is readable in an error."""
    for number, name in enumerate(NAMES):
        yield Case(f"name-{number}-good", "image", saved(SCENE, format="PNG"), "used", None, SCENE, file=b"good-" + name)  # fmt: skip
        yield Case(f"name-{number}-bad", "image", b"no picture", "refused", None, file=b"bad-" + name)
    yield Case("name-array-bad", "depth", b"no array", "refused", None, file=b"array-\xff\n.npy")
    yield Case("name-list-bad", "ids", b"\xff", "refused", None, file=b"list-\xff\n.txt")
    yield Case("name-too-long", "image", "missing", "refused", None, file=b"x" * 300)
    yield Case("name-below-a-file", "image", "missing", "refused", None, file=b"good-%s{0}.x/below.jpg")
