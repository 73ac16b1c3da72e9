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
    found = audit(tmp_path, f"print({json.dumps({'dependencies': answers})!r})", *flags)
    assert found.returncode == code, found.stderr
    assert words in found.stdout


def test_an_auditor_that_fails_says_why(tmp_path):
    """Without an answer its own last line is shown: out of reach and out of order are not the same."""
    found = audit(tmp_path, "raise SystemExit('no option --json')", "--if-reachable")
    assert "pypi: no option --json\nosv: no option --json\nnothing was audited" in found.stdout


def audit(folder, auditor, *flags):
    """Runs the script where pip-audit is a line of Python."""
    place = folder / "build" / "audit" / "bin" / "pip-audit"
    place.parent.mkdir(parents=True)
    place.write_text(f"#!{sys.executable}\n{auditor}\n")
    place.chmod(0o755)
    command = [sys.executable, str(SCRIPT), *flags]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
