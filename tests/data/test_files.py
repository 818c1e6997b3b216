"""Files are opened if they are files; text is read line by line; errors name file and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mstasks import open_file, quoted, read_ids, read_lines
from mstasks.data.files import reason


def test_what_a_terminal_cannot_show_is_escaped() -> None:
    assert quoted(Path("a b/größe.png")) == "'a b/größe.png'"
    assert quoted(Path(os.fsdecode(b"a\xff\n\x1b[2J.png"))) == r"'a\udcff\n\x1b[2J.png'"


def test_a_file_and_a_link_to_it_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with open_file(tmp_path / name) as file:
            assert file.read() == b"content"


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name, message in {
        "pipe": r"pipe' is a pipe, a socket or a device, where a file is expected\.",
        "zero": r"zero' is a pipe, a socket or a device",
        ".": "is a folder, where a file is expected",
        "gone": r"There is no '.*gone'\.",
        "loop": r"loop' cannot be opened: Too many levels of symbolic links\.",
        "x" * 300: r"x' cannot be opened: File name too long\.",
        "zero\0byte": r"zero\\x00byte' cannot be the name of a file: embedded null byte\.",
        "half\ud800": r"half\\ud800' cannot be the name of a file: .*surrogates not allowed\.",
    }.items():
        with pytest.raises(ValueError, match=message):
            open_file(tmp_path / name)


def test_a_pipe_that_took_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    os.mkfifo(tmp_path / "pipe")
    status = (tmp_path / "file").stat()
    monkeypatch.setattr(Path, "stat", lambda self, **_: status)
    with open_file(tmp_path / "pipe") as file:
        assert file.read() == b""


@pytest.mark.parametrize("content", [b"a\n b c \n\n\td", b"\xef\xbb\xbfa\r\n b c \r\n\r\nd\r\n", b"a\rb c\r\rd"])
def test_lines_are_stripped_whatever_ends_them(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list").write_bytes(content)
    assert read_lines(tmp_path / "list") == ["a", "b c", "", "d"]


def test_lines_end_only_where_an_editor_ends_them(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("a\x1cb\u2028c\x85d\n")
    assert read_lines(tmp_path / "list") == ["a\x1cb\u2028c\x85d"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\xff\n", r"list' is not a text file in UTF-8: line 2, invalid start byte\."),
        (b"a\nb\0\n", r"list' is not a text file: line 2 holds a zero byte\."),
        (b"a\n" * (17 << 20), r"list' is larger than 32 MiB or 2,000,000 lines, which no list of ids or labels is\."),
        (b"\r" * 2_000_001, r"is larger than 32 MiB or 2,000,000 lines"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_lines(tmp_path / "list")


def test_ids_are_listed_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes("b\n\n a \r\ngröße 1\n.hidden\n...\n".encode())
    assert read_ids(tmp_path / "list") == ("b", "a", "größe 1", ".hidden", "...")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\n\na\n", r"list:3: the id 'a' stands in line 1 already\."),
        ("a\nb/c\n", r"list:2: an id must be a file name without folders\. Found 'b/c'\."),
        ("..\n", r"list:1: an id must be a file name without folders\. Found '\.\.'\."),
        (".\n", r"list:1: .* Found '\.'\."),
        ("b\\c\n", r"list:1: .* Found 'b\\c'\."),
        ("/a\x1b[2J\n", r"list:1: .* Found '/a\\x1b\[2J'\."),
        ("\n \n", r"list' lists no ids\."),
    ],
)
def test_a_line_that_is_no_id_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "list").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_ids(tmp_path / "list")


def test_a_reason_is_one_readable_line() -> None:
    assert reason(ValueError("two\n  lines.")) == "two lines"
    assert reason(OSError(-2)) == "the decoder failed with OSError: -2"
    assert reason(KeyError("x")) == "the decoder failed with KeyError: 'x'"
    assert reason(EOFError()) == "the decoder failed with EOFError"
    assert reason(MemoryError()) == "there is not enough memory for it"
    assert reason(ValueError("a\x1b[2J")) == r"a\x1b[2J"
    assert len(reason(ValueError("long " * 1000))) < 310
