"""The five hooks: everything that a plugin can say to the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from torch.nn import Module

    from fpt_plugins.backbone import BackboneFamily, BackboneSpec
    from fpt_plugins.sequence import Sequences
    from fpt_plugins.task import Task

PROJECT = "fpt_plugins"
"""The entry-point group, and the project name of the two markers."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's answer to the hook of the function's name; with ``wrapper=True``, what wraps an answer."""


@hookspec
def fpt_tasks() -> Sequence[type[Task]]:  # type: ignore[empty-body] # a hook's spec has no body
    """The task classes that this plugin provides, each named ``plugin/task``."""


@hookspec
def fpt_backbones() -> Sequence[BackboneSpec | BackboneFamily]:  # type: ignore[empty-body] # as above
    """The backbones that this plugin provides, each named ``plugin:name``."""


@hookspec(firstresult=True)
def fpt_tokenize(task: Task, samples: Sequence[Any]) -> Sequences:  # type: ignore[empty-body] # as above
    """Samples of ``task`` as a ragged batch of token ids or vectors, as ``task.sequence`` declares.

    Must not depend on what else is in ``samples``. Raise ``InputError`` for a sample that cannot
    be a sequence.
    """


@hookspec(firstresult=True)
def fpt_input_embedding(task: Task, embed_dim: int) -> Module | None:
    """A module from tokens (ids ``[B, T]`` or vectors ``[B, T, width]``) to ``[B, T, embed_dim]``.

    What it takes out of a sample (its scale) and the outputs need again, the target puts back:
    :meth:`fpt_plugins.Target.restore`. Not implemented: an ``nn.Embedding`` for ids, an orthogonal
    linear map for vectors.
    """


@hookspec(firstresult=True)
def fpt_output_head(task: Task, embed_dim: int) -> Module | None:
    """A module from read-out hidden states ``[B, n, embed_dim]`` to outputs.

    ``n`` is ``task.readout.positions`` and ``embed_dim`` the width of what is read out (the
    body's, times the positions with the readout ``Flatten``); outputs are ``[B, task.target.size]``, or
    ``[B, T, task.target.size]`` with the readout ``Every``. Not implemented: one linear layer.
    """
