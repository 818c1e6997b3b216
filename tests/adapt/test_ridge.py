"""The closed form: the head that least squares gives, from pixels of the labels, read off the network as it is."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric
from mstasks.adapt import regressions
from mstasks.adapt.ridge import DEFAULT_PENALTY, PENALTIES, RidgeFit, ridge_head
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.heads import DenseHead, LinearHead, PooledHead
from mstasks.modes import evaluating
from mstasks.network import Network, build_network
from mstasks.recipe.model import Backbone, Decoder

CPU = torch.device("cpu")
SIZE = (32, 48)


class Plain(Task):
    """Predicts labels as they are, except where a test says otherwise."""

    def __init__(self, kind: TargetKind, channels: int = 1) -> None:
        named = kind in (TargetKind.LABEL_MAP, TargetKind.ATTRIBUTES)
        super().__init__(TargetInfo(kind, tuple(f"n{index}" for index in range(channels)) if named else ()))
        self.kind, self.channels = kind, channels

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return prediction.flatten(1).mean(1)

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {"x": PooledMean(lambda p, t: p, higher_is_better=True, best_value=1.0)}


class Decoding(Plain):
    def decode(self, prediction: Tensor) -> Tensor:
        return prediction.exp()


class Wrong(Plain):
    def encode(self, target: Target) -> Tensor:
        return target.value[:, :, :-1]


def bound_task(kind: TargetKind, channels: int = 1, of: type[Plain] = Plain) -> BoundTask:
    return BoundTask("new", of(kind, channels), "labels")


@pytest.fixture(scope="module")
def network() -> Network:
    """A network with norm statistics and weights of ordinary size, which no test changes."""
    torch.manual_seed(0)
    heads = {"old": lambda info: DenseHead(info, 1)}
    built = build_network(Backbone(model="test_resnet"), Decoder(width=8), SIZE, heads).train()
    with torch.no_grad():
        for _ in range(3):
            built(torch.rand(8, 3, *SIZE))
    return built


def support(kind: TargetKind, images: int = 4, channels: int = 1, seed: int = 0, size: tuple[int, int] = SIZE) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (images, 3, *SIZE), dtype=torch.uint8, generator=generator)
    if kind is TargetKind.ATTRIBUTES:
        value = (torch.rand(images, channels, generator=generator) < 0.5).float()
        target = Target(value, torch.ones(images, channels, dtype=torch.bool))
    elif kind is TargetKind.LABEL_MAP:
        labels = torch.randint(0, channels, (images, *size), generator=generator)
        target = Target(labels, torch.rand(images, *size, generator=generator) < 0.8)
    else:
        value = torch.randn(images, channels, *size, generator=generator)
        target = Target(value, torch.rand(images, 1, *size, generator=generator) < 0.8)
    return Batch(tuple(map(str, range(images))), pixels, {"labels": target})


def fitted(network: Network, bound: BoundTask, batch: Batch, penalty: float | None = None) -> RidgeFit:
    found = ridge_head(network, bound, batch.split(2) if len(batch) > 1 else [batch], CPU, penalty=penalty)
    assert found is not None
    return found


def raw(network: Network, head: nn.Module, batch: Batch) -> Tensor:
    with evaluating(network), evaluating(head):
        out: Tensor = head(network.features(batch.images / 255))
    return out


def at_pixels(network: Network, batch: Batch) -> Tensor:
    """Trunk features of every pixel of the labels, one image after the other: shape (images, pixels, channels)."""
    with evaluating(network):
        trunk = network.features(batch.images / 255).trunk
    assert trunk is not None
    size = batch.targets["labels"].valid.shape[-2:]
    large = nn.functional.interpolate(trunk.double(), size=size, mode="bilinear", align_corners=False)
    return large.flatten(2).mT


def least_squares(x: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Ridge regression as plain least squares with further rows; weight (channels, features) and bias (channels,)."""
    x, y = x.double(), y.double()
    used = int(x.any(0).sum())
    scale = float(penalty * (x - x.mean(0)).square().sum() / used)
    rows = np.hstack([np.sqrt(scale) * np.eye(x.shape[1]), np.zeros((x.shape[1], 1))])
    left = np.vstack([np.hstack([x.numpy(), np.ones((len(x), 1))]), rows])
    right = np.vstack([y.numpy(), np.zeros((x.shape[1], y.shape[1]))])
    solution = torch.from_numpy(np.linalg.lstsq(left, right, rcond=None)[0])
    return solution[:-1].T, solution[-1]


