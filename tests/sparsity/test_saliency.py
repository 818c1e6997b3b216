"""Saliency: what is averaged over examples, micro-batches, measurements and ranks; nothing is left behind when it is off."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from saliency_lab import HEADS, TASKS, gates_and_spaces, images_of, losses_of, measure_of, measured, watched
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

import mstasks.sparsity.saliency as saliency_module
from mstasks.network import Network
from mstasks.sparsity.saliency import GateSaliency
from mstasks.sparsity.trace import meta_twin
from mstasks.train.losses import LossSum


def test_micro_batches_add_up(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6, heads=HEADS).double()
    images = images_of(network, 5)
    whole = measured(measure_of(network), network, "depth", images)
    parts = measured(measure_of(network), network, "depth", images[:3], images[3:])
    assert any(values.any() for values in whole.values())
    torch.testing.assert_close(parts, whole)


def test_unlabelled_examples_do_not_count(toy: Callable[..., Network]) -> None:
    network = toy(channels=8, heads=HEADS).double()
    images, labelled = images_of(network, 4), torch.tensor([True, False, True, False])
    saliency = measure_of(network)
    saliency.start("depth")
    saliency.observe(watched(saliency, network, images, labelled))
    saliency.finish()
    expected = measured(measure_of(network), network, "depth", images[labelled])
    torch.testing.assert_close({name: values[0] for name, values in saliency.values().items()}, expected)


def test_a_task_without_labels_is_passed_over(toy: Callable[..., Network]) -> None:
    network = toy(channels=8, heads=HEADS)
    images, none = images_of(network, 2), torch.zeros(2, dtype=torch.bool)
    saliency = measure_of(network)
    unlabelled = losses_of(network(images), none)
    absent = {"attributes": unlabelled["attributes"]}
    constant = {"depth": LossSum(torch.zeros(()), torch.tensor(2))}
    for losses in (unlabelled, absent, constant):
        before = measured(saliency, network, "attributes", images)
        saliency.start("depth")
        with saliency.watch():
            network(images)
        saliency.observe(losses)
        saliency.finish()
        assert saliency.measured.tolist() == [False, True]
        assert not any(values[0].any() for values in saliency.values().values())
        torch.testing.assert_close({name: values[1] for name, values in saliency.values().items()}, before)


def test_a_measurement_that_is_not_finite_leaves_no_trace(toy: Callable[..., Network]) -> None:
    network = toy(channels=8, heads=HEADS)
    saliency = measure_of(network)
    images = images_of(network, 2)
    before = measured(saliency, network, "depth", images)
    after = measured(saliency, network, "depth", images * float("inf"))
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert saliency.updates.tolist() == [1, 0]


def test_averages_are_the_weighted_mean_of_their_measurements(toy: Callable[..., Network]) -> None:
    """sum_k (1 - b) b^(n - k) F_k / (1 - b^n), each task with its own n."""
    network = toy(channels=8, heads=HEADS).double()
    batches = [images_of(network, 2, seed=seed) for seed in range(4)]
    saliency, single = measure_of(network, decay=0.7), measure_of(network, decay=0.0)
    single_values = [measured(single, network, "depth", batch)["backbone.stem"].clone() for batch in batches]
    for count, batch in enumerate(batches, 1):
        found = measured(saliency, network, "depth", batch)["backbone.stem"]
        if count == 2:
            once = measured(saliency, network, "attributes", batch)["backbone.stem"].clone()
        weights = torch.tensor([0.3 * 0.7 ** (count - k) for k in range(1, count + 1)], dtype=torch.float64)
        expected = (weights.unsqueeze(1) * torch.stack(single_values[:count])).sum(0) / weights.sum()
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(once, measured(single, network, "attributes", batches[1])["backbone.stem"])
    assert saliency.updates.tolist() == [4, 1]


def test_shares_of_each_measured_task_sum_to_one_over_what_is_alive(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6, heads=HEADS)
    saliency = measure_of(network)
    values = {name: value.clone() for name, value in saliency.values().items()}
    alive = {name: torch.ones(value.shape[1], dtype=torch.bool) for name, value in values.items()}
    assert not any(share.any() for share in saliency.shares(alive).values())
    values = measured(saliency, network, "depth", images_of(network, 3))
    alive["backbone.stem"][:5] = False
    shares = saliency.shares(alive)
    total = sum(float(values[name][alive[name]].sum()) for name in values)
    for name, share in shares.items():
        torch.testing.assert_close(share[0], values[name] * alive[name] / total)
        assert not share[1].any()
    assert float(torch.cat([*shares.values()], 1)[0].sum()) == pytest.approx(1)


def test_averages_survive_a_file(toy: Callable[..., Network], tmp_path: Path) -> None:
    network = toy(channels=8, heads=HEADS)
    saliency, fresh = measure_of(network), measure_of(network)
    measured(saliency, network, "depth", images_of(network, 2))
    state = saliency.state_dict()
    assert set(state) == {"average", "updates"}
    save_file(state, tmp_path / "saliency.safetensors")
    fresh.load_state_dict(load_file(tmp_path / "saliency.safetensors"))
    batch = images_of(network, 2, seed=1)
    expected, found = (measured(one, network, "depth", batch) for one in (saliency, fresh))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    torch.testing.assert_close(fresh.updates, saliency.updates)


def watch(network: Network) -> tuple[list[weakref.ref[Tensor]], Any]:
    """Weak references to the inputs of the trunk's lateral, which is a gate's layer."""
    seen: list[weakref.ref[Tensor]] = []
    layer = network.get_submodule("trunk.laterals.0.0")
    return seen, layer.register_forward_pre_hook(lambda _, args: seen.append(weakref.ref(args[0])))


def alive_of(seen: Sequence[weakref.ref[Tensor]]) -> list[bool]:
    gc.collect()
    return [reference() is not None for reference in seen]


def test_tensors_are_kept_from_a_pass_to_its_observation_only(toy: Callable[..., Network]) -> None:
    network = toy(channels=8, heads=HEADS)
    saliency, images = measure_of(network), images_of(network, 2)
    seen, watcher = watch(network)

    def passes() -> None:
        with saliency.watch():
            network(images)

    passes()  # before it starts
    saliency.start("depth")
    passes()
    assert alive_of(seen) == [False, True]  # the check can see one
    saliency.observe(watched(saliency, network, images))
    assert alive_of(seen) == [False, False, False]
    with torch.no_grad():
        passes()
    assert not any(alive_of(seen))
    saliency.finish()
    passes()
    saliency.start("depth")
    passes()
    saliency.close()
    assert len(seen) == 6
    assert not any(alive_of(seen))
    watcher.remove()
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert saliency.updates.tolist() == [1, 0]


def test_predictions_and_gradients_are_those_without_a_measurement(toy: Callable[..., Network]) -> None:
    network = toy(nn.BatchNorm2d(8), channels=8, heads=HEADS)
    images = images_of(network, 3)

    def gradients() -> list[Tensor]:
        losses = watched(saliency, network, images)
        saliency.observe(losses)
        parameters = list(network.parameters())
        total = torch.stack([loss.total for loss in losses.values()]).sum()
        return [*torch.autograd.grad(total, parameters), total.detach()]

    saliency = measure_of(network)
    before = gradients()
    saliency.start("depth")
    during = gradients()
    saliency.finish()
    torch.testing.assert_close(during, before, rtol=0, atol=0)


def test_passes_that_are_not_watched_are_not_recorded(toy: Callable[..., Network]) -> None:
    network = toy(channels=8, heads=HEADS)
    saliency, images = measure_of(network), images_of(network, 2)
    expected = {name: values.clone() for name, values in measured(saliency, network, "depth", images).items()}
    seen, watcher = watch(network)
    saliency = measure_of(network)
    saliency.start("depth")
    average, twin = AveragedModel(network), meta_twin(network)
    losses = watched(saliency, network, images)
    network(images), average(images), twin(images.to("meta"))
    moved = {name: parameter.detach() + 1 for name, parameter in network.named_parameters()}
    moved["backbone.stem.weight"].requires_grad_()
    torch.func.functional_call(network, moved, (images,))
    # The watched pass, one that is not, the average (whose copy of the other hook notes it), moved weights.
    assert alive_of(seen) == [True, False, False, False]
    saliency.observe(losses)
    saliency.finish()
    torch.testing.assert_close({name: values[0] for name, values in saliency.values().items()}, expected)
    average(images)
    assert not any(saliency._inputs.values())
    watcher.remove()


def test_ranks_exchange_once_and_give_what_one_gives(
    toy: Callable[..., Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of three ranks has no labels, and takes part all the same."""
    network = toy(channels=8, heads=HEADS).double()
    images = images_of(network, 5)
    expected = measured(measure_of(network), network, "depth", images)
    mailbox: list[list[Tensor]] = []

    def exchange(tensors: Sequence[Tensor]) -> None:
        for sent in mailbox:
            for tensor, other in zip(tensors, sent, strict=True):
                tensor += other
        mailbox[:] = [[tensor.clone() for tensor in tensors]]
        exchanges.append(1)

    exchanges: list[int] = []
    monkeypatch.setattr(saliency_module, "sum_over_ranks", exchange)
    for part, labelled in ((images[:3], True), (images[:2], False), (images[3:], True)):
        saliency = measure_of(network)
        saliency.start("depth")
        saliency.observe(watched(saliency, network, part, torch.full((len(part),), labelled)))
        saliency.finish()
    assert len(exchanges) == 3
    torch.testing.assert_close({name: values[0] for name, values in saliency.values().items()}, expected)


