"""The forward pass of training: scaled images in, chosen heads out, a sentence where norm layers give up."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mstasks.errors import UsageError
from mstasks.heads import DenseHead, PooledHead
from mstasks.network import Network, build_network
from mstasks.recipe.model import Backbone, Decoder
from mstasks.train.forward import forward


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    heads = {"map": lambda info: DenseHead(info, 1), "facts": lambda info: PooledHead(info, 2)}
    return build_network(Backbone(model="test_resnet"), Decoder(width=8), (32, 48), heads).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randint(0, 256, (2, 3, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_images_are_scaled_to_one_and_all_heads_run(network: Network, images: Tensor) -> None:
    found = forward(network, images)
    torch.testing.assert_close(found, network(images / 255))
    assert list(found) == ["map", "facts"]


@pytest.mark.parametrize("stand_in", [False, True])
def test_chosen_heads_alone_run(network: Network, images: Tensor, stand_in: bool) -> None:
    everything = forward(network, images)
    parameters = {name: 2 * value for name, value in network.named_parameters() if name.startswith("heads.facts")}
    found = forward(network, images, parameters=parameters if stand_in else None, tasks=("facts",))
    assert list(found) == ["facts"]
    torch.testing.assert_close(found["facts"], everything["facts"] * (2 if stand_in else 1))


def test_a_norm_with_one_value_per_channel_is_told_in_the_terms_of_the_recipe() -> None:
    class Pooling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(3)

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"one": self.norm(images.mean((2, 3), keepdim=True))}

    message = (
        r"a micro-batch of 1 image\(s\) of 32x48 leaves a norm layer one value per channel\. Raise `data.batch_size`"
    )
    with pytest.raises(UsageError, match=message):
        forward(Pooling(), torch.zeros(1, 3, 32, 48, dtype=torch.uint8))  # type: ignore[arg-type]
