"""A sweep: the runs of several learning rates and seeds, those over one body trained together."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import attrs

from fpt_plugins.arm import Arm, assemble
from fpt_plugins.bank import Bank
from fpt_plugins.bank_loading import assemble_on_one_body
from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import CannotShare, ConfigurationError, FptError, IntegrityError, NonFiniteError
from fpt_plugins.optimizer import check_rates
from fpt_plugins.population import Population
from fpt_plugins.processes import Launched
from fpt_plugins.record import RECORD, RunRecord, read_record
from fpt_plugins.resuming import MAY_CHANGE, MAY_DIFFER, continued
from fpt_plugins.run_folder import RUN, RunFolder
from fpt_plugins.stages import read_stages
from fpt_plugins.storage import read_sealed, sealed, write_file
from fpt_plugins.streams import preserved_generators

SWEEP = "sweep.json"


def train_population(
    task: str,
    *,
    out: str | Path,
    lr: float | Sequence[float] | None = None,
    seeds: int | Sequence[int] = 1,
    resume: bool = False,
    **settings: Any,
) -> dict[str, RunRecord | NonFiniteError]:
    """Trains a task with every learning rate and seed, in one pass for all runs over one body.

    Each run is what :func:`fpt_plugins.train` would make of its settings, to rounding: in fp32 sums
    are ordered by the shapes of their matrices, which a common pass changes. Where random bodies
    follow the seed, those of one seed train together and the seeds in turn.

    Args:
        task: ``plugin/task``.
        out: The folder of the run folders, which are named ``lr=0.001-seed=0``.
        lr: Learning rates; the task's own where none is given.
        seeds: Seeds, or how many of them from 0.
        resume: Continue those that are in that folder.
        settings: Other fields of :class:`fpt_plugins.Configuration`, the same for every run.

    Returns:
        The record of each run by its name, or why it failed.

    Raises:
        UnknownName: A name that nothing provides.
        ConfigurationError: Settings that do not go together, or a policy that no common pass can serve.
        FrozenError: A frozen tensor changed.

    Example:
        >>> found = train_population("bits/xor", out="runs/xor", lr=(3e-4, 3e-3), seeds=4)  # doctest: +SKIP
        >>> len(found)  # doctest: +SKIP
        8
    """
    arms = arms_of(task, lr, seeds, settings)
    sweep = Sweep.resumed(out, arms, settings) if resume else Sweep.new(out, arms, settings)
    with preserved_generators():
        for names in sweep.groups():
            with sweep.population(names) as population:
                for _ in population.rows():
                    pass
                sweep.close(population)
    return dict(sweep.results)


@attrs.frozen
class Sweep:
    """The runs of a sweep by name, and what became of those that are over.

    Args:
        path: The folder of their folders.
        arms: What each was asked to be.
        given: The settings that were given by the user, the same for all.
        results: Of those that are over.
    """

    path: Path
    arms: Mapping[str, Configuration]
    given: Mapping[str, Any]
    results: dict[str, RunRecord | NonFiniteError] = attrs.field(factory=dict)

    @classmethod
    def new(cls, out: str | Path, arms: Mapping[str, Configuration], given: Mapping[str, Any]) -> Self:
        """A sweep in a folder that is not there yet.

        Raises:
            FptError: It is.
        """
        if Path(out).exists():
            raise FptError(
                f"the folder {out} is there already",
                f"continue it with --resume --out {out}, or give another --out",
            )
        return cls(Path(out), arms, given)

    @classmethod
    def resumed(cls, out: str | Path, arms: Mapping[str, Configuration], given: Mapping[str, Any]) -> Self:
        """The sweep in a folder; ``arms`` as they are asked now must be its own, where any are named.

        Raises:
            FptError: There is no sweep in the folder.
            ConfigurationError: The sweep in it has other runs, or was begun with other settings.
            CannotShare: As for :func:`arms_of`: an older version began it.
        """
        path, one = Path(out), next(iter(arms.values()))
        if not is_sweep(path):
            raise FptError(f"there is no sweep to resume in {path}", "name its folder with --out")
        plain = read_sealed(path / SWEEP).get("arms")
        if not isinstance(plain, dict):
            raise IntegrityError(f"{path / SWEEP} names no runs", "sweep again, in another folder")
        if not _are_those(arms, plain):
            raise ConfigurationError(
                f"the sweep in {path} has the runs {', '.join(plain)}, not {', '.join(arms)}",
                "resume it with its own rates and seeds, or with none",
            )
        stored = {name: Configuration.from_json(each) for name, each in plain.items()}
        found = {name: continued(path / name, each, one, given) for name, each in stored.items()}
        for each in found.values():
            _check_passes(each)
        return cls(path, found, given)

    def groups(self) -> Iterator[list[str]]:
        """The runs that are not over, those over one body together."""
        for name in self.arms:
            if (self.path / name / RECORD).is_file():
                self.results[name] = read_record(self.path / name)
        yield from _by_body({name: arm for name, arm in self.arms.items() if name not in self.results})

    @contextmanager
    def population(self, names: Collection[str]) -> Iterator[Population]:
        """Runs over one body, each at its first step or at its newest checkpoint, their folders locked.

        What cannot begin leaves no folder behind.
        """
        folders = {name: self._begun(name) for name in names if (self.path / name / RUN).is_file()}
        settings = {
            name: folders[name].configuration if name in folders else self.arms[name] for name in names
        }
        bank = Bank(assemble_on_one_body(settings))
        processes = _alone(bank)
        with ExitStack() as stack:
            discarding = stack.enter_context(ExitStack())
            for name, arm in bank.arms.items():
                if name not in folders:
                    folders[name] = self._begin(name, arm)
                    discarding.callback(self._discard, folders[name])
                folders[name].check(arm.facts)
                stack.enter_context(folders[name].lock())
                check_rates(arm, self.given.get("group_lr") or {})
            population = Population(bank, folders, processes)
            for training in population.trainings.values():
                stack.callback(training.close)
            discarding.pop_all()  # it has begun: the folders stay, whatever comes
            yield population

    def close(self, population: Population) -> None:
        """Writes the adapters and records of runs that are over, and keeps what became of each."""
        self.results.update({**population.finish(), **population.failures})

    def _begun(self, name: str) -> RunFolder:
        anew = {each: getattr(self.arms[name], each) for each in MAY_DIFFER | MAY_CHANGE}
        return RunFolder.open(self.arms[name], self.path / name, resume=True, given=anew)

    def _begin(self, name: str, arm: Arm) -> RunFolder:
        plain = {name: each.to_json() for name, each in self.arms.items()}
        try:
            self.path.mkdir(parents=True)
        except FileExistsError:
            self._check_own()
        write_file(self.path / SWEEP, sealed({"arms": plain}))
        return RunFolder.open(arm.configuration, self.path / name, resume=False, given={}, facts=arm.facts)

    def _check_own(self) -> None:
        """Refuses the folder of a sweep that another process has begun since this one looked."""
        begun = read_sealed(self.path / SWEEP).get("arms") if is_sweep(self.path) else None
        if not isinstance(begun, dict) or begun.keys() != self.arms.keys():
            raise FptError(f"another process has begun a sweep in {self.path}", "give another --out")

    def _discard(self, folder: RunFolder) -> None:
        """Removes a folder in which nothing has begun, and with the last one the sweep's own."""
        folder.discard()
        if not any((self.path / name).exists() for name in self.arms):
            shutil.rmtree(self.path, ignore_errors=True)


