"""Files that are not the YAML of a recipe."""

from __future__ import annotations

from bad_recipes import GOOD, Bad, added, changed

CASES = [
    Bad("empty file", b"", ("r.yaml: the file is empty; a recipe has at least name, data, backbone and tasks",)),
    Bad(
        "only comments",
        "# nothing\n",
        ("r.yaml: the file is empty; a recipe has at least name, data, backbone and tasks",),
    ),
    Bad(
        "top level is a list",
        "- name: toy\n",
        ("r.yaml:1:1: the file holds a list of 1; a recipe is a mapping of keys",),
    ),
    Bad(
        "top level is a text",
        "toy-run\n",
        ("r.yaml:1:1: the file holds the text 'toy-run'; a recipe is a mapping of keys",),
    ),
    Bad(
        "two documents",
        GOOD + "---\nname: other\n",
        ("r.yaml:10:1: a second document starts here; a recipe is one document; remove the '---'",),
    ),
    Bad(
        "YAML directive",
        "%YAML 1.1\n---\n" + GOOD,
        ("r.yaml:1:1: a YAML directive (%YAML or %TAG); recipes have none; remove the line",),
    ),
    Bad(
        "tab as indentation",
        changed("  dataset: toy", "\tdataset: toy"),
        (
            "r.yaml:3:1: not valid YAML: found character '\\t' that cannot start any token; indent with spaces, not tabs",
        ),
    ),
    Bad(
        "wrong indentation",
        changed("  size: [64, 96]", "   size: [64, 96]"),
        (
            "r.yaml:4:8: not valid YAML: mapping values are not allowed here; put a text that holds ': ' in quotes, put a space after every colon, and check the indentation",
        ),
    ),
    Bad(
        "open bracket",
        changed("[64, 96]", "[64, 96"),
        (
            "r.yaml:5:13: not valid YAML: expected ',' or ']', but got ':' in what starts at 4:9; close the list with ']', and put commas between its items",
        ),
    ),
    Bad(
        "open quote",
        changed("toy-run", '"toy-run'),
        ("r.yaml:1:7: not valid YAML: found unexpected end of stream; the quote that starts here is not closed",),
    ),
    Bad(
        "text with a colon",
        changed("toy-run", "toy: run"),
        (
            "r.yaml:1:10: not valid YAML: mapping values are not allowed here; put a text that holds ': ' in quotes, put a space after every colon, and check the indentation",
        ),
    ),
    Bad(
        "no space after the colon",
        changed("name: toy-run", "name:toy-run"),
        (
            "r.yaml:2:5: not valid YAML: mapping values are not allowed here; put a text that holds ': ' in quotes, put a space after every colon, and check the indentation",
        ),
    ),
    Bad(
        "starts with a percent",
        changed("toy-run", "%toy"),
        (
            "r.yaml:1:7: not valid YAML: found character '%' that cannot start any token; put a text that starts with this character in quotes",
        ),
    ),
    Bad(
        "unknown escape",
        changed("toy-run", r'"C:\windows"'),
        (
            "r.yaml:1:11: not valid YAML: found unknown escape character 'w' in what starts at 1:7; use single quotes where a backslash is meant as it is",
        ),
    ),
    Bad(
        "variable in flow style without quotes",
        changed("  size: [64, 96]", "  size: [${SIDE}, 96]"),
        (
            "r.yaml:4:11: not valid YAML: expected ',' or ']', but got '{' in what starts at 4:9; inside {...} and [...] a variable is written in quotes: \"${NAME}\"",
        ),
    ),
    Bad(
        "variable in a flow mapping",
        changed("{model: resnet18}", "{model: ${MODEL}}"),
        (
            "r.yaml:6:20: not valid YAML: expected ',' or '}', but got '{' in what starts at 6:11; inside {...} and [...] a variable is written in quotes: \"${NAME}\"",
        ),
    ),
    Bad(
        "duplicate key",
        changed("  batch_size: 8", "  batch_size: 8\n  batch_size: 4"),
        ("r.yaml:6:3: the key 'batch_size' is written twice; it is first at r.yaml:5:3; keep one",),
    ),
    Bad(
        "duplicate key at the top, with another error",
        added("name: again\nseed: .nan\n"),
        (
            "r.yaml:10:1: the key 'name' is written twice; it is first at r.yaml:1:1; keep one",
            "r.yaml:11:7: .nan is not a finite number; numbers in a recipe are finite",
        ),
    ),
    Bad(
        "python tag",
        changed("toy-run", '!!python/object/apply:os.system ["touch owned"]'),
        ("r.yaml:1:7: the tag '!!python/object/apply:os.system'; recipes use no tags; write the plain value",),
    ),
    Bad(
        "own tag",
        changed("toy-run", "!secret toy"),
        ("r.yaml:1:7: the tag '!secret'; recipes use no tags; write the plain value",),
    ),
    Bad(
        "standard tag",
        added('seed: !!int "3"\n'),
        ("r.yaml:10:7: the tag '!!int'; recipes use no tags; write the plain value",),
    ),
    Bad(
        "merge key",
        added("optim: &o {lr: 0.1}\nrun: {<<: *o}\n"),
        ("r.yaml:11:7: the merge key '<<'; use `extends`, or write the keys out",),
    ),
    Bad(
        "key that is a number",
        changed("  labels: {}", "  1: {}"),
        ("r.yaml:8:3: the key '1' is not text; put it in quotes",),
    ),
    Bad(
        "key that is a boolean",
        changed("  labels: {}", "  true: {}"),
        ("r.yaml:8:3: the key 'true' is not text; put it in quotes",),
    ),
    Bad(
        "key that is a list",
        changed("  labels: {}", "  ? [a]\n  : {}"),
        ("r.yaml:8:5: a list or a mapping as a key; keys are names",),
    ),
    Bad("unknown alias", added("seed: *s\n"), ("r.yaml:10:7: the alias *s; no complete &s stands before it",)),
    Bad("alias of itself", added("run: &r [*r]\n"), ("r.yaml:10:10: the alias *r; no complete &r stands before it",)),
    Bad(
        "alias bomb",
        "".join(f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}" if i else "x"] * 9) + "]\n" for i in range(9)),
        ("r.yaml:4:30: more than 5000 values; aliases count with all that they stand for",),
    ),
    Bad(
        "deep alias bomb",
        "a0: &a0 x\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 60)),
        ("r.yaml:32:12: nested more than 32 deep; aliases count with all that they stand for",),
    ),
    Bad(
        "thousands of values",
        added("run: [" + "1, " * 20_000 + "]\n"),
        ("r.yaml:10:14926: more than 5000 values; aliases count with all that they stand for",),
    ),
    Bad(
        "thousands of brackets",
        "a: " + "[" * 5_000 + "]" * 5_000,
        ("r.yaml:1:35: nested more than 32 deep; recipes nest at most a few levels",),
    ),
    Bad(
        "thousands of braces",
        "{a: " * 5_000 + "1" + "}" * 5_000,
        ("r.yaml:1:126: nested more than 32 deep; recipes nest at most a few levels",),
    ),
    Bad(
        "thousands of dashes",
        "- " * 5_000 + "x",
        ("r.yaml:1:65: nested more than 32 deep; recipes nest at most a few levels",),
    ),
    Bad(
        "thousands of question marks",
        "? " * 5_000 + "x",
        ("r.yaml:1:65: nested more than 32 deep; recipes nest at most a few levels",),
    ),
    Bad(
        "file of 200 kB",
        changed("toy-run", "x" * 200_000),
        ("r.yaml: the file has 0.2 MB; a recipe has at most 128 KiB",),
    ),
    Bad(
        "thousands of open brackets",
        "[" * 100_000,
        ("r.yaml:1:33: nested more than 32 deep; recipes nest at most a few levels",),
    ),
    Bad(
        "one very long line",
        changed("toy-run", "x" * 100_000),
        (
            "r.yaml:1:7: name is the text 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxx'; allowed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder",
        ),
    ),
    Bad(
        "NUL byte", GOOD.encode().replace(b"toy-run", b"toy\0run"), ("r.yaml:1:10: a NUL byte; a recipe is UTF-8 text",)
    ),
    Bad(
        "control character",
        changed("toy-run", "toy\x1brun"),
        ("r.yaml:1:10: the control character U+001B; remove it; a recipe is plain text",),
    ),
    Bad(
        "control character by an escape",
        changed("toy-run", r'"toy\x00run"'),
        ("r.yaml:1:7: the control character U+0000 in a text; remove it",),
    ),
    Bad(
        "half a surrogate pair by an escape",
        changed("toy-run", r'"\ud800"'),
        ("r.yaml:1:7: the control character U+D800 in a text; remove it",),
    ),
    Bad("UTF-16 with a mark", GOOD.encode("utf-16"), ("r.yaml:1:1: the file is UTF-16; save it as UTF-8",)),
    Bad(
        "UTF-16 without a mark",
        GOOD.encode("utf-16-le"),
        ("r.yaml:1:2: a NUL byte; a recipe is UTF-8 text; is it UTF-16?",),
    ),
    Bad("UTF-32", GOOD.encode("utf-32"), ("r.yaml:1:1: the file is UTF-32; save it as UTF-8",)),
    Bad(
        "Latin-1",
        changed("toy-run", "töy").encode("latin-1"),
        ("r.yaml:1:8: byte 0xf6 is not UTF-8; save the file as UTF-8",),
    ),
    Bad(
        "bytes of an image",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        ("r.yaml:1:1: byte 0x89 is not UTF-8; save the file as UTF-8",),
    ),
]
