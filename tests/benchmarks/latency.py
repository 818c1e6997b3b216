"""Latency of a network without its dead channels against its MACs, and torch-pruning on the same channels beside it.

    python tests/benchmarks/latency.py                              # ResNet-50 at 224 x 224, channels removed at random
    python tests/benchmarks/latency.py --run runs/quickstart/001    # what a sparse run has removed

A random mask leaves a fraction of the channels of each space of backbone and trunk; their groups become zero (the masked
network), then the channels leave, once by `mstasks.sparsity.compact` and once by torch-pruning's dependency graph. On each
backend and batch size the dense network and all others take turns in one process; a ratio is the median over the turns of
the ratio of two neighbours. `share` is ln(latency ratio) / ln(MACs ratio): 1 if time falls as fast as MACs. `difference` is
the largest one between compact and masked predictions, over the largest prediction.
"""

from __future__ import annotations

import argparse
import copy
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime  # type: ignore[import-untyped]
import torch
import torch_pruning  # type: ignore[import-untyped]
from torch import Tensor, nn

from mstasks.bench.arms import largest_difference, pass_of, predictions
from mstasks.bench.backends import BACKENDS, Backend, Forward, UnavailableError, start
from mstasks.bench.measure import Times, take_turns
from mstasks.bench.networks import open_networks
from mstasks.heads import DenseHead
from mstasks.macs import network_cost, total_cost
from mstasks.network import Network, build_network
from mstasks.recipe.model import Backbone, Decoder
from mstasks.runfolder import RunFolder
from mstasks.sparsity.alive import alive_channels
from mstasks.sparsity.compact import compact
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.space import scale_groups
from mstasks.sparsity.spaces import Spaces

