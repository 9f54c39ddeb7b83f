"""The model of an epoch on several machines."""

import pytest

from tests.cost_model import SHARDS, Message, Network, epoch
from tests.project import ROOT, Project

NETWORK = Network(parameters=1_000_000, gradient=0.01, add=0.0, update=0.0)
STEPS = 28


def test_one_machine_sends_nothing_and_computes_all_shards() -> None:
    assert epoch(NETWORK, Message(1, 1), 1, 1, SHARDS) == pytest.approx([STEPS * SHARDS * 0.01] * 2)


def test_a_gather_brings_the_shards_of_the_others_and_a_tree_one_sum_a_round() -> None:
    megabit = 4 * 8 * NETWORK.parameters / 1e6
    gather, tree = epoch(NETWORK, Message(0.001, 0), 4, 1, SHARDS)
    computing = SHARDS / 4 * 0.01
    assert gather == pytest.approx(STEPS * (computing + 3 * 0.001 + SHARDS * 3 / 4 * megabit / 1000))
    assert tree == pytest.approx(STEPS * (computing + 2 * (0.001 + megabit / 1000)))


@pytest.mark.slow
def test_it_measures_and_prints_a_table() -> None:
    run = Project(ROOT).run("python", "-m", "tests.cost_model")
    assert run.returncode == 0, run.stderr
    assert len([line for line in run.stdout.splitlines() if line.startswith("| ")]) == 1 + 4 * 3
