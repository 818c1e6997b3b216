"""Time and memory of one meta step, relative to a plain step on the same images and to other libraries' MAML.

    python tests/benchmarks/meta_step.py
    python tests/benchmarks/meta_step.py --network tf_efficientnet_lite0

Networks, tasks and batches are those of recipes/studies/scenes: the residual network at 64x64 with 32 images a step, or
tf_efficientnet_lite0 at 96x128 with 16. The arms take turns in one process; every arm trains a network of its own, by whole
training steps without the reading of data. Priced arms are timed while channels are measured, shrunk and leave: a turn of
three steps holds one measurement, and a round of removals comes every five steps as in a run of 360. A figure is the median
over the turns of the ratio of two neighbours. Arms of other libraries run if these are there (pip install torchopt higher),
after their gradients were found equal. Memory is the peak of what torch allocates within a step, gradients included.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate, product
from pathlib import Path

import torch
from meta_peers import Peer, peers

from mstasks.data.batch import Batch
from mstasks.experiment import Experiment
from mstasks.recipe import load_recipe
from mstasks.train.objective import Objective
from mstasks.train.state import TrainState
from mstasks.train.step import train_step

RECIPE = Path(__file__).parents[2] / "recipes/studies/scenes/dense.yaml"
NETWORKS = {
    "test_resnet": [],
    "tf_efficientnet_lite0": ["backbone.model=tf_efficientnet_lite0", "data.size=[96,128]", "data.batch_size=16"],
}
AHEAD = "meta={update: {name: look-ahead, window: [0, 1]}}"
PRICED = "sparsity={scope: shared, strength: {name: priced, rounds: ROUNDS}, target: {macs: 0.5}}"
MEASURE_EVERY, STEPS_A_ROUND = 3, 5
PLAIN = "plain"
LIMITS = {"look-ahead + priced": "at most 1.3", "priced": "goal 1.3"}


@dataclass
class Arm:
    """A network that is trained one way; `seconds` has an entry a turn, the mean of its steps."""

    experiment: Experiment
    batches: list[Batch]
    steps: int
    peer: Callable[..., Peer] | None = None
    seconds: list[float] = field(default_factory=list)
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        self.state: TrainState = self.experiment.build_state()
        meta = self.experiment.recipe.meta
        if self.peer is not None and meta is not None:
            tasks, options = tuple(self.experiment.tasks), meta.update.options
            self.state.update = self.peer(self.state.network, tasks, 1, 0, options)

    def step(self) -> None:
        batch = self.batches[self.state.step % len(self.batches)]
        train_step(self.state, batch, self.experiment.tasks, self.experiment.recipe.optim)

    def turn(self) -> None:
        began = self.clock()
        for _ in range(self.steps):
            self.step()
        self.seconds.append((self.clock() - began) / self.steps)

    def gradients(self) -> dict[str, torch.Tensor]:
        """The gradient of the first images of a network like this one before its first step, in float64."""
        state = replace(self).state
        network, weighting = state.network.double(), state.weighting.double()
        objective = Objective(network, weighting, self.experiment.tasks, self.experiment.recipe.optim)
        state.update.gradients(state, self.batches[0].take(range(8)), objective)
        return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}

    def peak(self) -> float:
        """Most MiB that a turn's steps have at a time beyond what was there before."""
        self.state.optimizer.zero_grad(set_to_none=True)
        gc.collect()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
            for _ in range(self.steps):
                self.step()
        events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
        events.sort(key=lambda event: event.start_ns())
        return max(accumulate(event.nbytes() for event in events)) / 2**20


def maml(steps: int, order: str) -> str:
    return f"maml K={steps} {order}"


