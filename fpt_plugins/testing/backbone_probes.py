"""Questions about a backbone that only a fresh process can answer honestly."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fpt_plugins.testing.backbone_subject import BackboneSubject

_NETWORK = {"socket.connect", "socket.getaddrinfo"}
_CODE = {"pickle.find_class", "subprocess.Popen", "os.system", "os.fork", "os.posix_spawn", "os.exec"}
_OPEN_TO_WRITE = set("wxa+")


def source_digest(name: str, given: Mapping[str, Any], init: str) -> str:
    """The digest of a body that is built here."""
    digest: str = BackboneSubject(name, given, init=init).build().source_digest
    return digest


def events_while_building(name: str, given: Mapping[str, Any], init: str) -> list[str]:
    """What building connects to; and what a second build, its imports done, unpickles, starts or writes."""
    subject, events, again = BackboneSubject(name, given, init=init), list[str](), [False]

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[1], str) and _OPEN_TO_WRITE & set(arguments[1])
        if event in _NETWORK or (again[0] and (event in _CODE or writes)):
            events.append(f"{event} {str(arguments[:1])[:80]}")

    sys.addaudithook(hear)
    subject.build()
    again[0] = True
    subject.build()
    return sorted(set(events))
