"""What fpt-proteins says to fpt-plugins."""

from __future__ import annotations

from collections.abc import Sequence

from fpt_plugins import Sequences, Task, hookimpl


@hookimpl
def fpt_tasks() -> Sequence[type[Task]]:
    """``proteins/remote-homology`` and ``proteins/fasta``."""
    from fpt_proteins.tasks import Fasta, RemoteHomology

    return [RemoteHomology, Fasta]


@hookimpl
def fpt_tokenize(task: Task, samples: Sequence[str]) -> Sequences:
    """``<cls>``, the residues, ``<sep>``; residues beyond ``task.sequence.max_length`` are cut off."""
    from fpt_proteins.vocabulary import encode

    return Sequences.of([encode(sample, task.sequence.max_length) for sample in samples])
