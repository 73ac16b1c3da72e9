"""The core's own plugin: what it answers through the hooks that every plugin has.

Registered under the name ``fpt_plugins``; its modules hold no torch until they build something.
"""

from fpt_plugins.backbones.hooks import fpt_backbones
from fpt_plugins.defaults import fpt_input_embedding, fpt_output_head

__all__ = ["fpt_backbones", "fpt_input_embedding", "fpt_output_head"]
