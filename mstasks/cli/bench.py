"""`mstasks bench`: how fast the networks of a run are on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mstasks.cli.arguments import json_option
from mstasks.cli.console import print_json, print_table

if TYPE_CHECKING:
    from mstasks.bench.result import ArmResult, BenchResult, NetworkFacts


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1, 8),
    show_default=True,
    help="Images at once. May be repeated.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads of the CPU; torch's own choice by default.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="How long to measure each batch size, after warming up; five rounds at least.",
)
@click.option(
    "--backend",
    "backends",
    multiple=True,
    help="channels_last, eager, folded, bfloat16 or compiled. May be repeated; by default all but compiled, which "
    "takes up to minutes to start.",
)
@json_option
def command(
    run: Path,
    batches: tuple[int, ...],
    threads: int | None,
    seconds: float,
    backends: tuple[str, ...],
    as_json: bool,
) -> None:
    """Time the dense, masked, compact and exported network of RUN on each backend, in turns, at the recipe's size.

    The exported network is that of the files in RUN/export, so of a sparse run the masked one, and runs on the CPU.
    Writes bench.json and bench.png into RUN. Give the machine nothing else to do meanwhile.
    """
    from mstasks.bench.compare import bench_run
    from mstasks.bench.files import write_bench
    from mstasks.runfolder import RunFolder, finite

    folder = RunFolder.open(run)
    result = bench_run(folder, list(dict.fromkeys(batches)), seconds, threads, backends)
    numbers, chart = write_bench(result, folder)
    if as_json:
        print_json(finite({"run": str(run), **result.document()}))
        return
    _print(result)
    click.echo(f"files: {numbers} {chart}")


def _print(result: BenchResult) -> None:
    click.echo(result.conditions)
    batches = list(dict.fromkeys(arm.batch for arm in result.arms))
    columns = ("network", "MACs", "parameters", "weights file", *(f"memory, batch {batch}" for batch in batches))
    print_table(columns, [_facts(facts, batches) for facts in result.networks], numbers=columns[1:])
    columns = ("network", "backend", "median", "quartiles", "times as fast", "difference")
    for batch in batches:
        rows = [_arm(arm) for arm in result.arms if arm.batch == batch]
        print_table(columns, rows, f"batch {batch}", numbers=columns[2:])
    for sentence in result.left_out:
        click.echo(f"left out: {sentence}")


def _facts(facts: NetworkFacts, batches: list[int]) -> tuple[str, ...]:
    from mstasks.cli.results import millions

    counts = (facts.macs, facts.parameters)
    memory = [None if facts.peak_memory is None else facts.peak_memory[batch] for batch in batches]
    megabytes = ("-" if size is None else f"{size / 1e6:.2f} MB" for size in (facts.bytes, *memory))
    return (facts.name, *("-" if count is None else millions(count) for count in counts), *megabytes)


def _arm(arm: ArmResult) -> tuple[str, ...]:
    first, third = (f"{quartile * 1e3:.2f}" for quartile in arm.times.quartiles)
    median = f"{arm.times.median * 1e3:.2f} ms"
    return arm.network, arm.backend, median, f"{first} to {third}", f"{arm.speedup:.2f}", f"{arm.difference:.0e}"
