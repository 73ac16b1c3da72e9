"""A body's weights are cut off after their header was read and before their tensors are."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from tests.faults.attack import Attack, Outcome
from tests.faults.subjects import BY_NAME
from tests.faults.trial import attacked, judged, outcome

PARTS = 16
"""Of a file: it is cut to 0 to 15 of them."""


def trial(name: str, number: int, folder: Path) -> str:
    """Cuts the weights when the first name of their header is looked at, and puts them back."""
    from fpt_plugins.backbones.tensor_names import TensorNames

    subject = BY_NAME[name]
    (path,) = folder.rglob("*.safetensors")
    content = path.read_bytes()
    of_body = TensorNames.of_body

    def cut(names: TensorNames, file_name: str) -> str:
        os.truncate(path, len(content) * (number % PARTS) // PARTS)
        return of_body(names, file_name)

    try:
        with mock.patch.object(TensorNames, "of_body", cut):
            what = judged(lambda: subject.content(folder), subject, folder, "")
    finally:
        path.write_bytes(content)
    return what if what == "refused by name" else f"broken: {what.removeprefix('broken: ')}"


def _run(times: int, folder: Path) -> Outcome:
    return outcome(attacked(__name__, [(BY_NAME["body"], number) for number in range(times)], folder))


ATTACKS = (
    Attack(
        name="weights-cut-while-read",
        promise="Weights that are cut off while they are read are refused by name, never half loaded.",
        how=f"a body's weights cut to 0 to {PARTS - 1} of {PARTS} parts between header and first tensor",
        few=4,
        many=100,
        run=_run,
    ),
)
