"""``fpt cache``: what is kept between runs, and how to be rid of it."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import App, Parameter

app = App(name="cache", help="List what is kept between runs: read data files and tokenized splits.")


@app.default
def show(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """List each kept file with its size."""
    import attrs

    from fpt_plugins.cache_folder import cache_folder, kept

    files = kept()
    if as_json:
        print(json.dumps({"folder": str(cache_folder()), "files": [attrs.asdict(file) for file in files]}))
        return
    for file in files:
        print(f"{_megabytes(file.size)}  {file.kind}/{file.name}")
    print(f"{_megabytes(sum(file.size for file in files))}  in all, in {cache_folder()}")


@app.command
def clear() -> None:
    """Remove all of it; the next run that needs some makes it anew."""
    from fpt_plugins.cache_folder import cache_folder
    from fpt_plugins.cache_folder import clear as remove

    print(f"{_megabytes(remove())}  removed from {cache_folder()}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:10.1f} MB"