def build(network: str, turns: int, orders: list[str], libraries: Mapping[str, Callable[..., Peer]]) -> dict[str, Arm]:
    """All arms by name; priced ones open their window when the turns begin and close it when they end."""
    steps = round(MEASURE_EVERY * turns / 0.5)
    common = [*NETWORKS[network], f"optim.steps={steps}"]
    priced = PRICED.replace("ROUNDS", str(max(1, MEASURE_EVERY * turns // STEPS_A_ROUND)))
    plain = Experiment(load_recipe(RECIPE, common))
    source = plain.train_batches(0)
    batches = [next(source) for _ in range(4)]
    methods = {
        "look-ahead": ["method=meta", AHEAD],
        "priced": ["method=sparse", priced],
        "look-ahead + priced": ["method=meta-sparsity", AHEAD, priced],
    }
    arms = {PLAIN: Arm(plain, batches, MEASURE_EVERY)}
    for name, overrides in methods.items():
        arms[name] = Arm(Experiment(load_recipe(RECIPE, [*common, *overrides])), batches, MEASURE_EVERY)
    for order, inner in product(orders, (1, 3)):
        chosen = f"meta={{update: {{name: maml, steps: {inner}, order: {order}, combinations: all-tasks}}}}"
        experiment = Experiment(load_recipe(RECIPE, [*common, "method=meta", chosen]))
        arms[maml(inner, order)] = Arm(experiment, batches, 1)
        for library, peer in libraries.items():
            arms[f"{maml(inner, order)}, {library}"] = Arm(experiment, batches, 1, peer)
    return arms


def check_gradients(arms: Mapping[str, Arm]) -> None:
    """Every peer has the gradients of our arm.

    In float64: in float32 a last digit of an inner step switches ReLUs, and that changes gradients in the third digit.
    """
    ours = {name: arm.gradients() for name, arm in arms.items() if name.startswith("maml") and arm.peer is None}
    for name, arm in arms.items():
        if arm.peer is not None:
            expected = ours[name.partition(",")[0]]
            torch.testing.assert_close(arm.gradients(), expected, rtol=1e-8, atol=1e-10)
            print(f"gradients equal: {name}")


def ratio(one: list[float], other: list[float]) -> str:
    ratios = [a / b for a, b in zip(one, other, strict=True)]
    return f"median {statistics.median(ratios):5.2f}, {min(ratios):.2f} to {max(ratios):.2f}"


def report(arms: Mapping[str, Arm], peaks: Mapping[str, float]) -> None:
    for name, arm in arms.items():
        milliseconds = statistics.median(arm.seconds) * 1e3
        limit = f"   ({LIMITS[name]})" if name in LIMITS else ""
        print(
            f"{name:26} / plain  {ratio(arm.seconds, arms[PLAIN].seconds)}   {milliseconds:5.0f} ms   "
            f"peak {peaks[name]:5.0f} MiB{limit}"
        )
    for name, arm in arms.items():
        ours = arms[name.partition(",")[0]]
        if arm.peer is not None:
            limit = "at most 1.0" if "second" in name and "torchopt" in name else "for information"
            print(f"ours / {name:26}  {ratio(ours.seconds, arm.seconds)}   ({limit})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=list(NETWORKS), default="test_resnet")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=20, help="at least 6")
    parser.add_argument("--orders", nargs="*", choices=["first", "second"], default=["first", "second"])
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor time: for a machine that others use, with --threads 1"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arms = build(arguments.network, arguments.turns, arguments.orders, peers())
    check_gradients(arms)
    opens = round(0.1 * MEASURE_EVERY * arguments.turns / 0.5)
    peaks = {}
    for name, arm in arms.items():
        arm.clock = time.process_time if arguments.cpu_time else time.perf_counter
        for _ in range(opens - arm.steps if arm.steps == MEASURE_EVERY else 2):  # warms up
            arm.step()
        peaks[name] = arm.peak()
    for turn in range(arguments.turns):
        for arm in arms.values() if turn % 2 == 0 else reversed(arms.values()):
            arm.turn()
    print(
        f"{arguments.network}, {arguments.threads} threads, {arguments.turns} turns{', processor time' * arguments.cpu_time}"
    )
    report(arms, peaks)


if __name__ == "__main__":
    main()