def arms_of(
    task: str, lr: float | Sequence[float] | None, seeds: int | Sequence[int], settings: Mapping[str, Any]
) -> dict[str, Configuration]:
    """The configuration of each run of a sweep, by its name.

    Raises:
        ConfigurationError: A rate or a seed that stands twice, or a value that no run can have.
        CannotShare: A policy in stages, alignment, or fewer samples or blocks at a time: no common
            pass does that.

    Example:
        >>> list(arms_of("bits/xor", (1e-3, 3e-3), 2, {}))
        ['lr=0.001-seed=0', 'lr=0.001-seed=1', 'lr=0.003-seed=0', 'lr=0.003-seed=1']
    """
    if "seed" in settings:
        raise ConfigurationError("a sweep has several seeds, and one was given", "say seeds=[0, 1]")
    rates = list(lr) if isinstance(lr, Sequence) and not isinstance(lr, str) else [lr]
    chosen = list(seeds) if isinstance(seeds, Sequence) else list(range(seeds))
    asked = [
        Configuration.of(task, **{**settings, "lr": rate, "seed": seed}) for rate in rates for seed in chosen
    ]
    arms = {_name(each): each for each in asked}
    if not arms or len(arms) != len(asked):
        raise ConfigurationError(
            f"learning rates {rates} and seeds {chosen}: none may be missing or stand twice",
            "give each once: --lr 1e-3,3e-3 --seeds 2",
        )
    _check_passes(next(iter(arms.values())))
    return arms


def _check_passes(configuration: Configuration) -> None:
    """Refuses what one pass for all runs cannot do for each: other steps, or its own way to save memory."""
    train = configuration.train
    asked = {
        f"--train {train}: runs whose policy changes in stages": len(read_stages(train)) > 1,
        "--align-steps: runs that are aligned first": configuration.align_steps,
        "--micro-batch-size: runs that take a step in parts": configuration.micro_batch_size,
        "--gradient-checkpointing: runs that compute blocks again": configuration.gradient_checkpointing,
    }
    for which in filter(asked.get, asked):
        raise CannotShare(
            f"{which} cannot share a pass", "train them in turn: one --lr and one --seed, each with its --out"
        )


def _name(arm: Configuration) -> str:
    return f"seed={arm.seed}" if arm.lr is None else f"lr={arm.lr:g}-seed={arm.seed}"


def _are_those(asked: Mapping[str, Configuration], begun: Mapping[str, Any]) -> bool:
    """Whether the runs that are asked for are a sweep's: all, one of them, or none by rate or seed."""
    if len(asked) > 1:
        return asked.keys() == begun.keys()
    ((name, arm),) = asked.items()
    return name in begun or (arm.lr is None and arm.seed == 0)


def is_sweep(path: Path) -> bool:
    """Whether the folder is a sweep's."""
    return (path / SWEEP).is_file()


def _by_body(arms: Mapping[str, Configuration]) -> Iterator[list[str]]:
    """The names of those that stand on one body, by the digests of the bodies that their seeds draw."""
    seeds = {name: arm.seed if arm.init_seed is None else arm.init_seed for name, arm in arms.items()}
    distinct = {seed: arms[name] for name, seed in seeds.items()}
    digests = {
        seed: assemble(arm).model.backbone.source_digest if len(distinct) > 1 else ""
        for seed, arm in distinct.items()
    }
    groups: dict[str, list[str]] = defaultdict(list)
    for name, seed in seeds.items():
        groups[digests[seed]].append(name)
    yield from groups.values()


def _alone(bank: Bank) -> Launched:
    processes = Launched(bank.precision.device)
    if processes.count > 1:
        raise ConfigurationError(
            f"runs that share a pass train in one process, and here are {processes.count}",
            "start it without a launcher",
        )
    return processes
