"""Ready heads: on the shared trunk, with a decoder of their own, ASPP on the backbone, a pooled vector.

All of them start close to a zero prediction: their last layer has small weights and a zero bias.
"""

from mstasks.heads.aspp import ASPPHead, aspp_rates
from mstasks.heads.base import Head
from mstasks.heads.decoder import DecoderHead
from mstasks.heads.on_trunk import DenseHead, LinearHead
from mstasks.heads.pooled import PooledHead

__all__ = ["ASPPHead", "DecoderHead", "DenseHead", "Head", "LinearHead", "PooledHead", "aspp_rates"]
