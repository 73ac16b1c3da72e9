"""The core's own backbones, registered through the same hook as anyone's."""
