"""A key changes with whatever changes the arrays, and with nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPMethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cache_album import ALL, Album

from mstasks import IMAGE, Source
from mstasks.data.cache import key
from mstasks.data.cache.key import Keys


def keys(album: Album) -> dict[tuple[str, str], Any]:
    """Digests of all parts of all samples."""
    found = {(id, part): Keys(album, type(album))(id, part) for id in album.every() for part in ALL}
    return {place: made and made.digest for place, made in found.items()}


def changed(album: Album, change: Callable[[], object]) -> set[tuple[str, str]]:
    before = keys(album)
    change()
    after = keys(album)
    return {place for place in after if before.get(place) != after[place]}


def rewrite(path: Path) -> None:
    """Other content of the same length, at the time that it is now."""
    path.write_bytes(bytes(len(path.read_bytes())))


def test_parts_have_keys_of_their_own(album: Album) -> None:
    found = {place: digest for place, digest in keys(album).items() if digest is not None}
    assert len(set(found.values())) == len(found) == 6 + 2 * 5
    assert found.items() <= keys(Album(album.root)).items()


def test_what_has_no_source_and_no_file_has_no_key(album: Album) -> None:
    found = keys(album)
    assert found["p0", "tags"] is None
    assert found["p5", "depth"] is None
    assert found["p5", "classes"] is None


@pytest.mark.parametrize(
    ("change", "places"),
    [
        (lambda root: (root / "p1.jpg").touch(), {("p1", IMAGE)}),
        (lambda root: rewrite(root / "p1.npy"), {("p1", "depth")}),
        (lambda root: (root / "p2_road.png").unlink(), {("p2", "classes")}),
        (lambda root: (root / "p0.npy").unlink(), {("p0", "depth")}),
        (lambda root: os.link(root / "p2_road.png", root / "p0_tree.png"), {("p0", "classes")}),
        (lambda root: os.link(root / "p2_road.png", root / "p5_tree.png"), {("p5", "classes")}),
        (lambda root: np.save(root / "p5.npy", np.ones((2, 2))), {("p5", "depth")}),
        (lambda root: (root / "p3.jpg").replace(root / "p4.jpg"), {("p3", IMAGE), ("p4", IMAGE)}),
    ],
    ids=["touched", "rewritten", "removed", "last one removed", "added", "first one added", "array added", "replaced"],
)
def test_a_change_of_a_file_changes_the_parts_made_of_it(
    album: Album, change: Callable[[Path], object], places: set[tuple[str, str]]
) -> None:
    before = keys(album)
    change(album.root)
    after = {(id, part): Keys(album, Album)(id, part) for id, part in before}
    assert {place for place, made in after.items() if before[place] != (made and made.digest)} == places


def test_a_setting_changes_the_part_that_lists_it(album: Album) -> None:
    def scale() -> None:
        album.scale = 2.0

    assert changed(album, scale) == {(f"p{number}", "depth") for number in range(5)}


def test_numbers_of_other_types_are_other_settings(album: Album) -> None:
    found = []
    for scale in (1, 1.0, True, "1", None):
        album.scale = scale  # type: ignore[assignment]
        found.append(keys(album)["p0", "depth"])
    assert len(set(found)) == 5


def test_the_size_to_decode_at_changes_images_only(album: Album) -> None:
    def reduce() -> None:
        album.at_least = (20, 30)

    assert changed(album, reduce) == {(f"p{number}", IMAGE) for number in range(6)}


def test_another_size_at_the_same_time_is_another_file(album: Album) -> None:
    def grow() -> None:
        path = album.root / "p1.jpg"
        before = path.stat().st_mtime_ns
        path.write_bytes(path.read_bytes() + b"\0")
        os.utime(path, ns=(before, before))

    assert changed(album, grow) == {("p1", IMAGE)}


def test_a_file_of_the_same_size_and_time_that_took_anothers_place_is_another_file(album: Album) -> None:
    def replace() -> None:
        path = album.root / "p1.npy"
        status = path.stat()
        (album.root / "new").write_bytes(bytes(status.st_size))
        os.utime(album.root / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
        (album.root / "new").replace(path)
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)

    assert changed(album, replace) == {("p1", "depth")}


def test_other_code_has_other_keys(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(album)
    monkeypatch.setattr(key, "code_of", lambda _: "edited")
    after = keys(album)
    assert {place for place in before if before[place] == after[place]} == {
        place for place, digest in before.items() if digest is None
    }


class Another(Album):
    """The same files, read by another class."""


def test_another_class_has_other_keys(album: Album) -> None:
    one, other = keys(album)["p0", IMAGE], Keys(Another(album.root), Another)("p0", IMAGE)
    assert other is not None
    assert one != other.digest


def test_a_folder_that_moves_is_another_one_and_a_relative_path_is_the_same(
    album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = keys(album)
    monkeypatch.chdir(album.root.parent)
    assert keys(Album(Path("album"))) == expected
    album.root.rename("moved")
    assert keys(Album(Path("moved")))["p0", IMAGE] != expected["p0", IMAGE]


def test_names_that_are_not_text_have_keys_of_their_own(album: Album) -> None:
    ids = [os.fsdecode(name) for name in (b"caf\xe9", b"caf\xe8", "café".encode())]
    for id in ids:
        os.link(album.root / "p0.jpg", album.root / f"{id}.jpg")
    found = {Keys(album, Album)(id, IMAGE) for id in ids}
    assert None not in found
    assert len(found) == 3


@dataclass
class Fixed(Album):
    """Whatever part is asked for is made of this."""

    root: Path
    made_of: Source
    scale: float = 1.0

    def source(self, id: str, part: str) -> Source:
        return self.made_of


@pytest.mark.parametrize("name", ["a\0b", "loop/x"])
def test_what_cannot_be_looked_at_has_no_key(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "there").touch()
    source = Source((tmp_path / "there", tmp_path / name))
    assert Keys(Fixed(tmp_path, source), Fixed)("p0", IMAGE) is None


def test_a_setting_of_another_type_is_explained_to_the_plugins_author(tmp_path: Path) -> None:
    dataset = Fixed(tmp_path, Source((Path(__file__),), (tmp_path,)))  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"`Source.settings` of 'depth' must hold str, int, float, .* Found \(PosixPath"
    ):
        Keys(dataset, Fixed)("p0", "depth")


class Silent(float):
    """A number whose notation says nothing of it."""

    def __repr__(self) -> str:
        return "silent"


def test_settings_of_derived_types_count_by_their_value(tmp_path: Path) -> None:
    def made(*settings: Any) -> object:
        return Keys(Fixed(tmp_path, Source((Path(__file__),), settings)), Fixed)("p0", "depth")

    assert made(Silent(1.5)) == made(1.5) != made(Silent(2.5))
    assert made(np.float64(0.123456789012)) == made(0.123456789012) != made(np.float64(0.123456789999))
    assert made(HTTPMethod.GET) == made("GET") != made(HTTPMethod.PUT)
