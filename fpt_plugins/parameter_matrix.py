"""What alike runs train, in one matrix: a row for each run, a column for each number.

A norm that scales each row of a batch by its own run's weight then reads one piece of the matrix where
it would stack K tensors, and its gradient arrives in one piece. A run is clipped and moved as one
tensor where it would be as some tens of small ones. The runs' own parameters, gradients and moments
become views of their row.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.adam import adam

from fpt_plugins.finite_steps import FiniteWatch, moved_parameters

if TYPE_CHECKING:
    from torch import Tensor


class ParameterMatrix:
    """The trained parameters of runs, what a backward pass adds up for them, and Adam's moments.

    From then on the runs' gradients come by :meth:`backward` and their steps by :attr:`steps` alone. A
    parameter that is kept keeps the whole matrix, and so does a file that ``torch.save`` writes of it.

    Args:
        optimizers: Each run's own fused Adam, over parameters of one type and of the same shapes in the
            same order.

    Attributes:
        steps: Each run's.

    Example:
        >>> weights = [torch.nn.Parameter(torch.full((3,), float(run))) for run in range(2)]
        >>> matrix = ParameterMatrix([torch.optim.Adam([weight], fused=True) for weight in weights])
        >>> matrix.stacked(weights[0])
        tensor([[0., 0., 0.],
                [1., 1., 1.]], requires_grad=True)
    """

    def __init__(self, optimizers: Sequence[torch.optim.Adam]) -> None:
        rows = [moved_parameters(optimizer) for optimizer in optimizers]
        self._values = torch.stack([_joined(row) for row in rows])  # [K, P]
        self._gradients = torch.zeros_like(self._values)
        self._columns = dict(zip(rows[0], _columns(rows[0]), strict=True))
        self._stacked: list[tuple[Tensor, Tensor]] = []  # what is read so, and where its gradient belongs
        for row, values, gradients in zip(rows, self._values, self._gradients, strict=True):
            for parameter, columns in zip(row, self._columns.values(), strict=True):
                parameter.data = values[columns].view(parameter.shape)
                parameter.grad = gradients[columns].view(parameter.shape)
        parts = zip(optimizers, self._values, self._gradients, strict=True)
        self.steps = [RowSteps(*part) for part in parts]

    def __contains__(self, parameter: Tensor) -> bool:
        """Whether it is one of the first run's."""
        return parameter in self._columns

    def stacked(self, parameter: Tensor) -> Tensor:
        """One parameter of every run ``[K, ...]``, a leaf of its own.

        Args:
            parameter: The first run's.
        """
        shape, columns = (-1, *parameter.shape), self._columns[parameter]
        leaf = self._values[:, columns].view(shape).requires_grad_()
        self._stacked.append((leaf, self._gradients[:, columns].view(shape)))
        return leaf

    def backward(self, losses: Tensor) -> None:
        """The gradient of each run's loss, in the place of those of the last step.

        What is read stacked gets it from here: autograd wants that of a leaf in one dense piece.

        Args:
            losses: ``[k]``, of any runs.
        """
        self._gradients.zero_()
        for leaf, _ in self._stacked:
            leaf.grad = None  # of a pass that was left before its end
        torch.autograd.backward(losses, torch.ones_like(losses))
        for leaf, place in self._stacked:
            if leaf.grad is not None:
                place.add_(leaf.grad)


class RowSteps:
    """:class:`fpt_plugins.finite_steps.Stepper` of one run, over its row.

    Args:
        optimizer: The run's own: its rates and moments are meant, and its moments move.
        values: ``[P]``.
        gradient: ``[P]``.
    """

    def __init__(self, optimizer: torch.optim.Adam, values: Tensor, gradient: Tensor) -> None:
        self._gradient, self._watch = gradient, FiniteWatch(values.device)
        groups = optimizer.param_groups
        sizes = [sum(each.numel() for each in group["params"]) for group in groups]
        pieces = zip(groups, torch.split(values, sizes), torch.split(gradient, sizes), strict=True)
        self._pieces = [
            (own, slope, _shared_moments(optimizer, group["params"]), group) for group, own, slope in pieces
        ]

    def clear(self) -> None:
        self._gradient.zero_()

    @torch.no_grad()
    def take(self, step: int, loss: Tensor, clip: float) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(self._gradient)
        self._gradient *= (clip / (norm + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_
        stopped = self._watch.note(step, loss, norm)
        for own, slope, moments, group in self._pieces:
            _move(own, slope, moments, group, stopped)
        return norm

    def check(self) -> None:
        self._watch.check()


def _move(values: Tensor, gradient: Tensor, moments: dict[str, Tensor], group: Any, stopped: Tensor) -> None:
    """A step of Adam, unless ``stopped`` is 1."""
    beta1, beta2 = group["betas"]
    adam(
        [values],
        [gradient],
        [moments["exp_avg"]],
        [moments["exp_avg_sq"]],
        [],
        [moments["step"]],
        **{name: group[name] for name in ("lr", "eps", "weight_decay", "amsgrad", "maximize")},
        beta1=beta1,
        beta2=beta2,
        fused=True,
        found_inf=stopped,
    )


def _shared_moments(optimizer: torch.optim.Adam, parameters: Sequence[Tensor]) -> dict[str, Tensor]:
    """Adam's moments of parameters, each in one tensor, of which theirs become views.

    They have one number of steps. One that was never reached by a gradient has none and its moments are
    zero, which stay zero at any number.
    """
    before = [optimizer.state[parameter] for parameter in parameters]
    steps = max((float(each["step"]) for each in before if each), default=0.0)
    found = {"step": torch.tensor(steps, device=parameters[0].device)}
    for name in ("exp_avg", "exp_avg_sq"):
        known = zip(before, parameters, strict=True)
        found[name] = _joined([each.get(name, torch.zeros_like(own)) for each, own in known])
    for parameter, columns in zip(parameters, _columns(parameters), strict=True):
        views = {n: each[columns].view(parameter.shape) for n, each in found.items() if n != "step"}
        optimizer.state[parameter] = {"step": found["step"], **views}
    return found


def _columns(parameters: Sequence[Tensor]) -> list[slice]:
    """Where each lies in a row."""
    ends = [0, *itertools.accumulate(parameter.numel() for parameter in parameters)]
    return [slice(*each) for each in itertools.pairwise(ends)]


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])
