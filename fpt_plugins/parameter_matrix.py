"""What alike runs train, in one matrix: a row for each run, a column for each number.

A norm that scales each row of a batch by its own run's weight then reads one piece of the matrix where
it would stack K tensors, and its gradient arrives in one piece. A run is clipped and moved as one
tensor where it would be as some tens of small ones. The runs' own parameters, gradients and moments
stay what they are: views of their row.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch.optim.adam import adam

from fpt_plugins.finite_steps import FiniteWatch, moved_parameters

if TYPE_CHECKING:
    from torch import Tensor

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What Adam keeps of each number."""


class ParameterMatrix:
    """The trained parameters of runs, what a backward pass adds up for them, and Adam's moments.

    Args:
        optimizers: Each run's own, over parameters of the same shapes in the same order.

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
        self._moved = [[*_moved(*each)] for each in parts]
        self._watch = FiniteWatch(len(rows), self._values.device)

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
        torch.autograd.backward(losses, torch.ones_like(losses))
        for leaf, place in self._stacked:
            if leaf.grad is not None:
                place.copy_(leaf.grad)
                leaf.grad = None

    @torch.no_grad()
    def take(self, runs: Sequence[int], step: int, losses: Tensor, clip: float) -> Tensor:
        """Clips the gradients, and takes a step of each run of which all steps were finite.

        Args:
            runs: Whose step it is.
            step: Its number, from 1.
            losses: Theirs ``[len(runs)]``.
            clip: The norm that a run's gradient may have.

        Returns:
            The norms that they had, of all runs ``[K]``.
        """
        norms: Tensor = torch.linalg.vector_norm(self._gradients, dim=1)
        self._gradients *= (clip / (norms + 1e-6)).clamp(max=1.0).unsqueeze(1)  # as clip_grad_norm_ does
        places = torch.tensor(runs, device=losses.device)
        self._watch.note(step, torch.zeros_like(norms).index_copy_(0, places, losses.detach()), norms)
        stopped = self._watch.failed.float()
        for run in runs:
            for piece in self._moved[run]:
                piece.step(stopped[run])
        return norms

    def check(self, run: int) -> None:
        """Waits for the device.

        Raises:
            NonFiniteError: Some step of this run was not finite; it is named, and was not taken.
        """
        self._watch.check(run)


@attrs.frozen(eq=False)
class _Piece:
    """What one parameter group of a run's optimizer moves, as one tensor.

    Args:
        values: ``[n]``.
        gradient: ``[n]``.
        moments: Adam's, each ``[n]``.
        steps: That Adam has taken.
        options: The group's.
    """

    values: Tensor
    gradient: Tensor
    moments: Mapping[str, Tensor]
    steps: Tensor
    options: Mapping[str, Any]

    def step(self, stopped: Tensor) -> None:
        """Adam's step, unless ``stopped`` is 1."""
        beta1, beta2 = self.options["betas"]
        same = {name: self.options[name] for name in ("lr", "eps", "weight_decay", "amsgrad", "maximize")}
        first, second = ([self.moments[name]] for name in MOMENTS)
        adam(
            *([self.values], [self.gradient], first, second, [], [self.steps]),
            **same,
            beta1=beta1,
            beta2=beta2,
            fused=True,
            found_inf=stopped,
        )


def _moved(named: torch.optim.Adam, values: Tensor, gradients: Tensor) -> list[_Piece]:
    """An optimizer's groups over the row that its parameters are views of; so are its moments then."""
    sizes = [sum(each.numel() for each in group["params"]) for group in named.param_groups]
    pieces = zip(named.param_groups, torch.split(values, sizes), torch.split(gradients, sizes), strict=True)
    return [_Piece(own, of_it, *_shared(named, group["params"]), group) for group, own, of_it in pieces]


def _shared(named: torch.optim.Adam, parameters: Sequence[Tensor]) -> tuple[dict[str, Tensor], Tensor]:
    """The moments of parameters in one tensor each, of which theirs become views, and their steps."""
    before: list[Mapping[str, Any]] = [named.state[parameter] for parameter in parameters]
    steps = max((float(each["step"]) for each in before if each), default=0.0)
    common = torch.tensor(steps, device=parameters[0].device)
    moments = {}
    for name in MOMENTS:
        at_rest = zip(before, parameters, strict=True)
        moments[name] = _joined([each.get(name, torch.zeros_like(own)) for each, own in at_rest])
    for parameter, columns in zip(parameters, _columns(parameters), strict=True):
        views = {name: moments[name][columns].view(parameter.shape) for name in MOMENTS}
        named.state[parameter] = {"step": common, **views}
    return moments, common


def _columns(parameters: Sequence[Tensor]) -> list[slice]:
    """Where each lies in a row."""
    ends = [0, *itertools.accumulate(parameter.numel() for parameter in parameters)]
    return [slice(*each) for each in itertools.pairwise(ends)]


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])
