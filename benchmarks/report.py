"""What was measured as Markdown, for README, and as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

MEGABYTE = 1 << 20
KILOBYTE = 1 << 10

Row = Mapping[str, Any]

RACE: dict[str, Callable[[Row], str]] = {
    "workload": lambda row: row["workload"],
    "": lambda row: row["contender"],
    "steps/s": lambda row: f"{row['steps_per_second']:.3g}",
    "tokens/s": lambda row: f"{row['tokens_per_second']:,.0f}",
    "times plain": lambda row: f"{row['times_the_reference']:.2f}",
    "of bf16 peak": lambda row: f"{row['share_of_bf16_peak']:.0%}",
    "memory": lambda row: f"{row['peak_bytes'] / MEGABYTE:,.0f} MB",
    "of plain's": lambda row: f"{row['share_of_reference_memory']:.0%}",
    "to save": lambda row: f"{row['saved_bytes'] / KILOBYTE:,.0f} KB",
    "start": lambda row: f"{row['start_seconds']:.1f} s",
}
PLUGINS: dict[str, Callable[[Row], str]] = {
    "plugins": lambda row: str(row["plugins"]),
    "import fpt_plugins": lambda row: f"{row['import_seconds']:.3f} s",
    "fpt plugins": lambda row: f"{row['listing_seconds']:.3f} s",
}
ADAPTERS: dict[str, Callable[[Row], str]] = {
    "body": lambda row: row["backbone"],
    "": lambda row: row["what"],
    "adapters": lambda row: str(row["adapters"]),
    "together": lambda row: f"{row['together_seconds']:.2f} s",
    "in turn": lambda row: f"{row['in_turn_seconds']:.2f} s",
    "times faster": lambda row: f"{row['times']:.2f}",
    "by processor time": lambda row: f"{row['processor_times']:.2f}",
}
SEEDS: dict[str, Callable[[Row], str]] = {
    "step": lambda row: str(row["step"]),
    "": lambda row: row["path"],
    "validation loss": lambda row: f"{row['mean_loss']:.4f} ± {row['deviation']:.4f}",
}
COLUMNS = {"adapters": ADAPTERS, "plugins": PLUGINS, "seed": SEEDS}


def table(columns: Mapping[str, Callable[[Row], str]], rows: Iterable[Row]) -> str:
    """A Markdown table."""
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[cell(row) for cell in columns.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(threads: int) -> dict[str, Any]:
    """Where this was measured."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    model = next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )
    load = Path("/proc/loadavg")
    return {
        "processor": model,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "bf16": bool(torch.cpu.get_capabilities().get("avx512_bf16")),
        "threads": threads,
        "load": load.read_text().split()[0] if load.exists() else "unknown",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def markdown(results: Mapping[str, Any]) -> str:
    """All tables, with the machine above them."""
    facts = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    parts = [f"Measured on: {facts}."]
    if results["race"]:
        first = results["race"][0]
        peaks = f"bf16 {first['bf16_peak'] / 1e9:,.0f}, fp32 {first['fp32_peak'] / 1e9:,.0f} GFLOP/s"
        parts += [f"Matrix products, in the same run: {peaks}.", table(RACE, results["race"])]
    for axis, rows in results["scale"].items():
        parts += [f"### By {axis}", table(COLUMNS.get(axis, RACE), rows)]
    return "\n\n".join(parts) + "\n"


def store(results: Mapping[str, Any], folder: Path) -> None:
    """Writes ``results.json`` and ``results.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "results.md").write_text(markdown(results))
