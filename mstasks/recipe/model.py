"""The recipe as immutable pydantic models: what may be written, in which range, with which default.

The open parts (task, data set and weighting options, augmentations) are validated against what the plugins declare;
here they are already instances of those models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PositiveInt, SerializeAsAny, model_validator

from mstasks.options import Options, RecipePath

Side = Annotated[int, Field(ge=32, le=16384)]
Size = tuple[Side, Side]
TaskName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Baseline = Literal["scratch", "imagenet"] | RecipePath
Channels = Annotated[Mapping[str, PositiveInt | Fraction], Field(min_length=1)]
Transform = Annotated[Mapping[str, Mapping[str, Any]], Field(min_length=1, max_length=1)]


def _each_once(baselines: tuple[Baseline, ...]) -> tuple[Baseline, ...]:
    if len(set(baselines)) < len(baselines):
        raise ValueError("allowed: each baseline once")
    return baselines


class Named(Options):
    """A strategy: its name and its own options. A recipe may write the name alone."""

    name: str = Field(description="What it is called.")
    options: SerializeAsAny[Options] | None = Field(None, description="Its own options.")


class Data(Options):
    """Which images, at which size, how augmented. Further keys are the data set's own options."""

    dataset: str = Field(description="A data set of `mstasks ls datasets`.")
    size: Size = Field(description="Height and width that images and labels are resized to, each at least 32.")
    batch_size: int = Field(16, ge=1, description="Images in a step, over all ranks and micro-batches.")
    augment: tuple[Transform, ...] = Field(
        (), description="albumentations transforms by class name, each with its arguments, applied in order."
    )
    workers: int = Field(0, ge=0, description="Loader processes; 0 loads in the training process.")
    exclude: RecipePath | None = Field(
        None, description="A text file of ids to leave out, one a line, such as the one that `check --data` writes."
    )
    cache: Literal["read", "fill", "off"] = Field(
        "read",
        description="`read` takes decoded files from the cache that `mstasks data cache` made, `fill` also adds what "
        "is missing, `off` decodes every time.",
    )
    cache_gib: float = Field(32.0, gt=0, description="How many GiB the whole cache may hold; nothing is added beyond.")
    options: SerializeAsAny[Options] | None = Field(None, description="The data set's own options.")


class Backbone(Options):
    """The timm model whose feature maps everything reads."""

    model: str = Field(min_length=1, description="A timm model name.")
    weights: Literal["imagenet", "random"] | RecipePath = Field(
        "random", description="`imagenet` (downloads), `random`, or the path of a .safetensors file in timm's names."
    )
    output_stride: Literal[8, 16, 32] | None = Field(None, description="Dilate later stages to keep this stride.")
    structure: Fraction | Channels | RecipePath | None = Field(
        None,
        description="Fewer channels from the start, trained from scratch: those that a sparse or compact run has left "
        "(its folder), a fraction of each space of the backbone, or fractions and numbers by space or part.",
    )


class Decoder(Options):
    """The trunk that all dense tasks share."""

    width: int = Field(64, ge=8, description="Channels of the trunk.")


class Head(Options):
    """Which of the ready heads a task uses instead of its own choice."""

    name: Literal["trunk", "linear", "decoder", "aspp", "pooled"] = Field(
        "trunk",
        description="A block on the shared trunk, a bare 1x1 on it, a decoder of its own, ASPP on the backbone, or "
        "pooled for image-level tasks.",
    )
    block: Literal["separable", "full"] = Field(
        "separable", description="3x3 convolutions of the heads `trunk` and `decoder`."
    )


class TaskEntry(Options):
    """A task of the recipe. Further keys are the task's own options."""

    task: str = Field(description="A task of `mstasks ls tasks`; the entry's key by default.")
    target: str = Field(description="A target of the data set; the entry's key by default.")
    weight: float = Field(1.0, gt=0, description="Factor of the loss, read by `loss_weighting: fixed`.")
    head: Head | None = Field(None, description="Replaces the head that the task would choose.")
    options: SerializeAsAny[Options] | None = Field(None, description="The task's own options.")


class Optim(Options):
    """How the network is trained: AdamW, linear warm-up, cosine decay to zero."""

    lr: float = Field(1e-3, gt=0, description="Peak learning rate.")
    weight_decay: float = Field(0.01, ge=0, description="Not applied to norms, biases and loss weights.")
    steps: int = Field(1000, ge=1, description="Optimiser steps.")
    warmup: float = Field(0.05, ge=0, lt=1, description="Fraction of the steps.")
    backbone_lr: float | None = Field(None, gt=0, description="Peak learning rate of the backbone, `lr` by default.")
    clip: float | None = Field(1.0, gt=0, description="Global gradient norm; null for none.")
    accumulate: int = Field(1, ge=1, description="Micro-batches a step; `data.batch_size` is divided by it.")
    ema: float | None = Field(
        None, gt=0, lt=1, description="Decay of averaged weights, used for evaluation; null for none."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16 runs the forward pass in autocast."
    )
    non_finite: Literal["stop", "skip"] = Field("stop", description="On a loss or gradient that is not finite.")


