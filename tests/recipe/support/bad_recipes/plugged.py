"""Data sets, tasks, loss weightings and plugin files, and their options."""

from __future__ import annotations

from bad_recipes import Bad, added, changed

CASES = [
    Bad(
        "unknown data set",
        changed("dataset: toy", "dataset: toi"),
        (
            "r.yaml:3:12: unknown data set 'toi'; data sets: bare, greedy, mute, needy, toy, vague (`mstasks ls datasets`); did you mean 'toy'?",
        ),
    ),
    Bad(
        "unknown data set and a misspelt core key",
        changed("dataset: toy", "dataset: imagenet\n  bach_size: 3\n  root: /x"),
        (
            "r.yaml:3:12: unknown data set 'imagenet'; data sets: bare, greedy, mute, needy, toy, vague (`mstasks ls datasets`)",
            "r.yaml:4:3: unknown key 'bach_size' in data; allowed: augment, batch_size, cache, cache_gib, dataset, exclude, size, workers; did you mean 'batch_size'?",
        ),
    ),
    Bad(
        "data set that is a number",
        changed("dataset: toy", "dataset: 3"),
        ("r.yaml:3:12: data.dataset is 3; allowed: a text; put it in quotes if the text is meant",),
    ),
    Bad(
        "no data set",
        changed("  dataset: toy\n", ""),
        ("r.yaml:2:1: data.dataset is missing; needed: A data set of `mstasks ls datasets`",),
    ),
    Bad(
        "unknown option of a data set",
        changed("dataset: toy", "dataset: toy\n  clases: 13"),
        (
            "r.yaml:4:3: unknown key 'clases' in data (data set toy); allowed: dataset, augment, batch_size, cache, cache_gib, exclude, size, workers, classes, root, shuffle, gamma, names, count; did you mean 'classes'?",
        ),
    ),
    Bad(
        "option of a data set out of range",
        changed("dataset: toy", "dataset: toy\n  classes: 12\n  gamma: 0\n  count: 10"),
        (
            "r.yaml:4:12: data.classes is 12; allowed: one of 13, 40",
            "r.yaml:5:10: data.gamma is 0; allowed: a number greater than 0",
            "r.yaml:6:10: data.count is 10; allowed: a whole number of at least 1 and at most 9",
        ),
    ),
    Bad(
        "data set without options",
        changed("dataset: toy", "dataset: bare\n  root: /x").replace("  labels: {}\n", ""),
        (
            "r.yaml:4:3: unknown key 'root' in data (data set bare); allowed: dataset, augment, batch_size, cache, cache_gib, exclude, size, workers",
        ),
    ),
    Bad(
        "option of a data set missing",
        changed("dataset: toy", "dataset: needy").replace("  labels: {}\n", ""),
        ("r.yaml:2:1: data.root is missing; needed: The folder of the images",),
    ),
    Bad(
        "the field that holds options written out",
        changed("dataset: toy", "dataset: toy\n  options: {classes: 13}"),
        (
            "r.yaml:4:3: unknown key 'options' in data (data set toy); allowed: dataset, augment, batch_size, cache, cache_gib, exclude, size, workers, classes, root, shuffle, gamma, names, count",
        ),
    ),
    Bad(
        "data set that redeclares a core key",
        changed("dataset: toy", "dataset: greedy"),
        (
            "r.yaml:3:12: data set 'greedy' cannot be used; its options redeclare size, which every recipe has; rename them there",
        ),
    ),
    Bad(
        "data set that fails to declare targets",
        changed("dataset: toy", "dataset: mute"),
        ("r.yaml:3:12: data set 'mute' cannot say which targets it has; RuntimeError: the disk is on holiday",),
    ),
    Bad(
        "data set that declares no mapping",
        changed("dataset: toy", "dataset: vague"),
        (
            "r.yaml:3:12: data set 'vague' cannot say which targets it has; recipe_kitchen.targets:of_vague must return a mapping of TargetInfo by name",
        ),
    ),
    Bad(
        "no task",
        changed("  labels: {}\n  depth: {loss: berhu}\n", "").replace("tasks:", "tasks: {}"),
        ("r.yaml:7:8: tasks is an empty mapping; allowed: a mapping with at least one key",),
    ),
    Bad(
        "tasks as a list",
        changed("  labels: {}\n  depth: {loss: berhu}\n", "").replace("tasks:", "tasks: [labels, depth]"),
        ("r.yaml:7:8: tasks is a list of 2; allowed: a mapping with at least one key",),
    ),
    Bad(
        "unknown task",
        changed("labels: {}", "lables: {}"),
        (
            "r.yaml:8:3: unknown task 'lables'; tasks: depth, labels, lost, picky, plain (`mstasks ls tasks`); did you mean 'labels'?",
        ),
    ),
    Bad(
        "task under no as its key",
        changed("labels: {}", "no: {}"),
        ("r.yaml:8:3: unknown task 'no'; tasks: depth, labels, lost, picky, plain (`mstasks ls tasks`)",),
    ),
    Bad(
        "key of a task with a space",
        changed("labels: {}", "my labels: {task: labels, target: labels}"),
        ("r.yaml:8:3: the name 'my labels' in tasks; names match pattern '^[A-Za-z0-9][A-Za-z0-9_-]*$'",),
    ),
    Bad(
        "unknown target",
        changed("labels: {}", "labels: {target: label}"),
        ("r.yaml:8:20: data set 'toy' has no target 'label'; targets: depth, labels, plain; did you mean 'labels'?",),
    ),
    Bad(
        "key that is no target",
        changed("labels: {}", "seg: {task: labels}"),
        ("r.yaml:8:3: data set 'toy' has no target 'seg'; targets: depth, labels, plain",),
    ),
    Bad(
        "target that the data set has not",
        changed("dataset: toy", "dataset: bare"),
        ("r.yaml:8:3: data set 'bare' has no target 'labels'; targets: depth",),
    ),
    Bad(
        "unknown option of a task",
        changed("labels: {}", "labels: {smothing: 0.1}"),
        (
            "r.yaml:8:12: unknown key 'smothing' in tasks.labels (task labels); allowed: task, head, target, weight, smoothing, class_weights; did you mean 'smoothing'?",
        ),
    ),
    Bad(
        "option of a task without options",
        changed("labels: {}", "plain: {smoothing: 0.1}"),
        ("r.yaml:8:11: unknown key 'smoothing' in tasks.plain (task plain); allowed: task, head, target, weight",),
    ),
    Bad(
        "option of a task out of range",
        changed("{loss: berhu}", "{loss: BerHu, cap: yes}"),
        (
            "r.yaml:9:17: tasks.depth.loss is the text 'BerHu'; allowed: one of 'l1', 'berhu'; did you mean 'berhu'?",
            "r.yaml:9:29: tasks.depth.cap is the text 'yes'; allowed: a number or 'auto'",
        ),
    ),
    Bad(
        "weight of a class that is a text",
        changed("labels: {}", "labels: {class_weights: {class 1: heavy}}"),
        ("r.yaml:8:37: tasks.labels.class_weights.class 1 is the text 'heavy'; allowed: a number",),
    ),
    Bad(
        "weight of zero",
        changed("labels: {}", "labels: {weight: 0}"),
        ("r.yaml:8:20: tasks.labels.weight is 0; allowed: a number greater than 0",),
    ),
    Bad(
        "unknown head",
        changed("labels: {}", "labels: {head: asp}"),
        (
            "r.yaml:8:18: tasks.labels.head.name is the text 'asp'; allowed: one of 'trunk', 'linear', 'decoder', 'aspp', 'pooled'; did you mean 'aspp'?",
        ),
    ),
    Bad(
        "unknown key of a head",
        changed("labels: {}", "labels: {head: {name: aspp, blocks: full}}"),
        ("r.yaml:8:31: unknown key 'blocks' in tasks.labels.head; allowed: name, block; did you mean 'block'?",),
    ),
    Bad(
        "head that is a list",
        changed("labels: {}", "labels: {head: [aspp]}"),
        ("r.yaml:8:18: tasks.labels.head is a list of 1; allowed: a mapping or null",),
    ),
    Bad(
        "options that a validator refuses",
        changed("labels: {}", "picky: {low: 3, target: plain}"),
        ("r.yaml:8:16: tasks.picky.low is 3; must be even",),
    ),
    Bad(
        "options that do not fit together",
        changed("labels: {}", "picky: {low: 4, target: plain}"),
        ("r.yaml:8:3: tasks.picky (task picky) does not fit together; low must be below high",),
    ),
    Bad(
        "options whose validator fails",
        changed("labels: {}", "picky: {low: 13, target: plain}"),
        (
            "r.yaml:8:10: PickyOptions failed on it with ZeroDivisionError: thirteen; change the value, or mend the plugin",
        ),
    ),
    Bad(
        "task whose options are lost",
        changed("labels: {}", "lost: {target: plain}"),
        ("r.yaml:8:3: task 'lost' cannot be used; 'recipe_kitchen.options:Nowhere' ...",),
    ),
    Bad(
        "unknown loss weighting",
        added("loss_weighting: fixd\n"),
        (
            "r.yaml:10:17: unknown loss weighting 'fixd'; loss weightings: fixed, learned, uncertainty (`mstasks ls weightings`); did you mean 'fixed'?",
        ),
    ),
    Bad(
        "unknown option of a loss weighting",
        added("loss_weighting: {name: learned, temprature: 2}\n"),
        (
            "r.yaml:10:33: unknown key 'temprature' in loss_weighting (loss weighting learned); allowed: name, temperature; did you mean 'temperature'?",
        ),
    ),
    Bad(
        "loss weighting without a name",
        added("loss_weighting: {temperature: 2}\n"),
        ("r.yaml:10:1: loss_weighting.name is missing; needed: What it is called",),
    ),
    Bad(
        "weights with a weighting that reads none",
        changed("labels: {}", "labels: {weight: 2}") + "loss_weighting: uncertainty\n",
        (
            "r.yaml:8:20: tasks.labels.weight is 2, and loss weighting 'uncertainty' reads none; weights belong to loss_weighting: fixed; remove one of the two",
        ),
    ),
    Bad(
        "plugin that is not there",
        added("plugins: [./none.py, nosuchmodule]\n"),
        (
            "r.yaml:10:11: plugin './none.py': no such file in ...",
            "r.yaml:10:22: plugin 'nosuchmodule' is not a module ...",
        ),
    ),
    Bad(
        "plugin that is a number",
        added("plugins: [3]\n"),
        ("r.yaml:10:11: plugins.0 is 3; allowed: a text; put it in quotes if the text is meant",),
    ),
    Bad(
        "plugins as a text",
        added("plugins: mine.py\n"),
        ("r.yaml:10:10: plugins is the text 'mine.py'; allowed: a list, each item a text",),
    ),
    Bad(
        "plugin that is broken",
        added("plugins: [broken_one.py]\n"),
        ("r.yaml:10:11: plugin 'broken_one' is broken; ModuleNotFoundError ...",),
        files=(("broken_one.py", "import nothing_of_that_name\n"),),
    ),
    Bad(
        "two plugins of one name",
        added("plugins: [a/twin.py, b/twin.py]\n"),
        ("r.yaml:10:10: ...",),
        files=(
            ("a/twin.py", ""),
            ("b/twin.py", ""),
        ),
    ),
    Bad(
        "every section has an error",
        "name: 3\ndata: {dataset: toy, size: [64, 9], gama: 1}\nbackbone: {}\ntasks: {labels: {smoothing: 2}, dpth: {}}\noptim: {lr: -1}\nseed: yes\n",
        (
            "r.yaml:1:7: name is 3; allowed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder; put it in quotes if the text is meant",
            "r.yaml:2:33: data.size.1 is 9; allowed: a whole number of at least 32 and at most 16384",
            "r.yaml:2:37: unknown key 'gama' in data (data set toy); allowed: dataset, augment, batch_size, cache, cache_gib, exclude, size, workers, classes, root, shuffle, gamma, names, count; did you mean 'gamma'?",
            "r.yaml:3:1: backbone.model is missing; needed: A timm model name",
            "r.yaml:4:29: tasks.labels.smoothing is 2; allowed: a number of at least 0 and below 1",
            "r.yaml:4:33: unknown task 'dpth'; tasks: depth, labels, lost, picky, plain (`mstasks ls tasks`); did you mean 'depth'?",
            "r.yaml:5:13: optim.lr is -1; allowed: a number greater than 0",
            "r.yaml:6:7: seed is the text 'yes'; allowed: a whole number of at least 0 and below 4294967296",
        ),
    ),
]
