"""Which checkpoint is the best one: of a sparse run, one whose structure is final."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mstasks.recipe.model import Optim
from mstasks.runfolder import RunFolder
from mstasks.train.loop import _validate_and_save
from mstasks.train.state import TrainState


@pytest.fixture
def best_step(make_state: Callable[..., TrainState], tmp_path: Path) -> Callable[..., int]:
    """Validate after each step with the given scores; `settled` says from which step on the strength is."""

    def run(scores: Sequence[float], settled: float | None) -> int:
        state, folder = make_state(Optim()), RunFolder(tmp_path)
        for step, score in enumerate(scores, 1):
            state.step = step
            if settled is not None:
                strength: Any = SimpleNamespace(settled=step >= settled, state_dict=dict, parameters=list)
                strength.part = SimpleNamespace(settle=lambda averaged: None)
                strength.named_parameters = list
                state.strength = strength
            _validate_and_save(state, lambda _, score=score: score, folder, last=step == len(scores))  # type: ignore[misc]
        index = json.loads((folder.checkpoints / "index.json").read_text())
        assert index["last"] == f"step-{len(scores):06d}"
        assert index["best"] == f"step-{state.best_step:06d}"
        return state.best_step

    return run


def test_a_dense_run_keeps_the_highest_score(best_step: Callable[..., int]) -> None:
    assert best_step([0.1, 0.9, 0.5], settled=None) == 2


def test_scores_before_the_structure_is_final_do_not_count(best_step: Callable[..., int]) -> None:
    assert best_step([0.9, 0.8, 0.1, 0.5, 0.4], settled=3) == 4


def test_the_last_one_is_kept_if_the_structure_never_is(best_step: Callable[..., int]) -> None:
    assert best_step([0.9, 0.8, 0.1], settled=float("inf")) == 3