Size = tuple[int, int]
COLUMNS = (
    "removed", "backend", "batch", "MACs ratio", "dense ms", "compact ms", "latency ratio", "share",
    "torch-pruning's latency ratio", "times as fast as torch-pruning", "difference",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A masked network, and what two libraries make of it."""

    name: str
    masked: Network
    ours: Network
    peer: Network
    macs_ratio: float


class Named(nn.Module):
    """Predictions as a tuple, which ONNX can name."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(images).values())


def onnx(network: Network, size: Size) -> Forward:
    """The network exported to a file of dynamic batch, run by onnxruntime on the CPU."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "network.onnx"
        torch.onnx.export(
            Named(copy.deepcopy(network)).eval(),
            (torch.zeros(1, 3, *size),),
            str(file),
            input_names=["images"],
            output_names=list(network.heads),
            dynamic_axes={name: {0: "batch"} for name in ("images", *network.heads)},
            dynamo=False,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Workers that wait for more work after a pass would take the cores from the arm whose turn is next.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def forward(images: Tensor) -> dict[str, Tensor]:
        outputs = session.run(list(network.heads), {"images": images.numpy()})
        return {name: torch.from_numpy(output) for name, output in zip(network.heads, outputs, strict=True)}

    return forward


ALL = {**BACKENDS, "onnxruntime": Backend("onnxruntime", "exported, on the CPU", onnx)}
DEFAULT = [name for name, backend in ALL.items() if not backend.on_request]


def by_torch_pruning(network: Network, spaces: Spaces, alive: dict[str, Tensor], size: Size) -> Network:
    """torch-pruning's own surgery: one group a space, found from a layer that makes its channels."""
    pruned = copy.deepcopy(network)
    graph = torch_pruning.DependencyGraph().build_dependency(
        pruned, torch.zeros(2, 3, *size), forward_fn=lambda model, images: list(model(images).values())
    )
    for space in spaces.spaces:
        dead = (~alive[space.name]).nonzero().flatten().tolist()
        layer, prune = producer(pruned, [member.parameter for member in space.members if member.start == 0])
        if dead:
            graph.get_pruning_group(layer, prune, idxs=dead[: space.size - 1]).prune()
    return pruned


def producer(network: Network, parameters: Sequence[str]) -> tuple[nn.Module, Callable[..., nn.Module]]:
    for name in parameters:
        layer = network.get_submodule(name.rpartition(".")[0])
        if isinstance(layer, nn.Conv2d) and layer.groups == 1:
            return layer, torch_pruning.prune_conv_out_channels
        if isinstance(layer, nn.Linear):
            return layer, torch_pruning.prune_linear_out_channels
    raise SystemExit(f"torch-pruning has no layer to start from for {parameters[0]}")


def case(name: str, dense: Network, masked: Network, spaces: Spaces, alive: dict[str, Tensor], size: Size) -> Case:
    ours = compact(masked, spaces, alive).eval()
    peer = by_torch_pruning(masked, spaces, alive, size)
    shapes = [[tuple(p.shape) for p in network.parameters()] for network in (ours, peer)]
    assert shapes[0] == shapes[1], "torch-pruning removed other channels"
    macs = [total_cost(network_cost(network, size)).macs for network in (dense, ours)]
    return Case(name, masked, ours, peer, macs[0] / macs[1])


def random_cases(model: str, size: Size, removed: Sequence[float]) -> tuple[Network, list[Case]]:
    """A network of one dense head, and a case for each fraction of channels that leaves every space."""
    torch.manual_seed(0)
    dense = build_network(Backbone(model=model), Decoder(), size, {"depth": lambda info: DenseHead(info, 1)}).eval()
    spaces, cases = find_spaces(dense, size), []
    for fraction in removed:
        masked, alive = copy.deepcopy(dense), {}
        tensors = dict(masked.named_parameters())
        for space in spaces.spaces:
            order = torch.randperm(space.size)
            alive[space.name] = order < max(1, round(space.size * (1 - fraction)))
            scale_groups(space, tensors, alive[space.name].float())
        cases.append(case(f"{fraction:.0%}", dense, masked, spaces, alive, size))
    return dense, cases


def run_cases(path: Path) -> tuple[Network, list[Case], Size]:
    """The networks of a run that has zero channels."""
    found = open_networks(RunFolder.open(path))
    if found.own != "masked":
        raise SystemExit(f"{path}: {' '.join(found.left_out)}")
    dense, masked = found.networks["dense"].cpu(), found.networks["masked"].cpu()
    size = found.experiment.recipe.data.size
    spaces = find_spaces(masked, size)
    alive = alive_channels(masked, spaces)
    share = 1 - sum(int(mask.sum()) for mask in alive.values()) / int(spaces.sizes.sum())
    return dense, [case(f"{share:.0%} ({path.parent.name})", dense, masked, spaces, alive, size)], size


def rows(
    backend: Backend, dense: Network, cases: Sequence[Case], images: Tensor, seconds: float
) -> Iterator[tuple[str, ...]]:
    networks = {"dense": dense}
    for case in cases:
        networks |= {f"{case.name} ours": case.ours, f"{case.name} peer": case.peer}
    forwards = {name: start(backend, network, images) for name, network in networks.items()}
    times = take_turns({name: pass_of(forward, images) for name, forward in forwards.items()}, seconds)
    for case in cases:
        ours, peer = times[f"{case.name} ours"], times[f"{case.name} peer"]
        found = predictions(forwards[f"{case.name} ours"], images)
        difference = largest_difference(predictions(case.masked, images), found)
        yield (
            case.name,
            backend.name,
            str(len(images)),
            *figures(times["dense"], ours, peer, case),
            f"{difference:.0e}",
        )


def figures(dense: Times, ours: Times, peer: Times, case: Case) -> tuple[str, ...]:
    ratio = ours.faster_than(dense)
    numbers = (
        (case.macs_ratio, 1), (dense.median * 1e3, 2), (ours.median * 1e3, 2), (ratio, 2),
        (math.log(ratio) / math.log(case.macs_ratio), 2), (peer.faster_than(dense), 2), (ours.faster_than(peer), 2),
    )  # fmt: skip
    return tuple(f"{number:.{digits}f}" for number, digits in numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a sparse run instead of random removal")
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--removed", type=float, nargs="+", default=[0.5, 0.7, 0.9])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--backend", nargs="+", default=DEFAULT, choices=list(ALL))
    parser.add_argument("--seconds", type=float, default=3, help="for each backend and batch size; five turns at least")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    size = (arguments.size, arguments.size)
    if arguments.run is None:
        dense, cases = random_cases(arguments.model, size, arguments.removed)
    else:
        dense, cases, size = run_cases(arguments.run)
    what = arguments.run or arguments.model
    print(f"{what}, {size[0]} x {size[1]}, {arguments.threads} threads, torch {torch.__version__}\n")
    print("|", " | ".join(COLUMNS), "|")
    print("|", " | ".join("---" for _ in COLUMNS), "|")
    for name in arguments.backend:
        for batch in arguments.batch:
            images = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(0))
            try:
                for row in rows(ALL[name], dense, cases, images, arguments.seconds):
                    print("|", " | ".join(row), "|", flush=True)
            except UnavailableError as error:
                print(f"| | {name} | {batch} | {error} |")


if __name__ == "__main__":
    main()
