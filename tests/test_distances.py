"""Distances between clouds of vectors, against closed forms and against a slow computation in NumPy."""

import itertools
import math

import numpy as np
import pytest
import torch

from fpt_plugins.distances import (
    MaximumMeanDiscrepancy,
    MomentDistance,
    median_distance,
    moments,
    squared_discrepancy,
)


def normal(count, width, seed, scale=1.0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(count, width, generator=generator, dtype=torch.float64) * scale + shift).float()


def test_moments_are_numpys():
    """Mean and covariance are those of ``numpy.cov`` over all samples."""
    vectors = normal(50, 6, 0, scale=3.0, shift=1.0)
    mean, covariance = moments(vectors)
    np.testing.assert_allclose(mean, vectors.numpy().mean(0), atol=1e-5)
    np.testing.assert_allclose(covariance, np.cov(vectors.numpy().T, bias=True), atol=1e-4)


def test_moments_of_gaussians():
    """For N(a, s^2 I) and N(0, t^2 I) in D dimensions it is |a|^2 / (D t^2) + (s^2 - t^2)^2 / t^4."""
    width, count = 4, 400_000
    found = MomentDistance(normal(count, width, 1, scale=0.5))(
        normal(count, width, 2, scale=0.7, shift=0.3), torch.Generator()
    )
    expected = width * 0.3**2 / (width * 0.5**2) + (0.7**2 - 0.5**2) ** 2 / 0.5**4
    # the standard error of a mean or a variance of 400,000 numbers is about 0.002 of its size
    assert found.item() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("distance", [MomentDistance, MaximumMeanDiscrepancy])
def test_a_cloud_is_at_no_distance_from_itself(distance):
    """The same vectors in another order are at 0, shifted ones are not."""
    others = normal(40, 5, 3)
    same = others[torch.randperm(40, generator=torch.Generator().manual_seed(0))]
    assert distance(others)(same, torch.Generator()).item() == pytest.approx(0, abs=1e-5)
    assert distance(others)(same + 1.0, torch.Generator()).item() > 0.1


def slow_discrepancy(x, y, bandwidth):
    """Equation 5 of Gretton et al. (2012), pair by pair."""

    def kernel(a, b):
        return math.exp(-float(((a - b) ** 2).sum()) / (2 * bandwidth**2))

    within_x = sum(kernel(a, b) for a in x for b in x) / len(x) ** 2
    within_y = sum(kernel(a, b) for a in y for b in y) / len(y) ** 2
    return within_x + within_y - 2 * sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))


@pytest.mark.parametrize("bandwidth", [0.5, 2.0, 20.0])
def test_the_discrepancy_is_that_of_a_double_loop(bandwidth):
    """The biased estimate equals NumPy's, pair by pair in float64, to 1e-5; samples may differ in size."""
    x, y = normal(21, 7, 4), normal(16, 7, 5, scale=1.5, shift=0.5)
    expected = slow_discrepancy(x.double().numpy(), y.double().numpy(), bandwidth)
    assert squared_discrepancy(x, y, bandwidth).item() == pytest.approx(expected, abs=1e-5)


def test_the_bandwidth_is_the_median_distance():
    """Of both samples together, at the first call; points at one place are no pair, later calls keep it."""
    x, y = normal(9, 3, 6), normal(9, 3, 7, shift=2.0)
    points = torch.cat([x, y])
    pairs = [math.dist(a, b) for a, b in itertools.combinations(points.tolist(), 2)]
    assert median_distance(points).item() == pytest.approx(sorted(pairs)[(len(pairs) - 1) // 2], rel=1e-5)
    doubled = torch.cat([points, points[:1].expand(50, -1)])
    assert median_distance(doubled).item() > 0
    distance = MaximumMeanDiscrepancy(y)
    for moved in (x, 10 * x):
        expected = slow_discrepancy(
            moved.double().numpy(), y.double().numpy(), median_distance(points).item()
        )
        assert distance(moved, torch.Generator()).item() == pytest.approx(expected, abs=1e-5)


def test_others_are_drawn_from_the_generator():
    """Of many others as many are compared as there are vectors, the same for the same seed."""
    others, vectors = normal(500, 3, 8), normal(10, 3, 9)
    distance = MaximumMeanDiscrepancy(others)
    first, again, other = (
        distance(vectors, torch.Generator().manual_seed(seed)).item() for seed in (1, 1, 2)
    )
    assert first == again != other
