"""Imported by the process that the children are forked from: whatever a run of one of the tasks imports."""

import fpt_plugins as fpt
import fpt_plugins.study.job
from tests.faults.tiny_runs import BODY, MODALITIES

for task, options in MODALITIES.items():
    fpt.build(task, options=options, **BODY)
