"""The child process that runs checks; :mod:`fpt_plugins.testing.running` watches it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from fpt_plugins.options import converter
from fpt_plugins.testing.backbone_subject import BackboneSubject
from fpt_plugins.testing.backbone_suite import BACKBONE_CHECKS
from fpt_plugins.testing.fresh_process import own_output
from fpt_plugins.testing.subject import Subject
from fpt_plugins.testing.suite import CHECKS


def main(subject: str, *names: str) -> NoReturn:
    """Print the name of each check before it runs, and its result after it, as lines of JSON."""
    rows, (checked, checks) = own_output(), _read(json.loads(subject))
    for name in names:
        print(json.dumps(name), file=rows, flush=True)
        result = checks[name].run(checked)
        print(json.dumps(converter().unstructure(result)), file=rows, flush=True)
    checked.close()
    os._exit(0)  # waits for no thread and no exit handler of a plugin


def _read(subject: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    if "plugin" in subject:
        return Subject(subject["plugin"]), CHECKS
    return BackboneSubject(subject["backbone"], subject["options"]), BACKBONE_CHECKS


if __name__ == "__main__":
    main(*sys.argv[1:])
