"""Keys and values of the core."""

from __future__ import annotations

from bad_recipes import Bad, added, changed

CASES = [
    Bad(
        "everything missing",
        "seed: 1\n",
        (
            "r.yaml:1:1: name is missing; needed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder",
            "r.yaml:1:1: data is missing; needed: Which images, at which size, how augmented",
            "r.yaml:1:1: backbone is missing; needed: The timm model whose feature maps everything reads",
            "r.yaml:1:1: tasks is missing; needed: Tasks by name",
        ),
    ),
    Bad(
        "unknown key at the top",
        added("optimizer: {lr: 0.1}\n"),
        (
            "r.yaml:10:1: unknown key 'optimizer'; allowed: name, method, plugins, data, backbone, decoder, tasks, unseen, optim, sparsity, meta, adapt, loss_weighting, run, seed, device; did you mean 'optim'?",
        ),
    ),
    Bad(
        "unknown key in a section",
        added("optim: {learning_rate: 0.1, step: 3}\n"),
        (
            "r.yaml:10:9: unknown key 'learning_rate' in optim; allowed: lr, weight_decay, steps, warmup, backbone_lr, clip, accumulate, ema, precision, non_finite",
            "r.yaml:10:29: unknown key 'step' in optim; allowed: lr, weight_decay, steps, warmup, backbone_lr, clip, accumulate, ema, precision, non_finite; did you mean 'steps'?",
        ),
    ),
    Bad(
        "key in the wrong case",
        changed("name: toy-run", "Name: toy-run"),
        (
            "r.yaml:1:1: name is missing; needed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder",
            "r.yaml:1:1: unknown key 'Name'; allowed: name, method, plugins, data, backbone, decoder, tasks, unseen, optim, sparsity, meta, adapt, loss_weighting, run, seed, device; did you mean 'name'?",
        ),
    ),
    Bad(
        "name with a slash",
        changed("toy-run", "../../etc"),
        (
            "r.yaml:1:7: name is the text '../../etc'; allowed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder",
        ),
    ),
    Bad(
        "too long a name",
        changed("toy-run", "a" * 101),
        (
            "r.yaml:1:7: name is the text 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaa'; allowed: At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder",
        ),
    ),
    Bad(
        "unknown method",
        added("method: multi_task\n"),
        (
            "r.yaml:10:9: method is the text 'multi_task'; allowed: one of 'multi-task', 'single-task', 'sparse', 'meta', 'meta-sparsity'; did you mean 'multi-task'?",
        ),
    ),
    Bad(
        "unknown device",
        added("device: gpu\n"),
        ("r.yaml:10:9: device is the text 'gpu'; allowed: auto, cpu, mps, cuda or cuda:N",),
    ),
    Bad(
        "zero steps",
        added("optim: {steps: 0}\n"),
        ("r.yaml:10:16: optim.steps is 0; allowed: a whole number of at least 1",),
    ),
    Bad(
        "learning rate of zero",
        added("optim: {lr: 0, backbone_lr: 0}\n"),
        (
            "r.yaml:10:13: optim.lr is 0; allowed: a number greater than 0",
            "r.yaml:10:29: optim.backbone_lr is 0; allowed: a number greater than 0 or null",
        ),
    ),
    Bad(
        "warm-up of everything",
        added("optim: {warmup: 1, ema: 1}\n"),
        (
            "r.yaml:10:17: optim.warmup is 1; allowed: a number of at least 0 and below 1",
            "r.yaml:10:25: optim.ema is 1; allowed: a number greater than 0 and below 1 or null",
        ),
    ),
    Bad(
        "unknown precision",
        added("optim: {precision: bf16}\n"),
        (
            "r.yaml:10:20: optim.precision is the text 'bf16'; allowed: one of 'float32', 'bfloat16'; did you mean 'bfloat16'?",
        ),
    ),
    Bad(
        "size of one number",
        changed("[64, 96]", "64"),
        ("r.yaml:4:9: data.size is 64; allowed: a list of 2, each a whole number of at least 32 and at most 16384",),
    ),
    Bad(
        "size of three numbers",
        changed("[64, 96]", "[64, 96, 3]"),
        (
            "r.yaml:4:9: data.size is a list of 3; allowed: a list of 2, each a whole number of at least 32 and at most 16384",
        ),
    ),
    Bad(
        "small size",
        changed("[64, 96]", "[64, 16]"),
        ("r.yaml:4:14: data.size.1 is 16; allowed: a whole number of at least 32 and at most 16384",),
    ),
    Bad(
        "size in texts",
        changed("[64, 96]", '[64, "96"]'),
        (
            "r.yaml:4:14: data.size.1 is the text '96'; allowed: a whole number of at least 32 and at most 16384; remove the quotes",
        ),
    ),
    Bad(
        "batch of none",
        changed("batch_size: 8", "batch_size: 0"),
        ("r.yaml:5:15: data.batch_size is 0; allowed: a whole number of at least 1",),
    ),
    Bad(
        "accumulation that does not divide",
        added("optim: {accumulate: 3}\n"),
        ("r.yaml:10:21: optim.accumulate is 3, which does not divide data.batch_size, 8; allowed: 1, 2, 4, 8",),
    ),
    Bad(
        "output stride",
        changed("resnet18}", "resnet18, output_stride: 4}"),
        ("r.yaml:6:44: backbone.output_stride is 4; allowed: one of 8, 16, 32 or null",),
    ),
    Bad(
        "weights that are no file",
        changed("resnet18}", "resnet18, weights: imagnet}"),
        (
            "r.yaml:6:38: backbone.weights is the text 'imagnet'; allowed: 'imagenet', 'random' or the path of a .safetensors file; did you mean 'imagenet'?",
        ),
    ),
    Bad(
        "weights of the wrong type",
        changed("resnet18}", "resnet18, weights: 3}"),
        (
            "r.yaml:6:38: backbone.weights is 3; allowed: one of 'imagenet', 'random' or a path; put it in quotes if the text is meant",
        ),
    ),
    Bad(
        "fewer channels, and pretrained weights of all of them",
        changed("{model: resnet18}", "{model: resnet18, weights: imagenet, structure: 0.5}"),
        (
            "r.yaml:6:38: backbone.structure is given, and backbone.weights is the text 'imagenet'; a structure is trained from scratch: write weights: random, or remove one of the two",
        ),
    ),
    Bad(
        "no channels at all",
        changed("{model: resnet18}", "{model: resnet18, structure: 0}"),
        (
            "r.yaml:6:40: backbone.structure is 0; allowed: a number greater than 0 and at most 1, a mapping with at least one key, a path or null; put it in quotes if the text is meant",
        ),
    ),
    Bad(
        "weights in a pickle",
        changed("resnet18}", "resnet18, weights: r18.pth}"),
        (
            "r.yaml:6:38: backbone.weights is the text 'r18.pth'; allowed: 'imagenet', 'random' or the path of a .safetensors file",
        ),
    ),
    Bad(
        "augmentation as a mapping",
        changed("batch_size: 8", "augment: {HorizontalFlip: {p: 0.5}}"),
        ("r.yaml:5:12: data.augment is a mapping; allowed: a list, each item a mapping with exactly one key",),
    ),
    Bad(
        "two augmentations in one item",
        changed("batch_size: 8", "augment: [{HorizontalFlip: {}, Blur: {}}]"),
        ("r.yaml:5:13: data.augment.0 is a mapping; allowed: a mapping with exactly one key",),
    ),
    Bad(
        "augmentation with a bare argument",
        changed("batch_size: 8", "augment: [{HorizontalFlip: 0.5}]"),
        ("r.yaml:5:30: data.augment.0.HorizontalFlip is 0.5; allowed: a mapping",),
    ),
    Bad(
        "augmentation that is a number",
        changed("batch_size: 8", "augment: [3]"),
        ("r.yaml:5:13: data.augment.0 is 3; allowed: a mapping with exactly one key",),
    ),
]
