"""What an adapted network is compared with: a closed-form head on the network as it was, and the mean label map."""

from __future__ import annotations

from torch import Tensor, nn

from mstasks.adapt.trivial import expand_trivial
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.device import Precision, as_input, autocast
from mstasks.modes import evaluating
from mstasks.network import Network
from mstasks.predictors import Predictor, decode_at_labels


def head_predictor(network: Network, head: nn.Module, bound: BoundTask, precision: Precision = "float32") -> Predictor:
    """What a head that is none of the network's own predicts from its features.

    Args:
        network: On the device, in any mode; runs in evaluation mode. None of its own heads is run.
        head: Maps `network.features` to the task's raw prediction, on the device.
        bound: The task.
        precision: Of the forward pass.
    """

    def predict(batch: Batch) -> dict[str, Tensor]:
        device = batch.images.device
        with evaluating(network), evaluating(head), autocast(device, precision):
            raw = head(network.features(as_input(batch.images, device)))
        return {bound.name: decode_at_labels(bound, raw, batch)}

    return predict


def trivial_predictor(trivial: Tensor, bound: BoundTask) -> Predictor:
    """The trivial prediction of a support set, from `mstasks.adapt.trivial.fit_trivial`."""

    def predict(batch: Batch) -> dict[str, Tensor]:
        return {bound.name: expand_trivial(trivial, bound.labels(batch.targets))}

    return predict
