"""From many adapters on disk to a bank: the body is loaded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpt_plugins.adapter import fill, stored_configuration
from fpt_plugins.adapter_files import find_adapter, read_description
from fpt_plugins.additions.choice import choose_additions
from fpt_plugins.arm import assemble
from fpt_plugins.bank import Bank
from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import CannotShare, ConfigurationError
from fpt_plugins.plugins import Plugins
from fpt_plugins.resolving import build_task
from fpt_plugins.shared_body import body_facts, check_one_body

if TYPE_CHECKING:
    from fpt_plugins.arm import Arm


def load_many(
    places: Sequence[str | Path] | Mapping[str, str | Path],
    *,
    backbone: str | None = None,
    device: str = "auto",
    precision: str | None = None,
    data: Path | None = None,
) -> Bank:
    """Adapters over one body, the body loaded once, ready to answer together.

    Args:
        places: As :func:`fpt_plugins.load` takes them, by the adapters' names, or see
            :func:`named_places`.
        backbone: Where the body is now, if not where it was.
        device: Where they shall compute.
        precision: The type they shall compute in; that of their training where it is not given.
        data: Where data files are, for what needs them.

    Raises:
        ConfigurationError: Two folders have one name, or two adapters stand on different bodies.
        IntegrityError: A file is damaged, or the body is not the one that they were trained on.

    Example:
        >>> bank = load_many({"xor": "runs/a", "digits": "runs/b"})  # doctest: +SKIP
    """
    named = dict(places) if isinstance(places, Mapping) else named_places(places)
    if not named:
        raise ConfigurationError("a bank needs an adapter", "name the folder of a run")
    found = {name: find_adapter(place) for name, place in named.items()}
    descriptions = {name: read_description(folder) for name, folder in found.items()}
    options: dict[str, Any] = {"backbone": backbone, "device": device, "precision": precision, "data": data}
    settings = {name: stored_configuration(each, **options) for name, each in descriptions.items()}
    digests = {name: each["backbone"]["source_digest"] for name, each in descriptions.items()}
    check_one_body({name: body_facts(digests[name], settings[name]) for name in found})
    for name, each in settings.items():
        _refuse_additions(name, each)
    arms = assemble_on_one_body(settings)
    return Bank({name: fill(arms[name], folder, descriptions[name]) for name, folder in found.items()})


def assemble_on_one_body(settings: Mapping[str, Configuration]) -> dict[str, Arm]:
    """Untrained arms around one body in memory, which the one with the longest sequences builds.

    Args:
        settings: Of each arm, by its name; their bodies are one but for the length.
    """
    kinds = {(each.task, each.wrappers): each for each in settings.values()}
    plugins = {kind: Plugins.for_task(*kind) for kind in kinds}

    def length(configuration: Configuration) -> int:
        task = build_task(plugins[configuration.task, configuration.wrappers], configuration)
        return task.sequence.max_length

    body = assemble(max(settings.values(), key=length)).model.backbone.requires_grad_(requires_grad=False)
    return {
        name: assemble(each, plugins=plugins[each.task, each.wrappers], body=body)
        for name, each in settings.items()
    }


def _refuse_additions(name: str, configuration: Configuration) -> None:
    if choose_additions(configuration.train, configuration.policy_options):
        raise CannotShare(
            f"{name} was trained with --train {configuration.train}, which adds layers to the body: "
            "it cannot share a pass",
            "load it alone",
        )


def named_places(words: Sequence[str | Path]) -> dict[str, str | Path]:
    """Adapters' places by their names: ``FOLDER`` is called by its last part, ``NAME=FOLDER`` by its name.

    Raises:
        ConfigurationError: Two have one name.

    Example:
        >>> named_places(["runs/xor", "digits=runs/b"])
        {'xor': 'runs/xor', 'digits': 'runs/b'}
    """
    found: dict[str, str | Path] = {}
    for word in words:
        name, place = _named(word)
        if name in found:
            raise ConfigurationError(
                f"{found[name]} and {place} would both be called {name}", f"name them: {name}-2={place}"
            )
        found[name] = place
    return found


def _named(word: str | Path) -> tuple[str, str | Path]:
    given, equals, place = str(word).partition("=")
    if equals and not Path(word).exists():  # a population's folders have an equals sign in their names
        return given, place
    return Path(str(word).partition("@")[0]).resolve().name, word
