"""`extends`, environment variables and the command line."""

from __future__ import annotations

from bad_recipes import GOOD, Bad, added, changed

CASES = [
    Bad(
        "base that is not there",
        "extends: bse.yaml\n" + GOOD,
        (
            "r.yaml:1:10: extends 'bse.yaml': no such file or shipped recipe; give a path, or a shipped recipe: starter; did you mean 'base.yaml'?",
        ),
        files=(
            (
                "base.yaml",
                "name: toy-run\ndata:\n  dataset: toy\n  size: [64, 96]\n  batch_size: 8\nbackbone: {model: resnet18}\ntasks:\n  labels: {}\n  depth: {loss: berhu}\n",
            ),
        ),
    ),
    Bad(
        "shipped base, misspelt",
        "extends: startr\n" + GOOD,
        (
            "r.yaml:1:10: extends 'startr': no such file or shipped recipe; give a path, or a shipped recipe: starter; did you mean 'starter'?",
        ),
    ),
    Bad(
        "extends a number",
        "extends: 3\n" + GOOD,
        ("r.yaml:1:10: extends is 3; the path of a recipe, the name of a shipped one, or a list of them",),
    ),
    Bad(
        "extends nothing",
        "extends:\n" + GOOD,
        ("r.yaml:1:9: extends is empty (null); the path of a recipe, the name of a shipped one, or a list of them",),
    ),
    Bad(
        "extends itself",
        "extends: r.yaml\n" + GOOD,
        ("r.yaml:1:10: extends goes round: r.yaml -> r.yaml; a recipe cannot extend itself",),
    ),
    Bad(
        "extends in a circle",
        "extends: a.yaml\n" + GOOD,
        (
            "sub/b.yaml:1:10: extends goes round: r.yaml -> a.yaml -> sub/b.yaml -> r.yaml; a recipe cannot extend itself",
        ),
        files=(
            ("a.yaml", "extends: sub/b.yaml\n"),
            ("sub/b.yaml", "extends: ../r.yaml\n"),
        ),
    ),
    Bad(
        "extends more and more",
        "extends: [a0.yaml]\n" + GOOD,
        ("a7.yaml: more than 32 files are extended, one after another; merge some of them",),
        files=(
            *((f"a{i}.yaml", f"extends: [a{i + 1}.yaml, a{i + 1}.yaml]\n") for i in range(9)),
            ("a9.yaml", "seed: 1\n"),
        ),
    ),
    Bad(
        "extends a folder",
        "extends: sub\n" + GOOD,
        ("sub: is a folder; a recipe is a .yaml file",),
        files=(("sub/b.yaml", ""),),
    ),
    Bad(
        "errors in the base and in the recipe",
        "extends: sub/base.yaml\noptim: {lr: 0}\n",
        (
            "r.yaml:2:13: optim.lr is 0; allowed: a number greater than 0",
            "sub/base.yaml:5:3: unknown key 'bach_size' in data (data set toy); allowed: dataset, augment, batch_size, cache, cache_gib, exclude, size, workers, classes, root, shuffle, gamma, names, count; did you mean 'batch_size'?",
        ),
        files=(("sub/base.yaml", changed("batch_size: 8", "bach_size: 8")),),
    ),
    Bad(
        "syntax error in the base",
        "extends: base.yaml\nsead: 3\n",
        (
            "base.yaml:2:1: not valid YAML: expected the node content, but found '<stream end>'; a value is missing, or a bracket is not closed",
        ),
        files=(("base.yaml", "a: [\n"),),
    ),
    Bad(
        "inherited option of a task, wrong",
        "extends: base.yaml\ntasks: {depth: {cap: no}}\n",
        (
            "r.yaml:2:22: tasks.depth.cap is the text 'no'; allowed: a number or 'auto'",
            "base.yaml:9:17: tasks.depth.loss is the text 'huber'; allowed: one of 'l1', 'berhu'; did you mean 'berhu'?",
        ),
        files=(("base.yaml", changed("berhu", "huber")),),
    ),
    Bad(
        "all tasks removed",
        "extends: base.yaml\ntasks: {depth: null, labels: null}\n",
        ("r.yaml:2:8: tasks is an empty mapping; allowed: a mapping with at least one key",),
        files=(("base.yaml", GOOD),),
    ),
    Bad(
        "variable that is not set",
        changed("toy-run", "${NO_SUCH_NAME}"),
        (
            "r.yaml:1:7: the environment variable NO_SUCH_NAME is not set; set it (export NO_SUCH_NAME=...), or write a default: ${NO_SUCH_NAME:-...}",
        ),
    ),
    Bad(
        "variable that is set to nothing",
        changed("toy-run", "a-${EMPTY}"),
        (
            "r.yaml:1:7: the environment variable EMPTY is set to nothing; set it (export EMPTY=...), or write a default: ${EMPTY:-...}",
        ),
        environment=(("EMPTY", ""),),
    ),
    Bad(
        "malformed variable",
        changed("toy-run", "${1ST}"),
        (
            "r.yaml:1:7: '${1ST}' is not a reference; write ${NAME} or ${NAME:-default} for an environment variable, $${ for the characters themselves",
        ),
    ),
    Bad(
        "variable that is not closed",
        changed("toy-run", "${NAME"),
        (
            "r.yaml:1:7: '${NAME' is not a reference; write ${NAME} or ${NAME:-default} for an environment variable, $${ for the characters themselves",
        ),
    ),
    Bad(
        "variable inside a default",
        changed("toy-run", "${A:-${B}}"),
        (
            "r.yaml:1:7: '${A:-${B}' is not a reference; write ${NAME} or ${NAME:-default} for an environment variable, $${ for the characters themselves",
        ),
    ),
    Bad(
        "variable of the wrong type",
        added("seed: ${SEED}\n"),
        (
            "r.yaml:10:7: seed is the text 'three' (from $SEED); allowed: a whole number of at least 0 and below 4294967296",
        ),
        environment=(("SEED", "three"),),
    ),
    Bad(
        "default of the wrong type",
        added("optim:\n  lr: ${LR:-fast}\n"),
        ("r.yaml:11:7: optim.lr is the text 'fast' (default of $LR); allowed: a number greater than 0",),
    ),
    Bad(
        "variable with a mapping in it",
        added("optim: ${OPTIM}\n"),
        ("r.yaml:10:8: optim is the text '{lr: 0.1}' (from $OPTIM); allowed: a mapping",),
        environment=(("OPTIM", "{lr: 0.1}"),),
    ),
    Bad(
        "variable with leading zeros",
        added("seed: ${SEED}\n"),
        (
            "r.yaml:10:7: 007 has leading zeros, which some readers take for base 8 (from $SEED); write 7 for the number, or '007' in quotes for the text",
        ),
        environment=(("SEED", "007"),),
    ),
    Bad(
        "variable with a control character",
        added("device: ${DEVICE}\n"),
        ("r.yaml:10:9: the environment variable DEVICE holds U+001B; plain text",),
        environment=(("DEVICE", "a\x1b"),),
    ),
    Bad(
        "override without a value",
        GOOD,
        ("command line: optim.lr: not an override; write key.path=value, such as optim.lr=1e-3",),
        overrides=("optim.lr",),
    ),
    Bad(
        "override without a key",
        GOOD,
        ("command line: =3: not an override; write key.path=value, such as optim.lr=1e-3",),
        overrides=("=3",),
    ),
    Bad(
        "override with an empty part",
        GOOD,
        ("command line: optim..lr=3: not an override; write key.path=value, such as optim.lr=1e-3",),
        overrides=("optim..lr=3",),
    ),
    Bad(
        "override of an unknown key",
        GOOD,
        (
            "command line: optim.lrr=1e-3: unknown key 'lrr' in optim; allowed: lr, weight_decay, steps, warmup, backbone_lr, clip, accumulate, ema, precision, non_finite; did you mean 'lr'?",
        ),
        overrides=("optim.lrr=1e-3",),
    ),
    Bad(
        "override of an unknown section",
        GOOD,
        (
            "command line: optin.lr=1e-3: unknown key 'optin'; allowed: name, method, plugins, data, backbone, decoder, tasks, unseen, optim, sparsity, meta, adapt, loss_weighting, run, seed, device; did you mean 'optim'?",
        ),
        overrides=("optin.lr=1e-3",),
    ),
    Bad(
        "override of the wrong type",
        GOOD,
        (
            "command line: optim.lr=fast: optim.lr is the text 'fast'; allowed: a number greater than 0",
            "command line: optim.steps=1e3: optim.steps is 1000.0; allowed: a whole number of at least 1",
        ),
        overrides=("optim.lr=fast", "optim.steps=1e3"),
    ),
    Bad(
        "override through a scalar",
        GOOD,
        ("command line: name.first=toy: name is the text 'toy-run' and has no keys; set name itself",),
        overrides=("name.first=toy",),
    ),
    Bad(
        "override through a list",
        GOOD,
        ("command line: data.size.height=64: data.size is a list of 2, 'height' is not in it; an index from 0 to 1",),
        overrides=("data.size.height=64",),
    ),
    Bad(
        "override beyond a list",
        GOOD,
        ("command line: data.size.2=64: data.size is a list of 2, '2' is not in it; an index from 0 to 1",),
        overrides=("data.size.2=64",),
    ),
    Bad(
        "override of extends",
        GOOD,
        (
            "command line: extends=other.yaml: extends cannot be overridden; name another recipe, or write one that extends",
        ),
        overrides=("extends=other.yaml",),
    ),
    Bad(
        "override that is no YAML",
        GOOD,
        (
            "command line: data.size=[64,: not valid YAML: expected the node content, but found '<stream end>'; a value is missing, or a bracket is not closed",
        ),
        overrides=("data.size=[64,",),
    ),
    Bad(
        "override with a tag",
        GOOD,
        ("command line: seed=!!int 3: the tag '!!int'; recipes use no tags; write the plain value",),
        overrides=("seed=!!int 3",),
    ),
    Bad(
        "override that is not finite",
        GOOD,
        ("command line: optim.lr=.nan: .nan is not a finite number; numbers in a recipe are finite",),
        overrides=("optim.lr=.nan",),
    ),
    Bad(
        "override with nothing",
        GOOD,
        ("command line: seed=: seed is empty (null); allowed: a whole number of at least 0 and below 4294967296",),
        overrides=("seed=",),
    ),
    Bad(
        "override of an option of an unknown task",
        GOOD,
        (
            "command line: tasks.dept.loss=l1: unknown task 'dept'; tasks: depth, labels, lost, picky, plain (`mstasks ls tasks`); did you mean 'depth'?",
        ),
        overrides=("tasks.dept.loss=l1",),
    ),
    Bad(
        "override that brings a bomb",
        GOOD,
        (
            "command line: run=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[...[[[[[[[[[[[[[[[[[[[[[[[[[[: nested more than 32 deep; recipes nest at most a few levels",
        ),
        overrides=("run=" + "[" * 3000,),
    ),
    Bad(
        "very long override",
        GOOD,
        (
            "command line: name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaaaaa: the override is too long or holds control characters; write it in a file",
        ),
        overrides=("name=" + "a" * 20_000,),
    ),
    Bad(
        "file and command line",
        changed("toy-run", "3"),
        (
            "r.yaml:1:7: name is 3; allowed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder; put it in quotes if the text is meant",
            "command line: data.batch_size=0: data.batch_size is 0; allowed: a whole number of at least 1",
            "command line: seed=x: seed is the text 'x'; allowed: a whole number of at least 0 and below 4294967296",
        ),
        overrides=("seed=x", "data.batch_size=0"),
    ),
]