def test_half_precision_passes_are_summed_in_float32(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6, heads=HEADS)
    images = images_of(network, 3)
    expected = measured(measure_of(network), network, "depth", images)
    saliency = measure_of(network)
    saliency.start("depth")
    with torch.autocast("cpu", torch.bfloat16), saliency.watch():
        predictions = network(images)
    assert predictions["depth"].dtype == torch.bfloat16
    saliency.observe(losses_of({task: prediction.float() for task, prediction in predictions.items()}))
    saliency.finish()
    for name, values in saliency.values().items():
        assert values.dtype == torch.float32
        assert (values[0] - expected[name]).abs().max() < 0.05 * expected[name].max()


def test_nothing_waits_for_the_device(toy: Callable[..., Network]) -> None:
    """On the meta device there are no values that one could wait for."""
    network = toy(channels=8, heads=HEADS)
    gates, spaces = gates_and_spaces(network)
    twin = meta_twin(network)
    saliency = GateSaliency(twin, gates, spaces, TASKS).to("meta")
    saliency.start("depth")
    images = torch.zeros(2, 3, 32, 32, device="meta")
    saliency.observe(watched(saliency, twin, images, torch.ones(2, device="meta")))
    saliency.finish()
    saliency.shares({name: torch.ones(values.shape[1], device="meta") for name, values in saliency.values().items()})
    with pytest.raises(RuntimeError, match="meta"):  # the check can fail
        bool(saliency.measured[0])


