"""The comparison of a run's networks, arm by arm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from mstasks.bench.arms import Arm, largest_difference, pass_of, predictions, prepare_arms
from mstasks.bench.backends import BACKENDS, Backend, Forward
from mstasks.bench.exported import exported_arms
from mstasks.bench.facts import machine, network_facts
from mstasks.bench.measure import take_turns
from mstasks.bench.networks import RunNetworks, open_networks
from mstasks.bench.result import ArmResult, BenchResult, NetworkFacts
from mstasks.errors import UsageError
from mstasks.runfolder import RunFolder
from mstasks.traced import DecodedNetwork


def bench_run(
    run: RunFolder,
    batches: Sequence[int] = (1, 8),
    seconds: float = 5.0,
    threads: int | None = None,
    backends: Iterable[str] = (),
    rounds: int = 5,
) -> BenchResult:
    """Compare the networks of a run on random images of the recipe's size.

    Args:
        run: Holds one network.
        batches: Batch sizes, each at least 1.
        seconds: How long to measure each batch size, warm-up left out; at least `rounds` rounds are run.
        threads: Of the CPU, from here on; None leaves them as they are.
        backends: Names of `BACKENDS`; none for those that start at once.
        rounds: At least 2.

    Raises:
        UsageError: If the run holds several networks, there is no such backend, or none can run.
    """
    chosen = [BACKENDS[name] for name in _known(backends)]
    if threads is not None:
        torch.set_num_threads(threads)
    found = open_networks(run)
    size, device = found.experiment.recipe.data.size, found.experiment.device
    samples = [_images(batch, size, device) for batch in batches]
    arms, left_out = prepare_arms(found.networks, chosen, samples[0])
    if not arms:
        raise UsageError(f"{run.path}: nothing to measure. {'. '.join(left_out)}.")
    exported = exported_arms(run, found.experiment.loaded.registry, samples[0])
    facts = [network_facts(name, network, size, batches) for name, network in found.networks.items()]
    facts += [NetworkFacts(file.name, None, None, file.stat().st_size, None) for file in exported.arms]
    arms += exported.arms.values()
    references = _references(found)
    results = [result for images in samples for result in _measured(arms, references, images, seconds, rounds)]
    missing = (*found.left_out, *left_out, *exported.left_out, *_unasked(chosen))
    return BenchResult(size, machine(device), tuple(facts), tuple(results), missing)


def _unasked(chosen: Sequence[Backend]) -> list[str]:
    return [
        f"{name}: takes up to minutes to start; `--backend {name}` asks for it."
        for name, backend in BACKENDS.items()
        if backend.on_request and backend not in chosen
    ]


def _known(names: Iterable[str]) -> list[str]:
    """The names in the order of `BACKENDS`; without any, those that start at once."""
    wanted = list(names) or [name for name, backend in BACKENDS.items() if not backend.on_request]
    for name in wanted:
        if name not in BACKENDS:
            raise UsageError(f"unknown backend {name!r}; backends: {', '.join(BACKENDS)}.")
    return [name for name in BACKENDS if name in wanted]


def _images(batch: int, size: tuple[int, int], device: torch.device) -> Tensor:
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(0)).to(device)


def _references(found: RunNetworks) -> dict[str, Forward]:
    """What each network's predictions are compared with; exported files decode theirs."""
    own = found.networks[found.own]
    decoded = DecodedNetwork(own, found.experiment.tasks).eval()
    return {**dict.fromkeys(("masked", "compact"), own), "dense": found.networks["dense"], "exported": decoded}


def _measured(
    arms: Sequence[Arm], references: Mapping[str, Forward], images: Tensor, seconds: float, rounds: int
) -> list[ArmResult]:
    """Time the arms at one batch size, and compare each one's predictions with those of its network's reference."""
    used = {arm.network for arm in arms}
    expected = {name: predictions(network, images) for name, network in references.items() if name in used}
    differences = [largest_difference(expected[arm.network], predictions(arm.forward, images)) for arm in arms]
    calls = {f"{index} {arm.network} {arm.backend}": pass_of(arm.forward, images) for index, arm in enumerate(arms)}
    times = list(take_turns(calls, seconds, rounds).values())
    return [
        ArmResult(arm.network, arm.backend, len(images), own, own.faster_than(times[0]), difference)
        for arm, own, difference in zip(arms, times, differences, strict=True)
    ]
