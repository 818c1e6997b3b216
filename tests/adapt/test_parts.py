"""The table of parts says what `tune` does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mstasks.adapt.options import TuneOptions
from mstasks.adapt.parts import PartRow, part_rows
from mstasks.adapt.strategies import BitFit, HeadFirst
from mstasks.adapt.strategy import Phase
from mstasks.adapt.tuning import tune
from mstasks.experiment import Experiment

Make = Callable[..., Experiment]


def rows(experiment: Experiment, phases: Any, seen: tuple[str, ...] = (), **zero: int) -> dict[str, PartRow]:
    network = experiment.build_network(pretrained=False)
    found = part_rows(network, {"heads.depth"}, seen, phases, zero)
    return {row.name: row for row in found}


def test_every_part_has_a_row_with_its_parameters(experiment: Make) -> None:
    own = experiment()
    found = rows(own, HeadFirst().phases(5), trunk=7)
    network = own.build_network(pretrained=False)
    parts = {**network.shared, **{f"heads.{name}": head for name, head in network.heads.items()}}
    assert {name: row.parameters for name, row in found.items()} == {
        name: sum(parameter.numel() for parameter in part.parameters()) for name, part in parts.items()
    }
    assert {name for name, row in found.items() if row.new} == {"heads.depth"}
    assert {name: row.zero for name, row in found.items() if row.zero} == {"trunk": 7}


def test_rates_stand_for_each_phase_and_seen_heads_are_frozen_unless_asked_for(experiment: Make) -> None:
    phases = HeadFirst().phases(5)
    for seen, rate in (((), None), (("segmentation",), 3e-3)):
        assert {name: row.rates for name, row in rows(experiment(), phases, seen).items()} == {
            "backbone": (None, 3e-4),
            "trunk": (None, 3e-3),
            "heads.segmentation": (None, rate),
            "heads.attributes": (None, None),
            "heads.depth": (5e-3, 5e-3),
        }


def test_a_part_of_which_norms_alone_are_trained_has_a_rate(experiment: Make) -> None:
    found = rows(experiment(), BitFit(TuneOptions(trunk_lr=0.1)).phases(5))
    assert found["backbone"].rates == (0.1,)
    assert found["heads.segmentation"].rates == (None,)


def test_without_phases_there_are_no_rates(experiment: Make) -> None:
    assert {row.rates for row in rows(experiment(), ()).values()} == {()}


def test_a_part_is_frozen_in_the_table_if_and_only_if_it_does_not_move(
    experiment: Make, session: Any, watch: Any
) -> None:
    phases = (Phase(2, {"new": 1e-2, "trunk": 1e-2}),)
    own = experiment()
    table = rows(own, phases)
    run = session(own)
    moved = watch(run.network)
    tune(run, phases, TuneOptions())
    for name, row in table.items():
        assert any(each.startswith(f"{name}.") for each in moved()) == (row.rates != (None,))
