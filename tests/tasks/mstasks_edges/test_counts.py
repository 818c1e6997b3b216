"""Counts of one image at all thresholds against a threshold-by-threshold recount, and their cost."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from mstasks_edges.counts import THRESHOLDS, best_threshold, f_measure, image_counts
from mstasks_edges.thinning import thin

FloatMap = NDArray[np.float32]


def outlines(height: int, width: int, seed: int = 0) -> FloatMap:
    """Outlines of a dozen random boxes and discs, one pixel wide."""
    generator = np.random.default_rng(seed)
    canvas = np.zeros((height, width), np.float32)
    for index in range(12):
        x, y = int(generator.integers(0, width)), int(generator.integers(0, height))
        size = int(generator.integers(5, height // 3))
        if index % 2:
            cv2.circle(canvas, (x, y), size, 1.0)
        else:
            cv2.rectangle(canvas, (x, y), (x + size, y + size), 1.0)
    return canvas


def soft_noise(height: int, width: int, seed: int = 0) -> FloatMap:
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 1)
    return np.asarray((blurred - blurred.min()) / (blurred.max() - blurred.min()), np.float32)


def everywhere(like: FloatMap) -> NDArray[np.bool_]:
    return np.ones(like.shape, np.bool_)


def test_counts_at_each_threshold_are_those_of_a_recount() -> None:
    truth, prediction = outlines(36, 48), 0.5 * outlines(36, 48, seed=1) + 0.5 * soft_noise(36, 48)
    prediction[::5, ::7] = np.float32(0.25)  # ties exactly at a threshold
    counts = image_counts(prediction, truth, everywhere(truth), 0.02).numpy()
    crests, true = thin(prediction), np.argwhere(thin(truth) >= 0.5)
    radius = 0.02 * np.hypot(36, 48)
    assert counts.shape == (3, 99)
    for index in range(0, 99, 4):
        predicted = np.argwhere(crests >= THRESHOLDS[index])
        near = csr_matrix(((predicted[:, None] - true) ** 2).sum(-1) <= radius**2)
        matched = (maximum_bipartite_matching(near, perm_type="column") >= 0).sum() if len(predicted) else 0
        assert counts[:, index].tolist() == [matched, len(predicted), len(true)]


def test_invalid_pixels_count_in_neither_map() -> None:
    truth, prediction = outlines(36, 48), soft_noise(36, 48)
    valid = np.random.default_rng(0).random(truth.shape) < 0.8
    counts = image_counts(prediction, truth, valid, 0.0075)
    garbage = np.random.default_rng(1).random(truth.shape).astype(np.float32)
    changed = image_counts(np.where(valid, prediction, garbage), np.where(valid, truth, garbage), valid, 0.0075)
    assert torch.equal(counts, changed)
    assert counts[2, 0] < image_counts(prediction, truth, everywhere(truth), 0.0075)[2, 0]


def test_f_is_the_harmonic_mean_of_precision_and_recall() -> None:
    counts = torch.tensor([[3, 0, 0], [4, 5, 0], [6, 6, 0]])
    precision, recall = 3 / 4, 3 / 6
    assert f_measure(counts).tolist() == pytest.approx([2 * precision * recall / (precision + recall), 0, 0])


def test_of_equal_thresholds_the_one_that_predicts_least_is_best() -> None:
    assert best_threshold(torch.tensor([[1, 2, 2, 0], [4, 2, 2, 0], [2, 2, 2, 2]])) == 2
    assert best_threshold(torch.tensor([[0, 0, 0], [9, 3, 0], [0, 0, 0]])) == 2


def test_thresholds_hold_the_half_exactly() -> None:
    assert len(THRESHOLDS) == 99
    assert THRESHOLDS[49] == 0.5


@pytest.mark.parametrize(("height", "width", "limit"), [(96, 128, 0.05), (240, 320, 0.3)])
def test_an_image_is_counted_quickly(height: int, width: int, limit: float) -> None:
    # Measured at a tenth of the limit or less: room for a slow or busy machine, not for a quadratic algorithm.
    truth = outlines(height, width)
    blurred = cv2.GaussianBlur(truth, (0, 0), 1)
    predictions = (soft_noise(height, width), np.clip(blurred + 0.2 * soft_noise(height, width), 0, 1))
    for prediction in predictions:
        costs = []
        for _ in range(3):
            start = time.process_time()
            image_counts(prediction, truth, everywhere(truth), 0.0075)
            costs.append(time.process_time() - start)
        assert min(costs) < limit
