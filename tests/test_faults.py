"""Each promise, attacked a few times; `make faults` does it many times."""

import pytest

from tests.faults.catalog import ATTACKS
from tests.faults.resume import STOPS


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_promise_holds(attack, tmp_path):
    """What is promised is what happens, each time, and every attack is counted."""
    outcome = attack.run(attack.few, tmp_path)
    assert outcome.broken == ()
    assert sum(outcome.happened.values()) == attack.few


@pytest.mark.parametrize("stop", STOPS)
def test_every_stop_can_be_arranged(stop):
    """What it takes hold of is there: the few attacks above come to the first stops alone."""
    with STOPS[stop]():
        pass


def test_attacks_have_names_of_their_own():
    """The table of the page finds each result by its name."""
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
