"""Fault tests: each promise of ``docs/threat-model.md`` with the attack that tries it.

Each is made a few times in ``make test`` (``tests/test_faults.py``) and many times by ``make faults``, which
writes the table of the page.
"""

import os

# Before torch is imported: models here are tiny, and a second thread would add another order of sums.
os.environ.setdefault("OMP_NUM_THREADS", "1")
