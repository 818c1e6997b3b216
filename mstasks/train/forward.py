"""The forward pass of training, with a sentence for what norm layers cannot do."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from mstasks.device import Precision, as_input, autocast
from mstasks.errors import UsageError
from mstasks.network import Network


def forward(
    network: Network,
    images: Tensor,
    precision: Precision = "float32",
    parameters: Mapping[str, Tensor] | None = None,
    tasks: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """Raw predictions by task for uint8 images (B, 3, H, W) on the network's device.

    Args:
        network: The network.
        images: The images.
        precision: Of the pass.
        parameters: Parameters and buffers by name that stand in for the network's own in this pass.
        tasks: Whose heads to run; all by default.

    Raises:
        UsageError: If a norm layer gets a single value per channel, of which it cannot take statistics.
    """
    try:
        with autocast(images.device, precision):
            inputs = as_input(images, images.device)
            given = (inputs,) if tasks is None else (inputs, tasks)
            if parameters is None:
                predictions: dict[str, Tensor] = network(*given)
            else:
                predictions = torch.func.functional_call(network, dict(parameters), given)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        height, width = images.shape[-2:]
        raise UsageError(
            f"a micro-batch of {len(images)} image(s) of {height}x{width} leaves a norm layer one value per channel. "
            "Raise `data.batch_size` or `data.size`, or lower `optim.accumulate`."
        ) from error
    return predictions
