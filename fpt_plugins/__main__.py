"""``python -m fpt_plugins`` is ``fpt``."""

from fpt_plugins.cli import main

main()
