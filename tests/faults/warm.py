"""Imported by the process that the children are forked from: whatever a run on a usual body imports."""

import fpt_plugins as fpt
import fpt_plugins.study.job
from tests.faults.tiny_runs import BODY, MODALITIES

for task, options in MODALITIES.items():
    fpt.build(task, options=options, **BODY)
fpt.build("bits/xor", backbone="gpt2-mini", backbone_options={"layers": 1}, init="random", device="cpu")
