"""The method, and the sections `sparsity` and `meta`."""

from __future__ import annotations

from bad_recipes import Bad, added, changed

SPARSE, META, BOTH = "method: sparse\n", "method: meta\n", "method: meta-sparsity\n"
LEARNING = "meta: {update: {name: maml, inner_prox: true}}\n"

CASES = [
    Bad(
        "sparsity under a method that reads none",
        added("sparsity: {target: {macs: 0.5}}\n"),
        (
            "r.yaml:10:1: sparsity is read by methods sparse and meta-sparsity, and method is multi-task; name one of these methods, or remove sparsity (`sparsity: null` removes what is inherited)",
        ),
    ),
    Bad(
        "meta under a method that reads none",
        added(SPARSE + "sparsity: {target: {macs: 0.5}}\nmeta: {update: maml}\n"),
        (
            "r.yaml:12:1: meta is read by methods meta and meta-sparsity, and method is sparse; name one of these methods, or remove meta (`meta: null` removes what is inherited)",
        ),
    ),
    Bad(
        "sparsity under method meta",
        added(META + "sparsity: {target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:1: sparsity is read by methods sparse and meta-sparsity, and method is meta; name one of these methods, or remove sparsity (`sparsity: null` removes what is inherited)",
        ),
    ),
    Bad(
        "empty meta under a method that reads none",
        added("meta: {}\n"),
        (
            "r.yaml:10:1: meta is read by methods meta and meta-sparsity, and method is multi-task; name one of these methods, or remove meta (`meta: null` removes what is inherited)",
        ),
    ),
    Bad(
        "sparse without sparsity",
        added(SPARSE),
        (
            "r.yaml:10:9: method sparse needs sparsity, and there is none; write for example sparsity: {target: {macs: 0.5}}",
        ),
    ),
    Bad(
        "meta-sparsity with sparsity removed",
        added(BOTH + "sparsity: null\n"),
        (
            "r.yaml:10:9: method meta-sparsity needs sparsity, and there is none; write for example sparsity: {target: {macs: 0.5}}",
        ),
    ),
    Bad(
        "sparsity that is a name",
        added(SPARSE + "sparsity: priced\n"),
        ("r.yaml:11:11: sparsity is the text 'priced'; allowed: a mapping or null",),
    ),
    Bad(
        "sparsity without anything",
        added(SPARSE + "sparsity: {}\n"),
        (
            "r.yaml:11:1: strength 'priced', the default, needs a target, and sparsity.target is missing; write for example target: {macs: 0.5}, or take a strength without a target: fixed, learned, steady",
        ),
    ),
    Bad(
        "strength that needs a target",
        added(SPARSE + "sparsity:\n  strength: controller\n"),
        (
            "r.yaml:12:13: strength 'controller' needs a target, and sparsity.target is missing; write for example target: {macs: 0.5}, or take a strength without a target: fixed, learned, steady",
        ),
    ),
    Bad(
        "target for a strength that reads none",
        added(SPARSE + "sparsity: {strength: {name: fixed, value: 0.1}, target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:49: sparsity.target is given, and strength 'fixed' reads none; remove it (`target: null` removes what is inherited), or take a strength with a target: controller, learned, one-shot, priced",
        ),
    ),
    Bad(
        "two targets",
        added(SPARSE + "sparsity: {target: {macs: 0.5, channels: 0.5}}\n"),
        (
            "r.yaml:11:20: sparsity.target is a mapping; it gives macs and channels; allowed: exactly one of macs, parameters, channels",
        ),
    ),
    Bad(
        "target of nothing",
        added(SPARSE + "sparsity: {target: {macs: null}}\n"),
        (
            "r.yaml:11:20: sparsity.target is a mapping; it gives none; allowed: exactly one of macs, parameters, channels",
        ),
    ),
    Bad(
        "target out of range",
        added(SPARSE + "sparsity: {target: {macs: 50}}\n"),
        ("r.yaml:11:27: sparsity.target.macs is 50; allowed: a number greater than 0 and at most 1 or null",),
    ),
    Bad(
        "unknown target of sparsity",
        added(SPARSE + "sparsity: {target: {latency: 0.5}}\n"),
        ("r.yaml:11:21: unknown key 'latency' in sparsity.target; allowed: macs, parameters, channels",),
    ),
    Bad(
        "target that is a number",
        added(SPARSE + "sparsity: {target: 0.5}\n"),
        ("r.yaml:11:20: sparsity.target is 0.5; allowed: a mapping or null",),
    ),
    Bad(
        "groups that a strength cannot remove",
        added(SPARSE + "sparsity: {groups: input-channel, target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:20: sparsity.groups is 'input-channel', and strength 'priced' removes whole channels; write groups: channel, or take a strength for these groups: controller, fixed, steady",
        ),
    ),
    Bad(
        "rows of convolutions that a strength cannot remove",
        added(SPARSE + "sparsity: {groups: output-channel, target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:20: sparsity.groups is 'output-channel', and strength 'priced' removes whole channels; write groups: channel, or take a strength for these groups: fixed, steady",
        ),
    ),
    Bad(
        "target for groups that cannot be removed",
        added(SPARSE + "sparsity: {strength: controller, groups: output-channel, target: {parameters: 0.5}}\n"),
        (
            "r.yaml:11:42: sparsity.groups is 'output-channel', and strength 'controller' has a target, which zeros of these groups cannot meet, since none of them can be removed; write groups: channel or input-channel, or take a strength for these groups: fixed, steady",
        ),
    ),
    Bad(
        "groups that cannot be cut to an optional target",
        added(BOTH + "sparsity: {strength: learned, groups: input-channel, target: {macs: 0.5}}\n" + LEARNING),
        (
            "r.yaml:11:39: sparsity.groups is 'input-channel', and strength 'learned' removes whole channels to meet sparsity.target; write groups: channel, remove the target, or take a strength for these groups: controller, fixed, steady",
        ),
    ),
    Bad(
        "cut after the end",
        added(BOTH + "sparsity: {strength: {name: learned, cut: 1}, target: {macs: 0.5}}\n" + LEARNING),
        ("r.yaml:11:43: sparsity.strength.cut is 1; allowed: a number greater than 0 and below 1",),
    ),
    Bad(
        "lambda above its maximum",
        added(SPARSE + "sparsity: {strength: {name: controller, initial: 100}, target: {macs: 0.5}}\n"),
        ("r.yaml:11:50: sparsity.strength.initial is 100; allowed: a number greater than 0 and at most 10",),
    ),
    Bad(
        "unknown groups",
        added(SPARSE + "sparsity: {groups: filter, target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:20: sparsity.groups is the text 'filter'; allowed: one of 'channel', 'input-channel', 'output-channel'",
        ),
    ),
    Bad(
        "unknown strength",
        added(SPARSE + "sparsity: {strength: pricd, target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:22: unknown strength 'pricd'; strengths: controller, fixed, learned, one-shot, priced, steady (`mstasks ls strengths`); did you mean 'priced'?",
        ),
    ),
    Bad(
        "unknown option of a strength",
        added(SPARSE + "sparsity: {strength: {name: priced, windw: [0.1, 0.5]}, target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:37: unknown key 'windw' in sparsity.strength (strength priced); allowed: name, window, measure_from, measure_every, decay, rounds, tolerance, lasso, horizon, least_factor, saliency, across_tasks, allocation; did you mean 'window'?",
        ),
    ),
    Bad(
        "unknown key in sparsity",
        added(SPARSE + "sparsity: {grops: channel, target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:12: unknown key 'grops' in sparsity; allowed: groups, scope, strength, target, metric, reference, floor; did you mean 'groups'?",
        ),
    ),
    Bad(
        "option of a strength missing",
        added(SPARSE + "sparsity: {strength: fixed}\n"),
        ("r.yaml:11:12: sparsity.strength.value is missing; needed: The constant lambda",),
    ),
    Bad(
        "options of a strength without its name",
        added(SPARSE + "sparsity: {strength: {value: 0.5}}\n"),
        ("r.yaml:11:12: sparsity.strength.name is missing; needed: What it is called",),
    ),
    Bad(
        "strength of nothing",
        added(SPARSE + "sparsity: {strength: null}\n"),
        ("r.yaml:11:22: sparsity.strength is empty (null); allowed: a mapping",),
    ),
    Bad(
        "window that ends before it starts",
        added(SPARSE + "sparsity: {strength: {name: priced, window: [0.6, 0.1]}, target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:45: sparsity.strength.window is a list of 2; allowed: a list of two fractions, the first below the second",
        ),
    ),
    Bad(
        "window beyond the end",
        added(SPARSE + "sparsity: {strength: {name: priced, window: [0.6, 1.1]}, target: {macs: 0.5}}\n"),
        ("r.yaml:11:51: sparsity.strength.window.1 is 1.1; allowed: a number of at least 0 and at most 1",),
    ),
    Bad(
        "saliency measured too late",
        added(SPARSE + "sparsity: {strength: {name: priced, measure_from: 0.2}, target: {macs: 0.5}}\n"),
        (
            "r.yaml:11:12: sparsity.strength (strength priced) does not fit together; measure_from is 0.2, after the first removal at 0.1; allowed: at most the start of window",
        ),
    ),
    Bad(
        "lambda outside its limits",
        added(BOTH + "sparsity: {strength: {name: learned, initial: 2}}\n" + LEARNING),
        (
            "r.yaml:11:12: sparsity.strength (strength learned) does not fit together; initial is 2; allowed: above minimum, 1e-07, and below maximum, 1",
        ),
    ),
    Bad(
        "learned strength without an inner loop",
        added(SPARSE + "sparsity: {strength: learned}\n"),
        (
            "r.yaml:11:22: strength 'learned' learns from proximal steps in an inner loop, and method sparse has none; write method: meta-sparsity and meta: {update: {name: maml, inner_prox: true}}",
        ),
    ),
    Bad(
        "learned strength with the default update",
        added(BOTH + "sparsity: {strength: learned}\n"),
        (
            "r.yaml:11:22: strength 'learned' learns from proximal steps in an inner loop, and meta update 'look-ahead' takes none; write meta: {update: {name: maml, inner_prox: true}}",
        ),
    ),
    Bad(
        "learned strength without inner proximal steps",
        added(BOTH + "sparsity: {strength: learned}\nmeta: {update: maml}\n"),
        (
            "r.yaml:11:22: strength 'learned' learns from proximal steps in an inner loop, and meta update 'maml' takes none; write meta: {update: {name: maml, inner_prox: true}}",
        ),
    ),
    Bad(
        "learned strength with an update that has none",
        added(BOTH + "sparsity: {strength: learned}\nmeta: {update: anil}\n"),
        (
            "r.yaml:11:22: strength 'learned' learns from proximal steps in an inner loop, and meta update 'anil' takes none; write meta: {update: {name: maml, inner_prox: true}}",
        ),
    ),
    Bad(
        "inner prox without sparsity",
        added(META + LEARNING),
        (
            "r.yaml:11:41: meta.update.inner_prox is true, and method meta has no strength; remove it, or write method: meta-sparsity and a strength with a lambda: controller, fixed, learned",
        ),
    ),
    Bad(
        "inner prox without lambda",
        added(BOTH + "sparsity: {target: {macs: 0.5}}\n" + LEARNING),
        (
            "r.yaml:12:41: meta.update.inner_prox is true, and strength 'priced' has no lambda for it; remove it, or take a strength with a lambda: controller, fixed, learned",
        ),
    ),
    Bad(
        "inner prox of plugin without lambda",
        added(BOTH + "sparsity: {strength: steady}\nmeta: {update: {name: rehearsal, inner_prox: true}}\n"),
        (
            "r.yaml:12:46: meta.update.inner_prox is true, and strength 'steady' has no lambda for it; remove it, or take a strength with a lambda: controller, fixed, learned",
        ),
    ),
    Bad(
        "unknown update",
        added(META + "meta: {update: mamal}\n"),
        (
            "r.yaml:11:16: unknown meta update 'mamal'; meta updates: anil, look-ahead, maml, rehearsal, simulated-unseen (`mstasks ls updates`); did you mean 'maml'?",
        ),
    ),
    Bad(
        "unknown option of an update",
        added(META + "meta: {update: {name: look-ahead, steps: 3}}\n"),
        ("r.yaml:11:35: unknown key 'steps' in meta.update (meta update look-ahead); allowed: name, rate, window",),
    ),
    Bad(
        "unknown combination",
        added(META + "meta: {update: {name: maml, combinations: unifrom}}\n"),
        (
            "r.yaml:11:43: meta.update.combinations is the text 'unifrom'; allowed: a list of at least 1, each item a list of at least 1, each item a text or one of 'uniform', 'all-tasks'; did you mean 'uniform'?",
        ),
    ),
    Bad(
        "combination with an unknown task",
        added(META + "meta: {update: {name: maml, combinations: [[depth], [depth, lables]]}}\n"),
        (
            "r.yaml:11:61: meta.update.combinations.1.1 is the text 'lables'; allowed: a task of this recipe, labels, depth",
        ),
    ),
    Bad(
        "combination with a task twice",
        added(META + "meta: {update: {name: maml, combinations: [[depth, depth]]}}\n"),
        ("r.yaml:11:44: meta.update.combinations.0 is a list of 2; allowed: each task once",),
    ),
    Bad(
        "no combination",
        added(META + "meta: {update: {name: maml, combinations: []}}\n"),
        (
            "r.yaml:11:43: meta.update.combinations is a list of 0; allowed: a list of at least 1, each item a list of at least 1, each item a text or one of 'uniform', 'all-tasks'",
        ),
    ),
    Bad(
        "combination of no task",
        added(META + "meta: {update: {name: maml, combinations: [[]]}}\n"),
        ("r.yaml:11:44: meta.update.combinations.0 is a list of 0; allowed: a list of at least 1, each item a text",),
    ),
    Bad(
        "weights without listed combinations",
        added(META + "meta: {update: {name: maml, weights: [1, 2]}}\n"),
        (
            "r.yaml:11:8: meta.update (meta update maml) does not fit together; weights are for listed combinations, and combinations is 'uniform'; list them as lists of task names, or remove weights",
        ),
    ),
    Bad(
        "fewer weights than combinations",
        added(META + "meta: {update: {name: maml, combinations: [[depth], [labels]], weights: [1]}}\n"),
        (
            "r.yaml:11:8: meta.update (meta update maml) does not fit together; weights and combinations must be as many; found 1 and 2",
        ),
    ),
    Bad(
        "weight of a combination of zero",
        added(META + "meta: {update: {name: maml, combinations: [[depth], [labels]], weights: [1, 0]}}\n"),
        ("r.yaml:11:77: meta.update.weights.1 is 0; allowed: a number greater than 0",),
    ),
    Bad(
        "unknown task in the options of a plugin's update",
        added(META + "meta: {update: {name: rehearsal, before: [deph]}}\n"),
        ("r.yaml:11:43: meta.update.before.0 is the text 'deph'; allowed: a task of this recipe, labels, depth",),
    ),
    Bad(
        "query images from the test split",
        added(META + "meta: {query_split: test}\n"),
        ("r.yaml:11:21: meta.query_split is the text 'test'; allowed: one of 'train', 'val'",),
    ),
    Bad(
        "episodes of one image",
        changed("batch_size: 8", "batch_size: 1") + META,
        (
            "r.yaml:5:15: data.batch_size is 1; method meta needs a support and a query image in every micro-batch; allowed: at least 2",
        ),
    ),
    Bad(
        "micro-batches of one image",
        added(META + "optim: {accumulate: 8}\n"),
        (
            "r.yaml:5:15: data.batch_size is 8, and optim.accumulate 8; method meta needs a support and a query image in every micro-batch; allowed: at least 16",
        ),
    ),
    Bad(
        "micro-batches of an update with an inner loop",
        added(META + "meta: {update: anil}\noptim: {accumulate: 2}\n"),
        (
            "r.yaml:12:21: optim.accumulate is 2, and episodes of meta update 'anil' cannot be cut; allowed: 1; more episodes a step save memory too, since they are passed through one by one",
        ),
    ),
    Bad(
        "more episodes than images",
        added(META + "meta: {update: {name: maml, episodes: 5}}\n"),
        ("r.yaml:5:15: data.batch_size is 8, too few for the episodes of meta update 'maml'; allowed: at least 10",),
    ),
    Bad(
        "more shots than images",
        added(META + "meta: {update: {name: simulated-unseen, shots: 8}}\n"),
        (
            "r.yaml:5:15: data.batch_size is 8, too few for the episodes of meta update 'simulated-unseen'; allowed: at least 16",
        ),
    ),
    Bad(
        "too small a default batch for a plugin's update",
        changed("  batch_size: 8\n", "") + META + "meta: {update: {name: rehearsal, least_images: 17}}\n",
        (
            "r.yaml:2:1: data.batch_size is 16, too few for the episodes of meta update 'rehearsal'; allowed: at least 17",
        ),
    ),
    Bad(
        "unknown method with sections that only some read",
        added("method: sparce\nsparsity: {}\nmeta: {}\n"),
        (
            "r.yaml:10:9: method is the text 'sparce'; allowed: one of 'multi-task', 'single-task', 'sparse', 'meta', 'meta-sparsity'; did you mean 'sparse'?",
        ),
    ),
]
