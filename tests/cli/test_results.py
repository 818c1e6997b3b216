"""The tables after a run, as plain lines."""

from __future__ import annotations

from typing import Any

import pytest

from mstasks.cli.results import print_results, print_sparsity

SPARSITY: dict[str, Any] = {
    "scope": "shared", "zero_groups": 0.4351, "removable_parameters": 0.6396,
    "parameters_dense": 279520, "parameters_compact": 100752, "macs_dense": 2193024, "macs_compact": 1059710,
    "network_macs_dense": 15596072, "network_macs_compact": 9005472,
}  # fmt: skip


def test_sparsity_beside_what_it_saves(capsys: pytest.CaptureFixture[str]) -> None:
    print_sparsity(SPARSITY)
    assert capsys.readouterr().out == (
        "sparsity                  share    dense  compact\n"
        "zero groups               43.5%\n"
        "removable parameters      64.0%  0.280 M  0.101 M\n"
        "MACs left, shared part    48.3%  2.193 M  1.060 M\n"
        "MACs left, whole network  57.7%   15.6 M  9.005 M\n"
    )


def test_the_backbone_alone_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_sparsity({**SPARSITY, "scope": "backbone"})
    assert "MACs left, backbone       48.3%" in capsys.readouterr().out


def test_numbers_of_scores_end_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    depth = {"primary": "rmse", "gap_closed": 0.311, "test": {"rmse": 12.5, "abs": 0.25}, "constant": {"rmse": 15.0}}
    names = {"primary": "f1", "gap_closed": -0.02, "test": {"f1": None, "f1/Male": 0.5}, "constant": {"f1": 0.5}}
    print_results({"depth": depth, "attributes": names}, "test")
    assert capsys.readouterr().out == (
        "test split\n"
        "task        metric  network  constant  gap closed\n"
        "depth       rmse    12.5000   15.0000       31.1%\n"
        "            abs      0.2500         -\n"
        "attributes  f1            -    0.5000       -2.0%\n"
    )
