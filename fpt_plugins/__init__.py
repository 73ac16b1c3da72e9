"""Turns a frozen pretrained transformer into a model for any data that is a sequence.

The names below are the public ones; each is imported when it is first used, so that importing
this package imports neither torch nor a plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fpt_plugins.adapter import load
    from fpt_plugins.backbone import Backbone, BackboneFamily, BackboneRequest, BackboneSpec, NoOptions
    from fpt_plugins.configuration import Configuration
    from fpt_plugins.data import Batch
    from fpt_plugins.download import download, extract
    from fpt_plugins.errors import (
        ConfigurationError,
        FptError,
        FrozenError,
        InputError,
        IntegrityError,
        NonFiniteError,
        PluginError,
        UnknownName,
    )
    from fpt_plugins.evaluation import evaluate
    from fpt_plugins.hookspecs import hookimpl
    from fpt_plugins.metric import (
        Metric,
        accuracy,
        bit_accuracy,
        label_accuracy,
        mean_absolute_error,
        mean_squared_error,
    )
    from fpt_plugins.model import FrozenPretrainedTransformer, build
    from fpt_plugins.progress import track
    from fpt_plugins.readout import Every, First, Flatten, Last, Mean, Readout
    from fpt_plugins.sequence import Sequences, TokenIds, Vectors
    from fpt_plugins.target import BitVector, Classes, Labels, RealVector, Target
    from fpt_plugins.task import Floor, Recipe, SplitName, Task
    from fpt_plugins.training import train
    from fpt_plugins.unpickling import unpickle_plain_values

_HOME = {
    "adapter": ("load",),
    "backbone": ("Backbone", "BackboneFamily", "BackboneRequest", "BackboneSpec", "NoOptions"),
    "configuration": ("Configuration",),
    "data": ("Batch",),
    "download": ("download", "extract"),
    "errors": (
        "ConfigurationError",
        "FptError",
        "FrozenError",
        "InputError",
        "IntegrityError",
        "NonFiniteError",
        "PluginError",
        "UnknownName",
    ),
    "evaluation": ("evaluate",),
    "hookspecs": ("hookimpl",),
    "metric": (
        "Metric",
        "accuracy",
        "bit_accuracy",
        "label_accuracy",
        "mean_absolute_error",
        "mean_squared_error",
    ),
    "model": ("FrozenPretrainedTransformer", "build"),
    "progress": ("track",),
    "readout": ("Every", "First", "Flatten", "Last", "Mean", "Readout"),
    "sequence": ("Sequences", "TokenIds", "Vectors"),
    "target": ("BitVector", "Classes", "Labels", "RealVector", "Target"),
    "task": ("Floor", "Recipe", "SplitName", "Task"),
    "training": ("train",),
    "unpickling": ("unpickle_plain_values",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted([*_MODULE_OF, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