class Run(Options):
    """What is logged, evaluated and kept, and how often."""

    log_every: int = Field(20, ge=1, description="Steps between logged rows.")
    evaluate_every: int | None = Field(
        None, ge=1, description="Steps between validations; a tenth of the steps by default."
    )
    pictures: int = Field(4, ge=0, description="Test images drawn with prediction beside label.")


class Target(Options):
    """What the sparse part may cost, as a fraction of its cost with nothing removed; exactly one of the three."""

    macs: Fraction | None = Field(None, description="Multiply-accumulates of one image of `data.size`.")
    parameters: Fraction | None = Field(None, description="Parameters.")
    channels: Fraction | None = Field(None, description="Channels of all spaces.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"it gives {found}; allowed: exactly one of {', '.join(type(self).model_fields)}")
        return self


class Sparsity(Options):
    """What is made sparse, and how strongly. Read by `method: sparse` and `method: meta-sparsity`."""

    groups: Literal["channel", "input-channel", "output-channel"] = Field(
        "channel", description="What becomes zero together: all that makes a channel, or one convolution's part of it."
    )
    scope: Literal["shared", "backbone"] = Field("shared", description="Backbone and trunk, or the backbone alone.")
    strength: Named = Field(Named(name="priced"), description="How the strength is found.")
    target: Target | None = Field(None, description="The cost to reach.")
    metric: Literal["euclidean", "adam"] = Field("euclidean", description="Metric of the proximal step.")
    reference: RecipePath | None = Field(
        None, description="A dense run; a task that loses much beside it is named at the end."
    )
    floor: float = Field(
        1 / 16, ge=0, lt=1, description="Fraction of a space's channels, rounded up, that always stay; at least one."
    )


class Meta(Options):
    """How a step learns to learn. Read by `method: meta` and `method: meta-sparsity`."""

    update: Named = Field(Named(name="look-ahead"), description="How the gradients of a step come about.")
    query_split: Literal["train", "val"] = Field(
        "train", description="Where query images come from; with `val` the validation split is trained on."
    )


class Adapt(Options):
    """How a run learns a task from few images. Read by `mstasks adapt` alone."""

    shots: int = Field(10, ge=1, description="Labelled images k that the task is learned from.")
    draws: int = Field(5, ge=1, description="How often k images are drawn, each time for a network of its own.")
    strategy: Named = Field(Named(name="head-first"), description="What is trained, and how.")
    baselines: Annotated[tuple[Baseline, ...], AfterValidator(_each_once)] = Field(
        (), description="What else is adapted to the same images: `scratch`, `imagenet`, or paths of runs."
    )
    seen: Literal["release", "distill", "support"] = Field(
        "release",
        description="Tasks that the run already has: let go, held by the run's own predictions, or by their labels "
        "of the support images.",
    )
    seen_weight: float = Field(1.0, gt=0, description="Factor of the losses that hold the seen tasks.")
    grow: bool = Field(False, description="Whether channels that are zero may come back.")
    hold_out: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Fraction of the k images that choose the best step instead of training; 0 for none.",
    )

    @model_validator(mode="after")
    def _has_images_to_hold_out(self) -> Self:
        if self.hold_out and self.shots < 2:
            raise ValueError(f"hold_out takes images from the shots, and shots is {self.shots}; allowed: at least 2")
        return self


class Recipe(Options):
    """A whole recipe."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=100,
        description="At most 100 letters, digits, '.', '_' and '-', the first a letter or digit; names the run folder.",
    )
    method: Literal["multi-task", "single-task", "sparse", "meta", "meta-sparsity"] = Field(
        "multi-task",
        description="One network for all tasks, one network per task, a sparse network, one that is trained in "
        "episodes, or both.",
    )
    plugins: tuple[str, ...] = Field((), description="Extra plugins: paths of .py files, or module names.")
    data: Data = Field(description="Which images, at which size, how augmented.")
    backbone: Backbone = Field(description="The timm model whose feature maps everything reads.")
    decoder: Decoder = Field(Decoder(), description="The trunk that all dense tasks share.")
    tasks: Mapping[TaskName, TaskEntry] = Field(min_length=1, description="Tasks by name.")
    unseen: Mapping[TaskName, TaskEntry] = Field({}, description="Tasks that are kept for `mstasks adapt`, by name.")
    optim: Optim = Field(Optim(), description="How the network is trained.")
    sparsity: Sparsity | None = Field(None, description="What is made sparse, and how strongly.")
    meta: Meta | None = Field(None, description="How a step learns to learn.")
    adapt: Adapt = Field(Adapt(), description="How `mstasks adapt` learns a task from few images.")
    loss_weighting: Named = Field(Named(name="fixed"), description="How the task losses are weighted.")
    run: Run = Field(Run(), description="What is logged, evaluated and kept.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of everything random.")
    device: str = Field("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, mps, cuda or cuda:N.")
