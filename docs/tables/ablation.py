"""What has to train: the paper's order of parameter groups, on two tasks."""

from measured_arms import arms_table


def table() -> str:
    """A row per policy and control."""
    return arms_table("ablation.json", "what trains")
