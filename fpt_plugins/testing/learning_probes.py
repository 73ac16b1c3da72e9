"""Questions about models and adapters that only a fresh process can answer honestly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fpt_plugins.task import Task


def answers_of_adapters(folders: list[str], data: str, samples: int) -> list[Any]:
    """What saved adapters answer to their first validation samples, with another state of the generators."""
    import torch

    import fpt_plugins

    torch.manual_seed(20210309)
    arms = [fpt_plugins.load(each, device="cpu", precision="fp32", data=Path(data)) for each in folders]
    return [arm.predict(first_samples(arm.task, samples)) for arm in arms]


def first_samples(task: Task, count: int) -> list[Any]:
    """The first validation samples of a task."""
    dataset: Any = task.split("validation")
    return [dataset[index][0] for index in range(min(count, len(dataset)))]


def outputs_of_the_body(width: int, heads: int) -> list[float]:
    """What the tiny body computes, and its input's gradient: sums that any other operation would move."""
    import torch

    from fpt_plugins import options
    from fpt_plugins.backbone import BackboneRequest
    from fpt_plugins.plugins import find_backbone

    spec = find_backbone("block-1")
    chosen: Any = options.build(
        spec.options, {"width": width, "heads": heads, "positions": 8}, owner=spec.name
    )
    request = BackboneRequest(init="random", init_seed=0, length=8, dropout=0.0, options=chosen)
    body = spec.build(spec, request)
    inputs = torch.randn(2, 8, width, generator=torch.Generator().manual_seed(0)).requires_grad_()
    hidden = body(inputs, torch.ones(2, 8, dtype=torch.bool))
    torch.autograd.backward(hidden.sin().sum())
    assert inputs.grad is not None  # noqa: S101 # it was asked for; for the type checker
    found: list[float] = torch.cat([hidden.detach().flatten(), inputs.grad.flatten()]).tolist()
    return found


def global_state() -> dict[str, Any]:
    """The settings of torch that one plugin could change for all."""
    import torch

    return {
        "the default dtype": str(torch.get_default_dtype()),
        "the default device": str(torch.get_default_device()),
        "whether gradients are recorded": torch.is_grad_enabled(),
        "the number of threads": torch.get_num_threads(),
        "the precision of products": torch.get_float32_matmul_precision(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "anomaly detection": torch.is_anomaly_enabled(),
    }
