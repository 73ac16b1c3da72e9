"""Each promise, attacked a few times; `make faults` does it many times."""

import pytest

from tests.faults.catalog import ATTACKS


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_promise_holds(attack, tmp_path):
    """What is promised is what happens, each time, and every attack is counted."""
    outcome = attack.run(attack.few, tmp_path)
    assert outcome.broken == ()
    assert sum(outcome.happened.values()) == attack.few


def test_attacks_have_names_of_their_own():
    """The table of the page finds each result by its name."""
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