def test_observing_without_a_measurement_does_nothing(toy: Callable[..., Network]) -> None:
    network = toy(channels=8, heads=HEADS)
    saliency = measure_of(network)
    saliency.observe(losses_of(network(images_of(network, 2))))
    saliency.finish()
    assert saliency.updates.tolist() == [0, 0]


def test_an_observation_without_a_pass_is_explained(toy: Callable[..., Network]) -> None:
    network = toy(channels=8, heads=HEADS)
    saliency = measure_of(network)
    losses = losses_of(network(images_of(network, 2)))
    saliency.start("depth")
    with pytest.raises(RuntimeError, match="`observe` must follow a forward pass with gradients within `watch`"):
        saliency.observe(losses)


def test_wrong_arguments_are_explained(toy: Callable[..., Network]) -> None:
    network = toy(channels=8, heads=HEADS)
    gates, spaces = gates_and_spaces(network)
    with pytest.raises(ValueError, match=r"`task` must be one of depth, attributes. Found 'detph'"):
        measure_of(network).start("detph")
    with pytest.raises(ValueError, match=r"`decay` must be in \[0, 1\). Found 1.0"):
        measure_of(network, decay=1.0)
    with pytest.raises(ValueError, match=r"`kind` must be 'fisher' or 'taylor'. Found 'norm'"):
        measure_of(network, kind="norm")
    with pytest.raises(ValueError, match=r"Space `backbone\.stem` has no gate; find the gates of these spaces"):
        GateSaliency(network, [gate for gate in gates if gate.space != "backbone.stem"], spaces, TASKS)
