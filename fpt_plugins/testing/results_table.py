"""What ``fpt check`` prints."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fpt_plugins.errors import ConfigurationError, PluginError
from fpt_plugins.options import converter
from fpt_plugins.progress import under_way
from fpt_plugins.testing.result import STATUSES, Result
from fpt_plugins.testing.running import check, check_backbone, reached

_STYLES = {
    "passed": "green",
    "failed": "bold red",
    "not applicable": "yellow",
    "expected failure": "magenta",
}


def print_asked(
    plugin: str | None,
    backbone: str | None,
    *,
    options: Mapping[str, Any] | None = None,
    as_json: bool = False,
) -> None:
    """Checks a plugin or a backbone and prints each result, the counts and the tier that is reached.

    Args:
        plugin: As ``fpt plugins`` shows it; ``None`` where a backbone is given.
        backbone: As ``--backbone`` takes it; ``None`` where a plugin is given.
        options: The backbone's options by name.
        as_json: A list of records on standard output instead.

    Raises:
        ConfigurationError: Neither of the two is given, or both.
        PluginError: A check failed.
        UnknownName: There is no such plugin or backbone.
    """
    if plugin is not None and backbone is None and not options:
        with under_way("checking") as watcher:
            results = check(plugin, watcher=watcher)
        _print(plugin, results, as_json=as_json)
    elif plugin is None and backbone is not None:
        with under_way("checking") as watcher:
            results = check_backbone(backbone, options=options, watcher=watcher)
        _print(backbone, results, as_json=as_json)
    else:
        raise ConfigurationError(
            "fpt check takes a plugin, or a backbone and its options", "fpt check bits, or --backbone lstm"
        )


def _print(name: str, results: list[Result], *, as_json: bool) -> None:
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
        >>> headline([Result(number="C01", check="check_metadata", tier="L1", status="passed")])
        'suite 1, L4: 1 passed, 0 failed, 0 not applicable, 0 expected failures, 0.0 s of processor time'
    """
    counts = Counter(result.status for result in results)
    *shown, expected = (f"{counts[status]} {status}" for status in STATUSES)
    seconds = sum(result.seconds for result in results)
    words = ", ".join([*shown, f"{expected}s"])
    return f"suite {suite}, {reached(results) or 'no tier'}: {words}, {seconds:.1f} s of processor time"


def _table(results: list[Result]) -> Table:
    columns = ("tier", "", Column("check", no_wrap=True), "status", "why, and what to do")
    table = Table(*columns)
    for result in results:
        said = "\n".join(filter(None, (result.reason, result.remedy)))
        status = f"[{_STYLES[result.status]}]{result.status}"
        table.add_row(result.tier, result.number, result.check, status, escape(said))
    return table
