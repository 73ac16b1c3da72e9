"""What this plugin answers."""

from fpt_next_symbol.tasks import Words
from fpt_plugins import Sequences, hookimpl


@hookimpl
def fpt_tasks():
    """The one task."""
    return [Words]


@hookimpl
def fpt_tokenize(task, samples):
    """A token for each symbol."""
    return Sequences.of([task.tokenize(sample) for sample in samples])


@hookimpl
def fpt_input_embedding(task, embed_dim):
    """A table."""
    from fpt_next_symbol.modules import Embedding

    return Embedding(task.sequence.size, embed_dim)


@hookimpl
def fpt_output_head(task, embed_dim):
    """A linear layer at every position."""
    from fpt_next_symbol.modules import Head

    return Head(embed_dim, task.target.size)
