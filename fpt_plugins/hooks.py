"""The core's own plugin: what it answers through the hooks that every plugin has.

Registered under the name ``fpt_plugins``; its modules import torch when they build something, not before.
"""

from fpt_plugins import defaults
from fpt_plugins.backbones.hooks import fpt_backbones
from fpt_plugins.hookspecs import hookimpl

__all__ = ["fpt_backbones", "fpt_input_embedding", "fpt_output_head"]

# Last, so that a task's own plugin comes before the core even where it asks to be last.
fpt_input_embedding = hookimpl(trylast=True)(defaults.fpt_input_embedding)
fpt_output_head = hookimpl(trylast=True)(defaults.fpt_output_head)
