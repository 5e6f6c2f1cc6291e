"""Random programs of twenty operations compute in gradlab what they do in PyTorch.

Values, dtypes, shapes, first and second derivatives; see ``programs.py`` for how they are made and
what is left out. ``--fuzz-programs 10000 --fuzz-seed 7`` plays many.
"""

from __future__ import annotations

import pytest

from tests.fuzz.programs import LEFT_OUT, NAMES, Difference, Program


def test_random_programs_compute_what_pytorchs_do(pytestconfig: pytest.Config) -> None:
    first = pytestconfig.getoption("--fuzz-seed")
    count = pytestconfig.getoption("--fuzz-programs")
    differences = []
    for seed in range(first, first + count):
        try:
            Program(seed).play()
        except Difference as difference:
            differences.append(str(difference))
    assert not differences, f"{len(differences)} of {count} programs:\n\n" + "\n\n".join(
        differences[:5]
    )


def test_most_operations_take_part() -> None:
    assert len(NAMES) > 250
    assert set(LEFT_OUT) < set(NAMES)
