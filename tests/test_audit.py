"""What ``make audit`` says of pip-audit's answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "audit"
UNANSWERED = {"name": "attrs", "skip_reason": "Dependency not found on PyPI and could not be audited"}
SOUND = {"name": "numpy", "version": "2.4.0", "vulns": []}
HOLED = {"name": "torch", "version": "2.0.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.6.0"]}]}


@pytest.mark.parametrize(
    ("answers", "flags", "code", "words"),
    [
        ([UNANSWERED, SOUND], [], 0, "1 packages audited, 0 holes known"),
        ([SOUND, HOLED], ["--if-reachable"], 1, "torch 2.0.0: PYSEC-1, mended in 2.6.0"),
        ([UNANSWERED], [], 3, "nothing was audited"),
        ([UNANSWERED], ["--if-reachable"], 0, "nothing was audited"),
    ],
)
def test_an_audit_says_of_how_many_packages_it_was_told(tmp_path, answers, flags, code, words):
    """A hole fails it, and packages that no service answers for are no sound ones."""
    auditor = tmp_path / "build" / "audit" / "bin" / "pip-audit"
    auditor.parent.mkdir(parents=True)
    auditor.write_text(f"#!{sys.executable}\nprint({json.dumps({'dependencies': answers})!r})\n")
    auditor.chmod(0o755)
    found = subprocess.run(
        [sys.executable, str(SCRIPT), *flags], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert found.returncode == code, found.stderr
    assert words in found.stdout
