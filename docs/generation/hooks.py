"""What MkDocs does beside the pages in docs: pages from the registry's cards, and their place in the menu."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import card_pages  # beside this file, which MkDocs runs by its path

GENERATED = ("Plugins", "Backbones")
OPTIONAL = ("tutorial.md", "how-to/read-a-study.md", "reference/hooks.md", "threat-model.md")
"""Pages that stand in the menu where they are in the tree."""
ELSEWHERE = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"?(?:https?:)?//[^\s\">]+")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the generated pages into the menu, and leaves out optional ones that are not there."""
    there = {str(path.relative_to(config.docs_dir)) for path in Path(config.docs_dir).rglob("*.md")}
    config.nav = _menu(config.nav, there)
    for section in GENERATED:
        pages = [name for name in card_pages.pages() if name.startswith(f"{section.lower()}/")]
        config.nav.append({section: pages})
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds a page for each card of a plugin and of a backbone, and one for the runs."""
    for name, text in card_pages.pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Refuses a page that fetches anything from elsewhere to be read.

    Raises:
        PluginError: It does.
    """
    found = [each for each in ELSEWHERE.findall(output) if 'rel="canonical"' not in each]
    if found:
        raise PluginError(f"{page.file.src_uri} needs the network to be read: {found[0]}")
    return output


def _menu(items: Any, there: set[str]) -> Any:
    """The menu without optional pages that are not there."""
    if isinstance(items, list):
        kept = [_menu(item, there) for item in items]
        return [item for item in kept if item is not None]
    if isinstance(items, dict):
        ((title, inner),) = items.items()
        found = _menu(inner, there)
        return None if found is None else {title: found}
    return None if items in OPTIONAL and items not in there else items
