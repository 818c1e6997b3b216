"""Ridge regression from Gram matrices: against stacked least squares, and against leaving groups out for real."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mstasks.adapt.least_squares import Rows, joint_gram, left_out_error, solve

Group = tuple[Tensor, Tensor]


def groups(sizes: list[int], features: int = 5, channels: int = 3, seed: int = 0) -> list[Group]:
    """Rows of correlated features of different scales, far from zero mean, and codes that depend on them."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(features, features, generator=generator, dtype=torch.float64)
    true = torch.randn(features, channels, generator=generator, dtype=torch.float64)
    found = []
    for size in sizes:
        x = torch.randn(size, features, generator=generator, dtype=torch.float64) @ mix + 3.0
        noise = torch.randn(size, channels, generator=generator, dtype=torch.float64)
        found.append((x, x @ true + noise - 7.0))
    return found


def rows_of(parts: list[Group], width: int | None = None) -> Rows:
    joint = torch.stack([joint_gram(x, y) for x, y in parts])
    return Rows(joint, parts[0][1].shape[1], parts[0][0].shape[1] if width is None else width)


def whole(rows: Rows) -> Rows:
    return Rows(rows.joint.sum(0, keepdim=True), rows.channels, rows.width)


def stacked(parts: list[Group], penalty: float, width: int | None = None) -> Tensor:
    """The same regression as plain least squares: sqrt(p m) times the identity as further rows, the bias's column zero."""
    x, y = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
    features = x.shape[1]
    scale = penalty * ((x - x.mean(0)) ** 2).sum() / (features if width is None else width)
    left = np.vstack(
        [
            np.hstack([x, np.ones((len(x), 1))]),
            np.hstack([np.sqrt(scale) * np.eye(features), np.zeros((features, 1))]),
        ]
    )
    right = np.vstack([y, np.zeros((features, y.shape[1]))])
    return torch.from_numpy(np.linalg.lstsq(left, right, rcond=None)[0])


@pytest.mark.parametrize("penalty", [1e-6, 1e-2, 1.0, 100.0])
def test_it_is_least_squares_with_the_penalty_as_further_rows(penalty: float) -> None:
    parts = groups([4, 1, 9])
    (found,) = solve(whole(rows_of(parts)), torch.tensor([penalty], dtype=torch.float64))
    torch.testing.assert_close(found[0], stacked(parts, penalty), rtol=1e-7, atol=1e-9)


def test_each_group_is_a_regression_by_itself_for_every_penalty() -> None:
    parts, penalties = groups([8, 9]), torch.tensor([0.1, 3.0], dtype=torch.float64)
    found = solve(rows_of(parts), penalties)
    assert found.shape == (2, 2, 6, 3)
    for index, penalty in enumerate(penalties.tolist()):
        for position, part in enumerate(parts):
            torch.testing.assert_close(found[index, position], stacked([part], penalty), rtol=1e-8, atol=1e-9)


def test_fewer_rows_than_features_are_no_trouble() -> None:
    parts = groups([3], features=20)
    (found,) = solve(rows_of(parts), torch.tensor([0.1], dtype=torch.float64))
    torch.testing.assert_close(found[0], stacked(parts, 0.1), rtol=1e-8, atol=1e-9)


def test_the_bias_is_not_penalised() -> None:
    parts = groups([12])
    (found,) = solve(rows_of(parts), torch.tensor([1e9], dtype=torch.float64))
    torch.testing.assert_close(found[0, -1], parts[0][1].mean(0), rtol=1e-6, atol=1e-6)
    assert found[0, :-1].abs().max() < 1e-6


@pytest.mark.parametrize("count", [1, 3, 1000])
def test_features_that_do_not_vary_get_no_weight(count: int) -> None:
    x = torch.tensor([[0.1, 0.7, -3.3]], dtype=torch.float64).expand(count, -1)
    y = torch.randn(count, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (found,) = solve(rows_of([(x, y)]), torch.tensor([1e-3], dtype=torch.float64))
    assert (found[0, :-1] == 0).all()
    torch.testing.assert_close(found[0, -1], y.mean(0))


def test_a_feature_that_is_always_zero_changes_nothing() -> None:
    parts = groups([6, 7])
    padded = [(torch.cat([x, torch.zeros(len(x), 4, dtype=x.dtype)], dim=1), y) for x, y in parts]
    penalties = torch.tensor([0.3], dtype=torch.float64)
    plain, wide = (solve(whole(rows_of(each, width=5)), penalties)[0, 0] for each in (parts, padded))
    assert (wide[5:9] == 0).all()
    torch.testing.assert_close(wide[[0, 1, 2, 3, 4, 9]], plain, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("sizes", [[4, 5], [6, 1, 9, 2], [1] * 12])
def test_the_error_is_that_of_groups_that_were_really_left_out(sizes: list[int]) -> None:
    parts, penalties = groups(sizes), [1e-3, 0.1, 10.0]
    expected = []
    for penalty in penalties:
        total = 0.0
        for index, (x, y) in enumerate(parts):
            solution = stacked(parts[:index] + parts[index + 1 :], penalty)
            total += float((x @ solution[:-1] + solution[-1] - y).square().sum())
        expected.append(total)
    found = left_out_error(rows_of(parts), torch.tensor(penalties, dtype=torch.float64))
    assert found is not None
    assert found.tolist() == pytest.approx(expected, rel=1e-6)


def test_groups_without_rows_are_passed_over() -> None:
    parts, penalties = groups([4, 5]), torch.tensor([0.1], dtype=torch.float64)
    empty = (torch.zeros(0, 5, dtype=torch.float64), torch.zeros(0, 3, dtype=torch.float64))
    found, plain = (left_out_error(rows_of(each), penalties) for each in ([empty, parts[0], empty, parts[1]], parts))
    assert found is not None
    assert plain is not None
    torch.testing.assert_close(found, plain)


def test_one_group_cannot_be_left_out() -> None:
    assert left_out_error(rows_of(groups([9])), torch.tensor([0.1], dtype=torch.float64)) is None
