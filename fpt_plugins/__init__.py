"""Turns a frozen pretrained transformer into a model for any data that is a sequence.

The names below are the public ones; each is imported when it is first used, so that importing
this package imports neither torch nor a plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fpt_plugins.adapter import load as load
    from fpt_plugins.arm import Arm as Arm
    from fpt_plugins.arm import build as build
    from fpt_plugins.attention_map import AttentionMap as AttentionMap
    from fpt_plugins.attention_map import attention_maps as attention_maps
    from fpt_plugins.backbone import Backbone as Backbone
    from fpt_plugins.backbone import BackboneFamily as BackboneFamily
    from fpt_plugins.backbone import BackboneRequest as BackboneRequest
    from fpt_plugins.backbone import BackboneSpec as BackboneSpec
    from fpt_plugins.backbone import NoOptions as NoOptions
    from fpt_plugins.backbone_export import export_backbone as export_backbone
    from fpt_plugins.bank import Bank as Bank
    from fpt_plugins.bank_loading import load_many as load_many
    from fpt_plugins.configuration import Configuration as Configuration
    from fpt_plugins.data import Batch as Batch
    from fpt_plugins.digest import source_digest as source_digest
    from fpt_plugins.downloading import download as download
    from fpt_plugins.downloading import extract as extract
    from fpt_plugins.errors import ConfigurationError as ConfigurationError
    from fpt_plugins.errors import FptError as FptError
    from fpt_plugins.errors import FrozenError as FrozenError
    from fpt_plugins.errors import InputError as InputError
    from fpt_plugins.errors import IntegrityError as IntegrityError
    from fpt_plugins.errors import NonFiniteError as NonFiniteError
    from fpt_plugins.errors import OutOfMemory as OutOfMemory
    from fpt_plugins.errors import PluginError as PluginError
    from fpt_plugins.errors import UnknownName as UnknownName
    from fpt_plugins.evaluation import evaluate as evaluate
    from fpt_plugins.hookspecs import hookimpl as hookimpl
    from fpt_plugins.metric import Metric as Metric
    from fpt_plugins.metric import accuracy as accuracy
    from fpt_plugins.metric import bit_accuracy as bit_accuracy
    from fpt_plugins.metric import label_accuracy as label_accuracy
    from fpt_plugins.metric import mean_absolute_error as mean_absolute_error
    from fpt_plugins.metric import mean_squared_error as mean_squared_error
    from fpt_plugins.model import FrozenPretrainedTransformer as FrozenPretrainedTransformer
    from fpt_plugins.parsed_cache import cached_arrays as cached_arrays
    from fpt_plugins.progress import track as track
    from fpt_plugins.readout import Every as Every
    from fpt_plugins.readout import First as First
    from fpt_plugins.readout import Flatten as Flatten
    from fpt_plugins.readout import Last as Last
    from fpt_plugins.readout import Mean as Mean
    from fpt_plugins.readout import Readout as Readout
    from fpt_plugins.sequence import Sequences as Sequences
    from fpt_plugins.sequence import TokenIds as TokenIds
    from fpt_plugins.sequence import Vectors as Vectors
    from fpt_plugins.sweep import train_population as train_population
    from fpt_plugins.target import BitVector as BitVector
    from fpt_plugins.target import Classes as Classes
    from fpt_plugins.target import Labels as Labels
    from fpt_plugins.target import RealVector as RealVector
    from fpt_plugins.target import Target as Target
    from fpt_plugins.task import Floor as Floor
    from fpt_plugins.task import Recipe as Recipe
    from fpt_plugins.task import SplitName as SplitName
    from fpt_plugins.task import Task as Task
    from fpt_plugins.training import train as train
    from fpt_plugins.unpickling import unpickle_plain_values as unpickle_plain_values

_HOME = {
    "adapter": ("load",),
    "arm": ("Arm", "build"),
    "attention_map": ("AttentionMap", "attention_maps"),
    "backbone": ("Backbone", "BackboneFamily", "BackboneRequest", "BackboneSpec", "NoOptions"),
    "backbone_export": ("export_backbone",),
    "bank": ("Bank",),
    "bank_loading": ("load_many",),
    "configuration": ("Configuration",),
    "data": ("Batch",),
    "digest": ("source_digest",),
    "downloading": ("download", "extract"),
    "errors": (
        "ConfigurationError",
        "FptError",
        "FrozenError",
        "InputError",
        "IntegrityError",
        "NonFiniteError",
        "OutOfMemory",
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
    "model": ("FrozenPretrainedTransformer",),
    "parsed_cache": ("cached_arrays",),
    "progress": ("track",),
    "readout": ("Every", "First", "Flatten", "Last", "Mean", "Readout"),
    "sequence": ("Sequences", "TokenIds", "Vectors"),
    "sweep": ("train_population",),
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
