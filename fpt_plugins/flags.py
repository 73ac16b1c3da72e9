"""Flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Words = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON to standard output.")]
Folder = Annotated[Path, Parameter(help="A run's or an adapter's folder.")]
Data = Annotated[
    Path | None, Parameter(help="Where data files are: default $FPT_DATA, else ~/.cache/fpt-plugins/data.")
]
Body = Annotated[str | None, Parameter(help="Where the body is now, if it moved: hf:FOLDER, timm:FOLDER.")]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:1")]
