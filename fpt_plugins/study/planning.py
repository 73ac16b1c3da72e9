"""Laying out a study's grid from what has become of its cells so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from fpt_plugins.backbones.inits import RUN_PREFIX
from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.study.arms import Arms, Role, StudyArm, arms_of
from fpt_plugins.study.banks import banked, can_share, mates
from fpt_plugins.study.cells import Cell
from fpt_plugins.study.definition import Before, Study
from fpt_plugins.study.grid import Grid
from fpt_plugins.study.identity import BEFORE, Identities
from fpt_plugins.study.layers import merge
from fpt_plugins.study.ledger import Ledger
from fpt_plugins.study.rate_search import Proposal, RateSearch, search_of
from fpt_plugins.study.selection import Choice, RateScore, choose, rate_score

Key: TypeAlias = tuple[str, str, Role, float | None, int]
"""Task, arm, role, learning rate, seed."""


@attrs.frozen(eq=False)
class Planner:
    """Lays out a study's grid from what has become of its cells.

    Args:
        study: The study.
        ledger: Its cells.
        bank_threads: Threads of a bank, of cells that share their passes; ``None`` where each trains alone.
    """

    study: Study
    ledger: Ledger
    bank_threads: int | None = None
    identities: Identities = attrs.field(factory=Identities, init=False)
    arms: Arms = attrs.field(init=False)
    _search: RateSearch = attrs.field(init=False)
    _cells: dict[Key, Cell] = attrs.field(factory=dict, init=False)
    _can_share: dict[tuple[str, str], bool] = attrs.field(factory=dict, init=False)

    @arms.default
    def _all_arms(self) -> Arms:
        return arms_of(self.study)

    @_search.default
    def _searcher(self) -> RateSearch:
        return search_of(self.study, self.ledger.study)

    def check(self) -> None:
        """Looks up every name that the study names, so that what is wrong is refused before anything runs.

        Raises:
            UnknownName: A name that nothing provides.
            ConfigurationError: Settings that no run can have, or banks of rates that are not known at once.
        """
        if self.bank_threads is not None and self.study.sweep.search != "grid":
            raise ConfigurationError(
                f"{self.study.sweep.search} proposes one rate after the other: there is no bank to train",
                'leave --bank out, or say search = "grid"',
            )
        for arm in self.arms.arms:
            self.identities.resolve(self._settings(arm)[0], arm.rates[0], self.study.seeds[0])

    def grid(self, **session: Any) -> Grid:
        """The cells that can be named by now. ``session`` is the engine, its workers and their threads."""
        proposals = [self._propose(arm) for arm in self.arms.arms]
        choices = [self._choice(*each) for each in zip(self.arms.arms, proposals, strict=True)]
        cells = (*self._before(), *self._sweeps(proposals), *self._finals(choices))
        return Grid(
            cells=cells,
            arms=self.arms.arms,
            choices=tuple(choices),
            left_out=self.arms.left_out,
            **session,
        )

    def _before(self) -> Iterator[Cell]:
        return (self._first(each) for each in self.study.before)

    def _sweeps(self, proposals: list[Proposal]) -> Iterator[Cell]:
        """Rate by rate over all arms, so that a study that is stopped early has begun with all of them."""
        for place in range(max(len(proposal.rates) for proposal in proposals)):
            for arm, proposal in zip(self.arms.arms, proposals, strict=True):
                for rate in proposal.rates[place : place + 1]:
                    yield from self._swept(arm, rate)

    def _finals(self, choices: list[Choice]) -> Iterator[Cell]:
        for seed in self.study.seeds:
            for arm, choice in zip(self.arms.arms, choices, strict=True):
                if choice.rate is not None:
                    yield self._cell(arm, "final", choice.rate, seed)

    def _propose(self, arm: StudyArm) -> Proposal:
        better = self.identities.metric(self._settings(arm)[0])[1]
        return self._search.propose(arm, lambda rate: self._score(arm, rate), higher_is_better=better)

    def _choice(self, arm: StudyArm, proposal: Proposal) -> Choice:
        metric, better = self.identities.metric(self._settings(arm)[0])
        scores = tuple(self._score(arm, rate) for rate in sorted(proposal.rates))
        return Choice(
            task=arm.task,
            arm=arm.name,
            metric=metric,
            higher_is_better=better,
            scores=scores,
            rate=choose(scores, higher_is_better=better, complete=proposal.complete),
        )

    def _score(self, arm: StudyArm, rate: float) -> RateScore:
        metric, _ = self.identities.metric(self._settings(arm)[0])
        identities = [cell.identity for cell in self._swept(arm, rate)]
        failures = [self.ledger.failure(each) for each in identities if self.ledger.state(each) == "failed"]
        reasons = "; ".join(failure.reason for failure in failures if failure)
        return rate_score(rate, metric, map(self.ledger.record, identities), reasons)

    def _swept(self, arm: StudyArm, rate: float) -> Iterator[Cell]:
        return (self._cell(arm, "sweep", rate, seed) for seed in self.study.sweep.seeds)

    def _cell(self, arm: StudyArm, role: Role, rate: float, seed: int) -> Cell:
        key: Key = (arm.task, arm.name, role, rate, seed)
        if key not in self._cells:
            settings, after = self._settings(arm)
            alone = self._made(key, settings, after)
            self._cells[key] = alone if self.bank_threads is None else self._banked(arm, alone)
        return self._cells[key]

    def _banked(self, arm: StudyArm, alone: Cell) -> Cell:
        """A cell in its bank, if it can share its passes; a body that is yet to be trained is not asked."""
        place, threads = (arm.task, arm.name), self.bank_threads or 1
        if place not in self._can_share:
            self._can_share[place] = not alone.after and can_share(alone.configuration)
        if not self._can_share[place]:
            return alone
        settings, _ = self._settings(arm)
        places = mates(self.study, arm, alone)
        others = [self._made((*place, alone.role, *each), settings, "") for each in places]
        return banked(alone, others, threads)

    def _first(self, before: Before) -> Cell:
        key: Key = (before.name, "", "before", before.lr, self.study.seeds[0])
        if key not in self._cells:
            settings = {"task": before.task, **merge((self.study.settings, before.settings))}
            self._cells[key] = self._made(key, settings, "")
        return self._cells[key]

    def _made(self, key: Key, settings: Mapping[str, Any], after: str) -> Cell:
        task, arm, role, rate, seed = key
        configuration = self.identities.resolve(settings, rate, seed)
        return Cell(
            task=task,
            arm=arm,
            role=role,
            lr=configuration.lr or 0.0,
            seed=seed,
            identity=self.identities.identify(settings, configuration, after),
            configuration=configuration.to_json(),
            after=after,
        )

    def _settings(self, arm: StudyArm) -> tuple[Mapping[str, Any], str]:
        """An arm's settings, and the identity of the run that its body comes from."""
        init = str(arm.settings.get("init", ""))
        if not init.startswith(BEFORE):
            return arm.settings, ""
        runs = {before.name: before for before in self.study.before}
        name = init.removeprefix(BEFORE)
        if name not in runs:
            raise UnknownName("run in [before]", name, runs)
        after = self._first(runs[name]).identity
        return {**arm.settings, "init": f"{RUN_PREFIX}{self.ledger.folder(after)}"}, after
