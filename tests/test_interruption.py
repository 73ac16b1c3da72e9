"""Ctrl-C that waits for the step under way."""

import signal
import threading

import pytest

from fpt_plugins.interruption import Interruption


@pytest.fixture
def handler():
    """A handler of the test's own, which must be back in place after each use."""
    presses = []

    def remember(*_):
        presses.append(1)

    before = signal.signal(signal.SIGINT, remember)
    yield presses
    assert signal.getsignal(signal.SIGINT) is remember
    signal.signal(signal.SIGINT, before)


def press():
    signal.raise_signal(signal.SIGINT)


def test_without_ctrl_c_nothing_happens(handler):
    """No press: not asked, and asking to stop does nothing."""
    with Interruption() as interruption:
        interruption.stop_if_asked()
        assert not interruption.asked


def test_the_first_ctrl_c_is_remembered(handler):
    """The step under way goes on, then stopping raises; the old handler hears nothing."""
    with Interruption() as interruption:
        press()
        assert interruption.asked
        with pytest.raises(KeyboardInterrupt):
            interruption.stop_if_asked()
    assert handler == []


def test_the_second_ctrl_c_acts_at_once(handler):
    """Whoever presses twice does not want to wait."""
    with Interruption() as interruption:
        press()
        with pytest.raises(KeyboardInterrupt):
            press()
        assert interruption.asked


def test_several_processes_do_not_wait(handler):
    """Who stopped after a step of its own would be waited for in the next: the old handler hears it."""
    with Interruption(alone=False) as interruption:
        press()
        assert not interruption.asked
    assert handler == [1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_old_handler_is_back_whatever_happens_inside(handler, error):
    """After an error, a press is the old handler's again."""

    def fail():
        raise error

    with pytest.raises(error), Interruption():
        fail()
    press()
    assert handler == [1]


def test_the_standard_handler_comes_back():
    """What was Python's own is Python's own again."""
    before = signal.getsignal(signal.SIGINT)
    with Interruption():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_it_does_nothing(handler):
    """There Python lets nobody handle signals: entering and leaving is no error, the handler stays."""
    seen = []

    def work():
        with Interruption() as interruption:
            seen.append(signal.getsignal(signal.SIGINT))
            interruption.stop_if_asked()

    thread = threading.Thread(target=work)
    before = signal.getsignal(signal.SIGINT)
    thread.start()
    thread.join()
    assert seen == [before]
