"""Every kind of file that is attacked, and its reader."""

from __future__ import annotations

from tests.faults.data_files import DATA
from tests.faults.saved_files import SAVED

SUBJECTS = (*SAVED, *DATA)
_SLOW = {each.name for each in SAVED} - {"card", "token-cache"} | {"samples"}
QUICK_FIRST = tuple(sorted(SUBJECTS, key=lambda subject: subject.name in _SLOW))
"""Those first whose reader needs no model, which a process has at hand sooner."""
BY_NAME = {subject.name: subject for subject in SUBJECTS}
