"""Values that another reader would take for something else, or that are out of range."""

from __future__ import annotations

from bad_recipes import Bad, added, changed

CASES = [
    Bad(
        "not a number",
        added("optim: {lr: .nan}\n"),
        ("r.yaml:10:13: .nan is not a finite number; numbers in a recipe are finite",),
    ),
    Bad(
        "infinite",
        added("optim: {clip: .inf}\n"),
        ("r.yaml:10:15: .inf is not a finite number; numbers in a recipe are finite",),
    ),
    Bad(
        "negative infinity",
        added("optim: {clip: -.Inf}\n"),
        ("r.yaml:10:15: -.Inf is not a finite number; numbers in a recipe are finite",),
    ),
    Bad(
        "too large a number",
        added("optim: {lr: 1e999}\n"),
        ("r.yaml:10:13: 1e999 is larger than any number a computer calculates with; numbers are finite",),
    ),
    Bad(
        "infinite as text",
        added("optim: {clip: inf}\n"),
        ("r.yaml:10:15: optim.clip is the text 'inf'; allowed: a number greater than 0 or null",),
    ),
    Bad(
        "leading zeros",
        added("seed: 010\n"),
        (
            "r.yaml:10:7: 010 has leading zeros, which some readers take for base 8; write 10 for the number, or '010' in quotes for the text",
        ),
    ),
    Bad(
        "number of a thousand digits",
        added("seed: " + "9" * 1000 + "\n"),
        (
            "r.yaml:10:7: the number '999999999999999999999999999999...99999999999999999999' has 1000 characters; at most 300 make sense",
        ),
    ),
    Bad(
        "large seed",
        added("seed: 99999999999999999999\n"),
        ("r.yaml:10:7: seed is 99999999999999999999; allowed: a whole number of at least 0 and below 4294967296",),
    ),
    Bad(
        "negative seed",
        added("seed: -1\n"),
        ("r.yaml:10:7: seed is -1; allowed: a whole number of at least 0 and below 4294967296",),
    ),
    Bad(
        "sexagesimal",
        added("optim: {steps: 1:30}\n"),
        (
            "r.yaml:10:16: optim.steps is the text '1:30'; allowed: a whole number of at least 1; digits with colons are a text, not a number in base 60",
        ),
    ),
    Bad(
        "sexagesimal of three parts",
        added("optim: {steps: 1:30:00}\n"),
        (
            "r.yaml:10:16: optim.steps is the text '1:30:00'; allowed: a whole number of at least 1; digits with colons are a text, not a number in base 60",
        ),
    ),
    Bad(
        "underscores",
        added("optim: {steps: 20_000}\n"),
        ("r.yaml:10:16: optim.steps is the text '20_000'; allowed: a whole number of at least 1; write 20000",),
    ),
    Bad(
        "quoted number",
        added('optim: {steps: "20000"}\n'),
        ("r.yaml:10:16: optim.steps is the text '20000'; allowed: a whole number of at least 1; remove the quotes",),
    ),
    Bad(
        "quoted fraction",
        added("optim: {lr: '1e-3'}\n"),
        ("r.yaml:10:13: optim.lr is the text '1e-3'; allowed: a number greater than 0; remove the quotes",),
    ),
    Bad(
        "number with a unit",
        added("optim: {steps: 20k}\n"),
        ("r.yaml:10:16: optim.steps is the text '20k'; allowed: a whole number of at least 1",),
    ),
    Bad(
        "date where a number is meant",
        added("seed: 2024-01-31\n"),
        ("r.yaml:10:7: seed is the text '2024-01-31'; allowed: a whole number of at least 0 and below 4294967296",),
    ),
    Bad(
        "fraction where a whole number is meant",
        added("optim: {steps: 1e3}\n"),
        ("r.yaml:10:16: optim.steps is 1000.0; allowed: a whole number of at least 1",),
    ),
    Bad(
        "whole number written as a fraction",
        added("optim: {steps: 3.0}\n"),
        ("r.yaml:10:16: optim.steps is 3.0; allowed: a whole number of at least 1",),
    ),
    Bad(
        "boolean where a number is meant",
        added("optim: {steps: true}\n"),
        ("r.yaml:10:16: optim.steps is true; allowed: a whole number of at least 1",),
    ),
    Bad(
        "yes where a boolean is meant",
        changed("dataset: toy", "dataset: toy\n  shuffle: yes"),
        (
            "r.yaml:4:12: data.shuffle is the text 'yes'; allowed: true or false; write true: yes, no, on and off are texts",
        ),
    ),
    Bad(
        "off where a boolean is meant",
        changed("dataset: toy", "dataset: toy\n  shuffle: Off"),
        (
            "r.yaml:4:12: data.shuffle is the text 'Off'; allowed: true or false; write false: yes, no, on and off are texts",
        ),
    ),
    Bad(
        "quoted boolean",
        changed("dataset: toy", 'dataset: toy\n  shuffle: "true"'),
        ("r.yaml:4:12: data.shuffle is the text 'true'; allowed: true or false; remove the quotes",),
    ),
    Bad(
        "number where a boolean is meant",
        changed("dataset: toy", "dataset: toy\n  shuffle: 1"),
        ("r.yaml:4:12: data.shuffle is 1; allowed: true or false",),
    ),
    Bad(
        "boolean where a text is meant",
        changed("toy-run", "true"),
        (
            "r.yaml:1:7: name is true; allowed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder; put it in quotes if the text is meant",
        ),
    ),
    Bad(
        "number where a text is meant",
        changed("toy-run", "18"),
        (
            "r.yaml:1:7: name is 18; allowed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder; put it in quotes if the text is meant",
        ),
    ),
    Bad(
        "nothing where a text is meant",
        changed("toy-run", ""),
        (
            "r.yaml:1:6: name is empty (null); allowed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder",
        ),
    ),
    Bad(
        "list where a text is meant",
        changed("toy-run", "[toy, run]"),
        (
            "r.yaml:1:7: name is a list of 2; allowed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder",
        ),
    ),
    Bad(
        "nothing where a section is meant",
        added("optim:\n"),
        ("r.yaml:10:7: optim is empty (null); allowed: a mapping",),
    ),
    Bad(
        "text where a section is meant",
        changed("{model: resnet18}", "resnet18"),
        ("r.yaml:6:11: backbone is the text 'resnet18'; allowed: a mapping",),
    ),
    Bad(
        "absurdly long value",
        added("device: " + "cuda" * 5000 + "\n"),
        (
            "r.yaml:10:9: device is the text 'cudacudacudacudacudacudacudacu...cudacudacudacudacuda'; allowed: auto, cpu, mps, cuda or cuda:N",
        ),
    ),
]
