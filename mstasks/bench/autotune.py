"""The fastest backend for a network on this machine, found by trying those that leave predictions as they are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.bench.arms import largest_difference, pass_of, predictions
from mstasks.bench.backends import UnavailableError, channels_last, eager, folded
from mstasks.bench.measure import Clock, take_turns
from mstasks.network import Network

TOLERANCE = 1e-4
"""Largest difference over largest magnitude that a backend's predictions may have; float32 leaves about 1e-6."""
SECONDS = 2.0
"""Trying takes no longer, or about 20 passes where those take longer."""
SHARE = 0.05
"""Nor more than this share of the time that the images take anyway, of which the best backend saves 10 to 20 %."""
FEW = 200
"""Below so many images not even the time of a pass is taken: trying needs about 20 passes, a tenth of them."""
LEAST = 0.5
"""Seconds below which trying is not begun, as folding takes about so long: images that take less than ten seconds."""
_BACKENDS = {"channels_last": channels_last, "folded": folded, "eager": eager}


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend and its network.

    Attributes:
        backend: Its name, ``channels_last`` for the network as it was.
        network: To be used from here on.
    """

    backend: str
    network: Network


class AutoTuner:
    """Chooses among the backends that are networks themselves and predict the same in float32.

    bfloat16 and compiled networks are no candidates: the one changes predictions, the other takes longer to start than
    it saves here. A choice is kept in memory for networks of the same shapes on images of the same shape.

    Args:
        clock: Seconds since any moment.
    """

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self._clock = clock
        self._known: dict[tuple[object, ...], str] = {}

    def choose(self, network: Network, size: tuple[int, int], images: int) -> Choice:
        """The fastest backend for a network, or the network as it is if trying would not pay.

        Args:
            network: In evaluation mode, on its device; left as it is.
            size: Height and width of the images that it will see one by one.
            images: How many it will see.
        """
        sample = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
        sample = sample.to(next(network.parameters()).device)
        key = (size, sample.device, torch.get_num_threads(), *_shapes(network))
        known = self._known.get(key)
        if known is not None:
            return Choice(known, _prepare(known, network, size))
        seconds = self._affordable(network, sample, images) if images >= FEW else 0.0
        if seconds == 0:
            return Choice("channels_last", network)
        choice = self._fastest(_candidates(network, sample), sample, seconds)
        self._known[key] = choice.backend
        return choice

    def _affordable(self, network: Network, sample: Tensor, images: int) -> float:
        """How long trying may take: 0 if the images are too few to win it back."""
        run = pass_of(network, sample)
        alone = take_turns({"network": run}, seconds=0, rounds=3, warm_up=1, clock=self._clock)["network"]
        seconds = min(SECONDS, SHARE * images * alone.median)
        return seconds if seconds >= LEAST else 0.0

    def _fastest(self, candidates: Sequence[Choice], sample: Tensor, seconds: float) -> Choice:
        calls = {choice.backend: pass_of(choice.network, sample) for choice in candidates}
        times = take_turns(calls, seconds, rounds=3, clock=self._clock)
        return min(candidates, key=lambda choice: times[choice.backend].median)


def _candidates(network: Network, sample: Tensor) -> list[Choice]:
    """The network itself and the backends that predict the same."""
    expected = predictions(network, sample)
    found = [Choice("channels_last", network)]
    for name in ("folded", "eager"):
        try:
            other = _prepare(name, network, (sample.shape[-2], sample.shape[-1]))
        except UnavailableError:
            continue
        if largest_difference(expected, predictions(other, sample)) <= TOLERANCE:
            found.append(Choice(name, other))
    return found


def _prepare(name: str, network: Network, size: tuple[int, int]) -> Network:
    return network if name == "channels_last" else _BACKENDS[name](network, size)


def _shapes(network: Network) -> list[tuple[str, torch.Size]]:
    return [(name, value.shape) for name, value in network.state_dict().items()]
