"""Random sequences of views, changes in place, hooks and backward passes, here and in PyTorch.

Two players make the lines: hypothesis, which finds the shortest program that differs, and a plain
generator of random numbers, which plays many (``--fuzz-programs 10000 --fuzz-seed 7``).

What differs and is meant to is in ``twins.py`` under its name; besides, the lines keep away from:
a second hook on a tensor changed in place since its first (``moves.next_line``); memory that
overlaps unnoticed (``_apart``); ``.data`` of other shapes or of inference tensors; integers that
PyTorch says require grad after a float was written to them; the names of gradients' own histories
under ``create_graph``, which are those of each library's formulas (their values are compared); a
hook on several tensors of which one is the only root of the pass, which PyTorch forgets.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.fuzz.moves import START, Choose, next_line
from tests.fuzz.twins import KnownDifference, Twins

LINES = 14


class Player:
    """Plays a random program until its end, or until a difference that is known and meant."""

    def __init__(self) -> None:
        self.twins = Twins()
        self.over = False
        self.number = 0
        for line in START:
            self.twins.play(line)

    def play(self, choose: Choose) -> None:
        """Play one more line."""
        if self.over or not self.twins.names:
            return
        line = next_line(choose, self.twins.names, self.twins.hooked, self.number)
        self.number += 1
        try:
            self.twins.play(line)
        except KnownDifference:
            self.over = True


class Programs(RuleBasedStateMachine):
    """Hypothesis as the player."""

    def __init__(self) -> None:
        super().__init__()
        self.player = Player()

    @rule(data=st.data())
    def a_line(self, data: st.DataObject) -> None:
        self.player.play(lambda several: data.draw(st.sampled_from(several)))


TestPrograms = Programs.TestCase
TestPrograms.settings = settings(
    max_examples=40,
    stateful_step_count=LINES,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_random_programs_do_what_pytorchs_do(pytestconfig: pytest.Config) -> None:
    first = pytestconfig.getoption("--fuzz-seed")
    for seed in range(first, first + pytestconfig.getoption("--fuzz-programs")):
        player, generator = Player(), random.Random(seed)
        for _ in range(LINES):
            player.play(generator.choice)
