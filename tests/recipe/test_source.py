"""What is no readable text file is refused for what it is, without being read further than needed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from recipe_fixtures import Load, Write

from mstasks.recipe import RecipeErrors, load_recipe


def refusal(path: str) -> str:
    with pytest.raises(RecipeErrors) as caught:
        load_recipe(path)
    return str(caught.value)


def test_a_missing_file_names_the_shipped_recipes_and_the_nearest(folder: Path) -> None:
    assert refusal("startre.yaml") == (
        "startre.yaml: no such file or shipped recipe; give a path, or a shipped recipe: starter; "
        "did you mean 'starter'?"
    )


def test_a_missing_file_names_a_neighbour_of_nearly_the_same_name(write: Write) -> None:
    write(name="sub/mini.yaml")
    assert refusal("sub/mni.yaml").endswith("did you mean 'sub/mini.yaml'?")


@pytest.mark.parametrize("path", ["a" * 5000, "r.yaml/x.yaml", "~nobody-of-that-name/r.yaml", "a\0b", ""])
def test_paths_that_no_file_system_takes_are_refused_alike(path: str, write: Write) -> None:
    write()
    assert ": no such file or shipped recipe; give a path" in refusal(path)


def test_a_folder(folder: Path) -> None:
    (folder / "sub").mkdir()
    assert refusal("sub") == "sub: is a folder; a recipe is a .yaml file"


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    assert refusal("pipe.yaml") == "pipe.yaml: is not a regular file; a recipe is a .yaml file"


def test_an_unreadable_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write()

    def denied(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    assert refusal("r.yaml") == "r.yaml: cannot be read: Permission denied; check the path and its permissions"


def test_fifty_megabytes_are_refused_by_their_size_at_once(folder: Path) -> None:
    with (folder / "big.yaml").open("wb") as file:
        file.truncate(50_000_000)
    before = time.perf_counter()
    assert refusal("big.yaml") == "big.yaml: the file has 50.0 MB; a recipe has at most 128 KiB"
    assert time.perf_counter() - before < 0.5


def test_the_largest_file_is_still_read_within_a_second(load: Load, good: str) -> None:
    text = good + "# " + "x" * (128 * 1024 - len(good) - 2)
    assert len(text) == 128 * 1024
    before = time.process_time()
    assert load(text).recipe.name == "toy-run"
    assert time.process_time() - before < 1.0
    with pytest.raises(RecipeErrors, match="at most 128 KiB"):
        load(text + "x")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_the_utf8_mark_change_nothing(load: Load, good: str, mark: bytes, end: str) -> None:
    loaded = load(mark + good.replace("\n", end).encode())
    assert loaded.origins["data", "size"] == "r.yaml:4:9"
    assert loaded.origins["name",] == "r.yaml:1:7"


def test_text_beyond_ascii_is_welcome_and_columns_count_characters(load: Load, good: str) -> None:
    loaded = load(good + "# čeština 漢字 😀\n" + 'optim: {"lr": 0.5}\n' + "run: {pictures: 2}\n")
    assert loaded.origins["run", "pictures"] == "r.yaml:12:17"
    with pytest.raises(RecipeErrors, match=r"^r.yaml:6:24: unknown key 'modle'"):
        load(good.replace("{model: resnet18}", "{model: 漢字😀, modle: x}"))
