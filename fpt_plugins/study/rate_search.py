"""Which learning rates a sweep tries: the grid, or what a searcher proposes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import attrs

from fpt_plugins.errors import ConfigurationError
from fpt_plugins.streams import stream_seed
from fpt_plugins.study.arms import StudyArm
from fpt_plugins.study.definition import Study
from fpt_plugins.study.selection import RateScore

STORAGE = "optuna.log"
RANDOM_TRIALS = 3
"""Of a search, before its sampler (a tree-structured Parzen estimator) has something to model."""


@attrs.frozen
class Proposal:
    """The rates of a sweep.

    Args:
        rates: All that were proposed so far.
        complete: Whether there will be no other.
    """

    rates: tuple[float, ...]
    complete: bool


class RateSearch(Protocol):
    """Proposes the rates of an arm's sweep."""

    def propose(
        self, arm: StudyArm, score: Callable[[float], RateScore], *, higher_is_better: bool
    ) -> Proposal:
        """All rates of the arm's sweep that are known by now."""
        ...


class GridSearch:
    """Every rate of the arm."""

    def propose(
        self,
        arm: StudyArm,
        score: Callable[[float], RateScore],  # noqa: ARG002 - of the protocol
        *,
        higher_is_better: bool,  # noqa: ARG002 - of the protocol
    ) -> Proposal:
        """The arm's rates, at once."""
        return Proposal(tuple(sorted(set(arm.rates))), complete=True)


class OptunaSearch:
    """Rates that Optuna draws, one after the other, between the least and the greatest of the arm's.

    Its own storage stands in the study's folder, so a search goes on where it was stopped.

    Args:
        folder: The study's.
        trials: Rates per arm.
    """

    def __init__(self, folder: Path, trials: int) -> None:
        try:
            import optuna
        except ImportError as error:
            raise ConfigurationError(
                "the study searches with optuna, which is not installed", 'pip install "fpt-plugins[optuna]"'
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._folder, self._trials = folder, trials

    def propose(
        self, arm: StudyArm, score: Callable[[float], RateScore], *, higher_is_better: bool
    ) -> Proposal:
        """The rates so far, and another where the score of the last is known."""
        search = self._study(arm, higher_is_better)
        for trial in search.get_trials(states=[_states().RUNNING]):
            _tell(search, trial, score(_rate(trial)))
        rates = [_rate(trial) for trial in search.trials]
        waiting = bool(search.get_trials(states=[_states().RUNNING]))
        if not waiting and len(rates) < self._trials:
            asked = search.ask()
            asked.suggest_float("lr", min(arm.rates), max(arm.rates), log=True)
            return Proposal((*rates, _rate(asked)), complete=False)
        return Proposal(tuple(rates), complete=not waiting)

    def _study(self, arm: StudyArm, higher_is_better: bool) -> Any:
        import optuna

        name = f"{arm.task} | {arm.name}"
        backend = optuna.storages.journal.JournalFileBackend(str(self._folder / STORAGE))
        search = optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name=name,
            direction="maximize" if higher_is_better else "minimize",
            load_if_exists=True,
        )
        seed = stream_seed(0, "rate search", name, len(search.trials)) % 2**32
        search.sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS, seed=seed)
        return search


def search_of(study: Study, folder: Path) -> RateSearch:
    """The search that a study names."""
    return OptunaSearch(folder, study.sweep.trials) if study.sweep.search == "optuna" else GridSearch()


def _states() -> Any:
    import optuna

    return optuna.trial.TrialState


def _rate(trial: Any) -> float:
    """To three digits, as it is read and typed."""
    return float(f"{trial.params['lr']:.3g}")


def _tell(search: Any, trial: Any, found: RateScore) -> None:
    if found.failed:
        search.tell(trial.number, state=_states().FAIL)
    elif found.score is not None:
        search.tell(trial.number, found.score)
