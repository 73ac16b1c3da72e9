"""``python -m fpt_plugins`` is ``fpt``."""

from fpt_plugins.cli import main

if __name__ == "__main__":  # a study's workers import this module under another name
    main()
