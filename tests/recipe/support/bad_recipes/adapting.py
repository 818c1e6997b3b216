"""The sections that `mstasks adapt` reads: `unseen` and `adapt`."""

from __future__ import annotations

from bad_recipes import GOOD, Bad, added

CASES = [
    Bad(
        "unseen task that is trained on",
        added("unseen: {plain: {}, depth: {}}\n"),
        (
            "r.yaml:10:21: 'depth' is in unseen and in tasks too, and a task that is trained on is not unseen; remove one of the two (`tasks.depth: null` removes what is inherited), or rename one",
        ),
    ),
    Bad(
        "inherited unseen task that is trained on",
        "extends: base.yaml\ntasks:\n  plain: {}\n",
        (
            "base.yaml:10:10: 'plain' is in unseen and in tasks too, and a task that is trained on is not unseen; remove one of the two (`tasks.plain: null` removes what is inherited), or rename one",
        ),
        files=(("base.yaml", GOOD + "unseen: {plain: {}}\n"),),
    ),
    Bad(
        "unknown unseen task",
        added("unseen: {plian: {}}\n"),
        (
            "r.yaml:10:10: unknown task 'plian'; tasks: depth, labels, lost, picky, plain (`mstasks ls tasks`); did you mean 'plain'?",
        ),
    ),
    Bad(
        "unseen task without a target",
        added("unseen: {later: {task: plain}}\n"),
        ("r.yaml:10:10: data set 'toy' has no target 'later'; targets: depth, labels, plain",),
    ),
    Bad(
        "unseen task with an unknown target",
        added("unseen: {plain: {target: deph}}\n"),
        ("r.yaml:10:26: data set 'toy' has no target 'deph'; targets: depth, labels, plain; did you mean 'depth'?",),
    ),
    Bad(
        "wrong options of an unseen task",
        added("unseen: {again: {task: labels, target: labels, smoothing: 2, head: linaer}}\n"),
        (
            "r.yaml:10:59: unseen.again.smoothing is 2; allowed: a number of at least 0 and below 1",
            "r.yaml:10:68: unseen.again.head.name is the text 'linaer'; allowed: one of 'trunk', 'linear', 'decoder', 'aspp', 'pooled'; did you mean 'linear'?",
        ),
    ),
    Bad(
        "weight of an unseen task that nothing reads",
        added("unseen: {plain: {weight: 2}}\nloss_weighting: learned\n"),
        (
            "r.yaml:10:26: unseen.plain.weight is 2, and loss weighting 'learned' reads none; weights belong to loss_weighting: fixed; remove one of the two",
        ),
    ),
    Bad(
        "unseen task with a bad name",
        added("unseen: {a b: {task: plain, target: plain}}\n"),
        ("r.yaml:10:10: the name 'a b' in unseen; names match pattern '^[A-Za-z0-9][A-Za-z0-9_-]*$'",),
    ),
    Bad(
        "unseen that is a list",
        added("unseen: [plain]\n"),
        ("r.yaml:10:9: unseen is a list of 1; allowed: a mapping",),
    ),
    Bad(
        "unseen task in what training reads",
        added("method: meta\nmeta: {update: {name: rehearsal, before: [plain]}}\nunseen: {plain: {}}\n"),
        ("r.yaml:11:43: meta.update.before.0 is the text 'plain'; allowed: a task of this recipe, labels, depth",),
    ),
    Bad(
        "unknown key in adapt",
        added("adapt: {shot: 5}\n"),
        (
            "r.yaml:10:9: unknown key 'shot' in adapt; allowed: shots, draws, strategy, baselines, seen, seen_weight, grow, hold_out; did you mean 'shots'?",
        ),
    ),
    Bad(
        "values of adapt out of range",
        added("adapt: {shots: 0, draws: 0, seen: relase, seen_weight: 0, grow: yes, hold_out: 0.6}\n"),
        (
            "r.yaml:10:16: adapt.shots is 0; allowed: a whole number of at least 1",
            "r.yaml:10:26: adapt.draws is 0; allowed: a whole number of at least 1",
            "r.yaml:10:35: adapt.seen is the text 'relase'; allowed: one of 'release', 'distill', 'support'; did you mean 'release'?",
            "r.yaml:10:56: adapt.seen_weight is 0; allowed: a number greater than 0",
            "r.yaml:10:65: adapt.grow is the text 'yes'; allowed: true or false; write true: yes, no, on and off are texts",
            "r.yaml:10:80: adapt.hold_out is 0.6; allowed: a number of at least 0 and at most 0.5",
        ),
    ),
    Bad(
        "one shot that is held out",
        added("adapt: {shots: 1, hold_out: 0.2}\n"),
        ("r.yaml:10:8: adapt is a mapping; hold_out takes images from the shots, and shots is 1; allowed: at least 2",),
    ),
    Bad(
        "adapt that is a name",
        added("adapt: fast\n"),
        ("r.yaml:10:8: adapt is the text 'fast'; allowed: a mapping",),
    ),
    Bad(
        "unknown strategy of adaptation",
        added("adapt: {strategy: fats}\n"),
        (
            "r.yaml:10:19: unknown adaptation 'fats'; adaptations: all-at-once, bitfit, fast, head-first, nearest, new-decoder, probe, ridge (`mstasks ls adaptations`); did you mean 'fast'?",
        ),
    ),
    Bad(
        "unknown option of a strategy of adaptation",
        added("adapt: {strategy: {name: ridge, steps: 3}}\n"),
        ("r.yaml:10:33: unknown key 'steps' in adapt.strategy (adaptation ridge); allowed: name, penalty",),
    ),
    Bad(
        "share of the head in a strategy without one",
        added("adapt: {strategy: {name: all-at-once, head_share: 0.5}}\n"),
        (
            "r.yaml:10:39: unknown key 'head_share' in adapt.strategy (adaptation all-at-once); allowed: name, steps, batch_size, backbone_lr, trunk_lr, new_lr, weight_decay, warmup, clip",
        ),
    ),
    Bad(
        "options of a strategy of adaptation out of range",
        added("adapt: {strategy: {name: head-first, steps: 0, warmup: 1, clip: 0, head_share: 1}}\n"),
        (
            "r.yaml:10:45: adapt.strategy.steps is 0; allowed: a whole number of at least 1 or null",
            "r.yaml:10:56: adapt.strategy.warmup is 1; allowed: a number of at least 0 and below 1",
            "r.yaml:10:65: adapt.strategy.clip is 0; allowed: a number greater than 0 or null",
            "r.yaml:10:80: adapt.strategy.head_share is 1; allowed: a number greater than 0 and below 1",
        ),
    ),
    Bad(
        "options of a plugin's strategy of adaptation",
        added("adapt: {strategy: {name: nearest, neighbours: 0}}\n"),
        ("r.yaml:10:47: adapt.strategy.neighbours is 0; allowed: a whole number of at least 1",),
    ),
    Bad(
        "strategy of adaptation without its name",
        added("adapt: {strategy: {steps: 3}}\n"),
        ("r.yaml:10:9: adapt.strategy.name is missing; needed: What it is called",),
    ),
    Bad(
        "misspelt baselines",
        added("adapt: {baselines: [scrach, imagnet, runs/scrach, none]}\n"),
        (
            "r.yaml:10:21: adapt.baselines.0 is the text 'scrach', and there is no such folder; allowed: 'scratch', 'imagenet' or the path of a run; did you mean 'scratch'?",
            "r.yaml:10:29: adapt.baselines.1 is the text 'imagnet', and there is no such folder; allowed: 'scratch', 'imagenet' or the path of a run; did you mean 'imagenet'?",
            "r.yaml:10:51: adapt.baselines.3 is the text 'none', and there is no such folder; allowed: 'scratch', 'imagenet' or the path of a run",
        ),
    ),
    Bad(
        "misspelt baseline on the command line",
        GOOD,
        (
            "command line: adapt.baselines=[scrach]: adapt.baselines.0 is the text 'scrach', and there is no such folder; allowed: 'scratch', 'imagenet' or the path of a run; did you mean 'scratch'?",
        ),
        overrides=("adapt.baselines=[scrach]",),
    ),
    Bad(
        "baseline that is not in a list",
        added("adapt: {baselines: scratch}\n"),
        (
            "r.yaml:10:20: adapt.baselines is the text 'scratch'; allowed: a list, each item one of 'scratch', 'imagenet' or a path",
        ),
    ),
    Bad(
        "baseline twice",
        added("adapt: {baselines: [scratch, ./scratch, scratch]}\n"),
        ("r.yaml:10:20: adapt.baselines is a list of 3; allowed: each baseline once",),
    ),
]
