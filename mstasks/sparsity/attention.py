"""Finding attention, whose heads cannot lose channels one by one."""

from __future__ import annotations

from mstasks.sparsity.spaces import Scope, SpacesError, in_scope
from mstasks.sparsity.trace import Op, Trace

_RESHAPING = {"View", "UnsafeView", "ReshapeAlias", "Expand", "Clone", "ToCopy", "Transpose", "Permute"}


def refuse_attention(trace: Trace, scope: Scope) -> None:
    """Refuse a network with attention in the scope.

    Raises:
        SpacesError: Naming the first such layer.
    """
    found = list(dict.fromkeys(op.layer for op in trace.ops if _attends(op, trace) and in_scope(op.layer, scope)))
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise SpacesError(
            f"Attention heads cannot be made sparse: found attention after `{found[0]}`{more}. Choose a convolutional "
            "backbone, such as resnet50, tf_efficientnet_lite0 or convnext_atto, or leave `sparsity` and "
            "`backbone.structure` out."
        )


def _attends(op: Op, trace: Trace) -> bool:
    """Fused attention, or a product of maps the first of which is a softmax, as attention is written out."""
    if "ScaledDotProduct" in op.name:
        return True
    if op.name not in ("Bmm", "Baddbmm") or op.inputs[0] is None:
        return False
    source = trace.ops[op.inputs[0]]
    while source.name in _RESHAPING and source.inputs[0] is not None:
        source = trace.ops[source.inputs[0]]
    return "Softmax" in source.name
