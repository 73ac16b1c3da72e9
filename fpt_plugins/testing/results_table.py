"""What ``fpt check`` prints."""

from __future__ import annotations

import json
from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fpt_plugins.errors import PluginError
from fpt_plugins.options import converter
from fpt_plugins.testing.result import Result
from fpt_plugins.testing.running import check, reached

_STYLES = {"passed": "green", "failed": "bold red", "not applicable": "yellow"}


def print_check(name: str, *, as_json: bool = False) -> None:
    """Checks a plugin and prints each result, the counts and the tier that is reached.

    Args:
        name: The plugin's, as ``fpt plugins`` shows it.
        as_json: A list of records on standard output instead.

    Raises:
        PluginError: A check failed.
        UnknownName: There is no such plugin.
    """
    results = check(name)
    if as_json:
        print(json.dumps(converter().unstructure(results)))
    else:
        Console().print(_table(results), headline(results), highlight=False)
    failed = [result for result in results if result.status == "failed"]
    if failed:
        raise PluginError(f"{name} fails {', '.join(result.check for result in failed)}", failed[0].remedy)


def headline(results: list[Result], suite: str = "1") -> str:
    """The suite, the tier and the counts in one line.

    Example:
        >>> headline([Result(check="check_metadata", tier="L1", status="passed")])
        'suite 1, L4: 1 passed, 0 failed, 0 not applicable, 0.0 s'
    """
    counts = Counter(result.status for result in results)
    shown = ", ".join(f"{counts[status]} {status}" for status in ("passed", "failed", "not applicable"))
    seconds = sum(result.seconds for result in results)
    return f"suite {suite}, {reached(results) or 'no tier'}: {shown}, {seconds:.1f} s"


def _table(results: list[Result]) -> Table:
    table = Table("tier", Column("check", no_wrap=True), "status", "why, and what to do")
    for result in results:
        said = "\n".join(filter(None, (result.reason, result.remedy)))
        table.add_row(result.tier, result.check, f"[{_STYLES[result.status]}]{result.status}", escape(said))
    return table
