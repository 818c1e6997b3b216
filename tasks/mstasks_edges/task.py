"""The edges task: class-balanced cross-entropy, probabilities, F with a distance tolerance."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from mstasks import Target, TargetInfo, TargetKind, Task, TaskMetric, logit_code, per_example_mean
from mstasks_edges.metrics import edge_metrics
from mstasks_edges.options import EdgesOptions
from mstasks_edges.shapes import check_shapes


class Edges(Task):
    """Probability of an edge per pixel.

    Args:
        info: What the data set declares of the target.
        options: Balance of the loss and tolerance of the metrics; the defaults if None.
    """

    kind = TargetKind.SCALAR_MAP
    channels = 1
    options: EdgesOptions

    def __init__(self, info: TargetInfo, options: EdgesOptions | None = None) -> None:
        super().__init__(info, options or EdgesOptions())

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        """Class-balanced cross-entropy in nats, averaged over each example's valid pixels, in float32.

        -b y log(p) - (1 - b) (1 - y) log(1 - p) with label y, probability p and b the share of the example's valid
        pixels that are no edge (Xie and Tu 2015, "Holistically-nested edge detection", equation 2, there summed instead
        of averaged), or b = `positive_weight`. Edges and the rest then weigh the same, however rare edges are. With the
        share e of edge pixels a prediction of 0.5 costs 2 e (1 - e) log(2), a tenth of plain cross-entropy at e = 5 %:
        a recipe's weight may make up for it. Without an edge, or with nothing else, the balanced loss is 0.

        Args:
            prediction: Logits, shape (batch, 1, height, width).
            target: Labels in [0, 1] and validity, of the same shape.

        Returns:
            Shape (batch,), at least 0; exactly 0 with zero gradient for an example without a valid pixel.

        Raises:
            ValueError: If a shape does not fit.
        """
        check_shapes(prediction, target)
        # What is not valid is replaced before any arithmetic: an overflowing logit there would give NaN gradients.
        logits = prediction.float().masked_fill(~target.valid, 0.0)
        truth = target.value.float()
        balance = self.options.positive_weight
        edge = per_example_mean(1 - truth, target.valid)[:, None, None, None] if balance is None else balance
        losses = edge * truth * functional.softplus(-logits) + (1 - edge) * (1 - truth) * functional.softplus(logits)
        return per_example_mean(losses, target.valid)

    def decode(self, prediction: Tensor) -> Tensor:
        """Probability of an edge, float32, shape (batch, 1, height, width)."""
        return prediction.float().sigmoid()

    def encode(self, target: Target) -> Tensor:
        """Logits of an edge, linear in the label; see `mstasks.logit_code`."""
        return logit_code(target)

    def metrics(self) -> dict[str, TaskMetric]:
        """Make `ods_f` (primary), `ois_f` and `mae`; see their module for the protocol."""
        return edge_metrics(self.options.max_distance)