@pytest.mark.parametrize(("kind", "channels"), [(TargetKind.DEPTH_MAP, 1), (TargetKind.VECTOR_MAP, 3)])
@pytest.mark.parametrize("size", [SIZE, (20, 31)])
def test_a_dense_head_is_least_squares_over_the_valid_pixels_of_the_labels(
    network: Network, kind: TargetKind, channels: int, size: tuple[int, int]
) -> None:
    bound, batch = bound_task(kind, channels), support(kind, channels=channels, size=size)
    fit = fitted(network, bound, batch, penalty=0.05)
    labels = batch.targets["labels"]
    kept = labels.valid.flatten(1)
    x = at_pixels(network, batch)[kept]
    y = labels.value.flatten(2).mT[kept]
    weight, bias = least_squares(x, y, 0.05)
    assert isinstance(fit.head, LinearHead)
    assert fit.penalty == 0.05
    torch.testing.assert_close(fit.head.predict.weight.detach().flatten(1).double(), weight, rtol=1e-4, atol=1e-5)
    assert fit.head.predict.bias is not None
    torch.testing.assert_close(fit.head.predict.bias.detach().double(), bias, rtol=1e-4, atol=1e-5)
    large = nn.functional.interpolate(raw(network, fit.head, batch), size=size, mode="bilinear", align_corners=False)
    expected = at_pixels(network, batch) @ weight.T + bias
    torch.testing.assert_close(large.flatten(2).mT.double(), expected, rtol=1e-3, atol=1e-4)


def test_label_maps_are_fitted_one_class_against_the_rest(network: Network) -> None:
    bound, batch = bound_task(TargetKind.LABEL_MAP, 3), support(TargetKind.LABEL_MAP, channels=3)
    fit = fitted(network, bound, batch, penalty=0.1)
    labels = batch.targets["labels"]
    kept = labels.valid.flatten(1)
    code = 8.0 * nn.functional.one_hot(labels.value, 3).flatten(1, 2)[kept] - 4.0
    weight, bias = least_squares(at_pixels(network, batch)[kept], code, 0.1)
    torch.testing.assert_close(fit.head.predict.weight.detach().flatten(1).double(), weight, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fit.head.predict.bias.detach().double(), bias, rtol=1e-4, atol=1e-5)


def test_what_is_linear_in_the_features_is_found_again(network: Network) -> None:
    torch.manual_seed(1)
    truth = nn.Conv2d(8, 2, 1)
    batch = support(TargetKind.VECTOR_MAP, channels=2)
    with evaluating(network):
        value = truth(network.features(batch.images / 255).trunk)
    value = nn.functional.interpolate(value, size=SIZE, mode="bilinear", align_corners=False)
    batch = Batch(batch.ids, batch.images, {"labels": Target(value, batch.targets["labels"].valid)})
    fit = fitted(network, bound_task(TargetKind.VECTOR_MAP, 2), batch)
    assert fit.penalty == min(PENALTIES)
    fine = fitted(network, bound_task(TargetKind.VECTOR_MAP, 2), batch, penalty=1e-9)
    varied = at_pixels(network, batch).flatten(0, 1).std(0) > 1e-3
    found = fine.head.predict.weight.detach().flatten(1)
    torch.testing.assert_close(found[:, varied], truth.weight.detach().flatten(1)[:, varied], rtol=0.01, atol=0.01)


