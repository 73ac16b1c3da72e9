"""What a cell is: the hash of its resolved configuration, of the versions and of the body it stands on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import attrs

from fpt_plugins.arm import build_backbone
from fpt_plugins.backbones.inits import PRETRAINED_INITS, RUN_PREFIX
from fpt_plugins.configuration import Configuration
from fpt_plugins.record import QUANTIZER, library_versions
from fpt_plugins.resolving import Resolved, resolve
from fpt_plugins.storage import json_bytes

LIBRARIES = ("fpt-plugins", "torch", "transformers")
DIGITS = 20
"""Of the hash, in a folder's name."""

PLACES = ("device", "workers")
"""Settings that say where and by whom a cell is trained, not what it is."""

BEFORE = "before:"
"""How an arm's ``init`` names a run that comes first."""


@attrs.frozen(eq=False)
class Identities:
    """Resolves and identifies cells. Each name is looked up once, and each body read once."""

    _resolved: dict[str, Resolved] = attrs.field(factory=dict, init=False)
    _digests: dict[str, str] = attrs.field(factory=dict, init=False)

    def resolve(self, settings: Mapping[str, Any], lr: float | None, seed: int) -> Configuration:
        """The configuration of a cell as its run will record it.

        Args:
            settings: An arm's, ``task`` among them.
            lr: Of every group that ``group_lr`` does not name; the task's own where it is ``None``.
            seed: Of the cell.

        Raises:
            UnknownName: A name that nothing provides.
            ConfigurationError: Settings that no run can have.
        """
        base = self._base(settings)
        given = Configuration.of(**{**settings, "lr": lr, "seed": seed, "init": base.configuration.init})
        open_names = ("options", "backbone_options", "policy_options", "backbone", "precision")
        fixed = {name: getattr(base.configuration, name) for name in open_names}
        return attrs.evolve(given.resolve(base.task.recipe, (str(given.init),)), **fixed)

    def identify(self, settings: Mapping[str, Any], configuration: Configuration, begins: str = "") -> str:
        """The hash of a cell.

        Args:
            settings: Its arm's.
            configuration: As :meth:`resolve` gave it.
            begins: The hash of the run that its body comes from, if it comes from one.
        """
        base = self._base(settings)
        plain = {name: value for name, value in configuration.to_json().items() if name not in PLACES}
        installed = library_versions()
        libraries = LIBRARIES if configuration.quantize == "none" else (*LIBRARIES, QUANTIZER)
        content = {
            "configuration": {**plain, **({"init": BEFORE} if begins else {})},
            "versions": {name: installed.get(name) for name in libraries},
            "plugins": base.versions,
            "body": begins or self._digest(base),
        }
        return short_hash(content)

    def metric(self, settings: Mapping[str, Any]) -> tuple[str, bool]:
        """The name of the metric that selects on validation data, and whether higher is better."""
        metric = self._base(settings).task.metrics[0]
        return metric.name, metric.higher_is_better

    def _base(self, settings: Mapping[str, Any]) -> Resolved:
        """What an arm's settings stand for, whatever the rate and the seed."""
        begins = str(settings.get("init", "")).startswith(RUN_PREFIX)
        key = json.dumps({**settings, "init": RUN_PREFIX} if begins else dict(settings), sort_keys=True)
        if key not in self._resolved:
            self._resolved[key] = resolve(Configuration.of(**settings))
        return self._resolved[key]

    def _digest(self, base: Resolved) -> str:
        """Of the weights that a body is made from, or of the body as seed 0 draws it.

        What another seed, ``statistics`` or ``shuffled`` makes of them is a function of these, of the
        configuration, and of our version.
        """
        settings = base.configuration
        drawn = settings.init not in PRETRAINED_INITS or settings.init == "random"
        source = attrs.evolve(
            settings, init=settings.init if drawn else "pretrained", init_seed=0, dropout=0.0
        )
        named = (source.backbone, source.backbone_options, source.init, base.task.sequence.max_length)
        key = json.dumps(named, default=str)
        if key not in self._digests:
            self._digests[key] = build_backbone(
                source, base.spec, base.task.sequence.max_length
            ).source_digest
        return self._digests[key]


def short_hash(content: Any) -> str:
    """The name of a folder that holds what plain values describe."""
    return hashlib.sha256(json_bytes(content)).hexdigest()[:DIGITS]
