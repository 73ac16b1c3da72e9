"""How far two clouds of vectors are apart, as something that can be made smaller by gradients.

``N`` vectors are compared with ``M`` others of width ``D``, which stay as they are.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


class Distance(abc.ABC):
    """From vectors ``[N, D]`` to a number that is 0 where they are distributed as ``others`` are.

    Args:
        others: What they are compared with, ``[M, D]``, in float32.
    """

    @abc.abstractmethod
    def __init__(self, others: Tensor) -> None: ...

    @abc.abstractmethod
    def __call__(self, vectors: Tensor, generator: torch.Generator) -> Tensor:
        """The distance; what is drawn of ``others`` comes from ``generator``."""


class MomentDistance(Distance):
    """Of the means and of the covariances, each against the size of the others' covariance ``C``:
    ``|m - m'|^2 / tr C + |C - C'|^2 / |C|^2``. It is the same in every unit of length.

    Example:
        >>> others = torch.tensor([[1.0], [-1.0]])
        >>> MomentDistance(others)(torch.tensor([[2.0], [0.0]]), torch.Generator()).item()
        1.0
    """

    def __init__(self, others: Tensor) -> None:
        self._mean, self._covariance = moments(others)

    def __call__(self, vectors: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002 # all of the others count
        mean, covariance = moments(vectors)
        of_means = (mean - self._mean).square().sum() / self._covariance.trace()
        of_covariances = (covariance - self._covariance).square().sum() / self._covariance.square().sum()
        return of_means + of_covariances


class MaximumMeanDiscrepancy(Distance):
    """The squared maximum mean discrepancy with a Gaussian kernel, ``exp(-|x - y|^2 / (2 s^2))``.

    Its biased estimate, equation 5 of Gretton et al. (2012, A Kernel Two-Sample Test, JMLR 13), between
    the vectors and as many of the others, drawn at each call. The bandwidth ``s`` is the median distance
    between the points of both samples together, as in section 8 there; it is taken at the first call
    and kept, so that later distances are in the same unit.
    """

    def __init__(self, others: Tensor) -> None:
        self._others = others
        self._bandwidth: float | None = None

    def __call__(self, vectors: Tensor, generator: torch.Generator) -> Tensor:
        chosen = torch.randperm(len(self._others), generator=generator)[: len(vectors)]
        others = self._others[chosen.to(self._others.device)]
        if self._bandwidth is None:
            self._bandwidth = median_distance(torch.cat([vectors.detach(), others])).item()
        return squared_discrepancy(vectors, others, self._bandwidth)


def moments(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``[D]`` and covariance ``[D, D]`` (over ``N``) of vectors ``[N, D]``."""
    mean = vectors.mean(0)
    centered = vectors - mean
    return mean, centered.T @ centered / len(vectors)


def median_distance(points: Tensor) -> Tensor:
    """The median of the distances between different rows of ``[N, D]`` that are not at one place."""
    distances = torch.nn.functional.pdist(points)
    return distances[distances > 0].median()


def squared_discrepancy(vectors: Tensor, others: Tensor, bandwidth: float) -> Tensor:
    """The biased estimate of the squared maximum mean discrepancy of ``[N, D]`` and ``[M, D]``."""

    def kernel(one: Tensor, other: Tensor) -> Tensor:
        squares = one.square().sum(1, keepdim=True) - 2 * one @ other.T + other.square().sum(1)
        return torch.exp(-squares.clamp(min=0) / (2 * bandwidth**2)).mean()

    return kernel(vectors, vectors) + kernel(others, others) - 2 * kernel(vectors, others)


DISTANCES: Mapping[str, Callable[[Tensor], Distance]] = {
    "moments": MomentDistance,
    "mmd": MaximumMeanDiscrepancy,
}
"""By the words of ``--align``."""