@pytest.mark.parametrize("images", [6, 300])
def test_each_attribute_is_fitted_to_the_images_that_label_it(network: Network, images: int) -> None:
    """Fewer images than features, and more."""
    batch = support(TargetKind.ATTRIBUTES, images, channels=4)
    valid = batch.targets["labels"].valid
    valid[: images // 2, 1] = False
    valid[1::2, 2] = False
    valid[:, 3] = False
    fit = fitted(network, bound_task(TargetKind.ATTRIBUTES, 4), batch, penalty=0.3)
    assert isinstance(fit.head, PooledHead)
    with evaluating(network):
        levels = network.features(batch.images / 255).backbone[-2:]
    pooled = torch.cat([level.mean((2, 3)) for level in levels], dim=1)
    assert (images < pooled.shape[1]) == (images == 6)
    for column in range(3):
        kept = valid[:, column]
        x = pooled[kept]
        weight, bias = least_squares(
            x, batch.targets["labels"].value[kept][:, [column]], 0.3 * _used(x) / _used(pooled)
        )
        found = fit.head.predict.weight.detach()[[column]].double(), fit.head.predict.bias.detach()[[column]].double()
        torch.testing.assert_close(found[0], weight, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found[1], bias, rtol=1e-4, atol=1e-5)
    assert not fit.head.predict.weight[3].any()
    assert fit.head.predict.bias[3] == 0


def _used(features: Tensor) -> int:
    return int(features.any(0).sum())


def left_out(network: Network, bound: BoundTask, batch: Batch, penalty: float) -> float:
    """Squared error on each image of a head that was fitted without it."""
    total = 0.0
    for index in range(len(batch)):
        rest = fitted(network, bound, batch.take([other for other in range(len(batch)) if other != index]), penalty)
        alone = batch.take([index])
        out, labels = raw(network, rest.head, alone).double(), alone.targets["labels"]
        if out.dim() == 4:
            out = nn.functional.interpolate(out, size=SIZE, mode="bilinear", align_corners=False)
        total += float((out - labels.value).square().masked_fill(~labels.valid, 0.0).sum())
    return total


def with_signal(network: Network, kind: TargetKind, channels: int, images: int, signal: float) -> Batch:
    """A support set whose labels are noise plus so much of what a linear head can predict."""
    batch = support(kind, images, channels, seed=4)
    labels = batch.targets["labels"]
    torch.manual_seed(2)
    head = (LinearHead if kind.dense else PooledHead)(network.info, channels)
    nn.init.normal_(head.predict.weight, std=1.0)
    explained = raw(network, head, batch)
    if kind.dense:
        explained = nn.functional.interpolate(explained, size=SIZE, mode="bilinear", align_corners=False)
    value = labels.value + signal * (explained - explained.mean())
    return Batch(batch.ids, batch.images, {"labels": Target(value, labels.valid)})


CASES = [(TargetKind.VECTOR_MAP, 3, 3), (TargetKind.ATTRIBUTES, 3, 7)]


@pytest.mark.parametrize(("kind", "channels", "images"), CASES)
@pytest.mark.parametrize("signal", [0.0, 0.5, 5.0])
def test_the_penalty_is_the_one_with_the_least_error_on_images_left_out(
    network: Network, kind: TargetKind, channels: int, images: int, signal: float
) -> None:
    bound, batch = bound_task(kind, channels), with_signal(network, kind, channels, images, signal)
    errors = [left_out(network, bound, batch, penalty) for penalty in PENALTIES]
    assert fitted(network, bound, batch).penalty == PENALTIES[int(np.argmin(errors))]


@pytest.mark.parametrize(("kind", "channels", "images"), CASES)
def test_noise_is_penalised_more_than_signal(network: Network, kind: TargetKind, channels: int, images: int) -> None:
    bound = bound_task(kind, channels)
    noise, signal = (
        fitted(network, bound, with_signal(network, kind, channels, images, share)).penalty for share in (0.0, 5.0)
    )
    assert noise > signal


@pytest.mark.parametrize(("kind", "channels"), [(TargetKind.SCALAR_MAP, 1), (TargetKind.ATTRIBUTES, 2)])
def test_one_image_takes_the_default_penalty(network: Network, kind: TargetKind, channels: int) -> None:
    bound, batch = bound_task(kind, channels), support(kind, 1, channels)
    fit = fitted(network, bound, batch)
    assert fit.penalty == DEFAULT_PENALTY
    assert all(parameter.isfinite().all() for parameter in fit.head.parameters())
    if kind is TargetKind.ATTRIBUTES:  # with one row nothing but the bias can be known
        torch.testing.assert_close(raw(network, fit.head, batch), batch.targets["labels"].value)
        assert not fit.head.predict.weight.any()


def test_images_without_a_label_change_nothing(network: Network) -> None:
    bound, batch = bound_task(TargetKind.SCALAR_MAP), support(TargetKind.SCALAR_MAP, 4)
    batch.targets["labels"].valid[[1, 3]] = False
    some, all_of_them = fitted(network, bound, batch.take([0, 2])), fitted(network, bound, batch)
    assert some.penalty == all_of_them.penalty
    torch.testing.assert_close(some.head.state_dict(), all_of_them.head.state_dict(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "channels"), [(TargetKind.SCALAR_MAP, 1), (TargetKind.ATTRIBUTES, 2)])
def test_more_images_than_groups_are_all_used(
    network: Network, kind: TargetKind, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound, batch = bound_task(kind, channels), support(kind, 7, channels)
    expected = fitted(network, bound, batch, penalty=0.1)
    monkeypatch.setattr(regressions, "FOLDS", 3)
    found = fitted(network, bound, batch, penalty=0.1)
    torch.testing.assert_close(found.head.state_dict(), expected.head.state_dict(), rtol=1e-4, atol=1e-6)
    assert fitted(network, bound, batch).penalty in PENALTIES


def test_the_network_and_the_random_state_stay_as_they_are(network: Network) -> None:
    frozen = copy.deepcopy(network).train()
    frozen.backbone.eval()
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    modes, state = [module.training for module in frozen.modules()], torch.get_rng_state()
    fit = fitted(frozen, bound_task(TargetKind.SCALAR_MAP), support(TargetKind.SCALAR_MAP))
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in frozen.modules()] == modes
    assert any(modes)
    torch.testing.assert_close(dict(frozen.state_dict()), before, rtol=0, atol=0)
    assert all(parameter.requires_grad for parameter in fit.head.parameters())


def test_dead_channels_of_the_trunk_do_not_move_the_penalty(network: Network) -> None:
    """A network whose channels are zero gets the head that it would get with them removed."""
    dead = copy.deepcopy(network)
    assert dead.trunk is not None
    norm = dead.trunk.smooth[0][2]
    with torch.no_grad():
        norm.weight[:4] = norm.bias[:4] = 0
    bound, batch = bound_task(TargetKind.SCALAR_MAP), support(TargetKind.SCALAR_MAP)
    fit = fitted(dead, bound, batch, penalty=0.2)
    kept = batch.targets["labels"].valid.flatten(1)
    x = at_pixels(dead, batch)[kept]
    assert not x[:, :4].any()
    weight, _ = least_squares(x[:, 4:], batch.targets["labels"].value.flatten(2).mT[kept], 0.2)
    found = fit.head.predict.weight.detach().flatten(1).double()
    assert not found[:, :4].any()
    torch.testing.assert_close(found[:, 4:], weight, rtol=1e-4, atol=1e-5)


def test_what_has_no_closed_form_gives_none(network: Network) -> None:
    batch = support(TargetKind.SCALAR_MAP)
    assert ridge_head(network, bound_task(TargetKind.SCALAR_MAP, of=Decoding), [batch], CPU) is None
    batch.targets["labels"].valid[:] = False
    assert ridge_head(network, bound_task(TargetKind.SCALAR_MAP), [batch], CPU) is None
    nothing = support(TargetKind.ATTRIBUTES, channels=2)
    nothing.targets["labels"].valid[:] = False
    assert ridge_head(network, bound_task(TargetKind.ATTRIBUTES, 2), [nothing], CPU) is None
    trunkless = Network(network.backbone, {"old": lambda info: PooledHead(info, 1)})
    assert ridge_head(trunkless, bound_task(TargetKind.SCALAR_MAP), [support(TargetKind.SCALAR_MAP)], CPU) is None


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_a_penalty_that_is_not_positive_is_refused(network: Network, penalty: float) -> None:
    with pytest.raises(ValueError, match=rf"`penalty` must be positive\. Found {penalty}"):
        ridge_head(network, bound_task(TargetKind.SCALAR_MAP), [], CPU, penalty=penalty)


def test_a_code_of_another_shape_is_the_plugin_authors_to_mend(network: Network) -> None:
    bound = bound_task(TargetKind.SCALAR_MAP, of=Wrong)
    message = r"`encode` of task 'new' must give shape \(4, 1, 32, 48\)\. Found \(4, 1, 31, 48\)"
    with pytest.raises(ValueError, match=message):
        ridge_head(network, bound, [support(TargetKind.SCALAR_MAP)], CPU)
