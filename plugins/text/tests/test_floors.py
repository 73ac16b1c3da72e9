"""Floors against closed forms and against a count by hand, and the score against its definition."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from fpt_plugins import Batch
from fpt_text.dataset import windows
from fpt_text.floors import bigram_probabilities, counted, pair_counts, unigram_probabilities
from fpt_text.metrics import bits_per_byte
from fpt_text.tasks import Bytes


def values(train, scored):
    floors = counted([train], [scored], "here")
    return {(floor.metric, floor.name): floor.value for floor in floors}


def test_floors_of_a_text_that_alternates():
    """In abab... the majority byte is right half of the time and the bigram always; chance is 1/256 and 8."""
    found = values(b"ab" * 500 + b"a", b"ab" * 50 + b"a")
    assert found["accuracy", "chance"] == 1 / 256
    assert found["bits_per_byte", "chance"] == 8
    assert found["accuracy", "majority byte"] == 0.5
    assert found["accuracy", "bigram"] == 1
    each = 501 / 1256  # 500 of 1,000 bytes, and every one of 256 counted once more
    assert found["bits_per_byte", "unigram"] == pytest.approx(-math.log2(each))
    after = (500 + each) / 501  # Witten and Bell: one follower, so one more byte drawn from the unigrams
    assert found["bits_per_byte", "bigram"] == pytest.approx(-math.log2(after))


def test_probabilities_sum_to_one():
    """Both predictors give every byte some chance, and all of them one."""
    counts = pair_counts([b"the cat sat on the mat", b"the dog"])
    unigram, bigram = unigram_probabilities(counts), bigram_probabilities(counts)
    assert unigram.sum() == pytest.approx(1)
    np.testing.assert_allclose(bigram.sum(axis=1), 1)
    assert unigram.min() > 0
    assert bigram.min() > 0
    np.testing.assert_allclose(bigram[ord("z")], unigram)  # a byte that was never seen


def test_pairs_are_those_of_the_text():
    """Counted within windows, they are what a Counter finds in the whole text: no pair is lost at a cut."""
    text = bytes(np.random.default_rng(0).integers(256, size=3000, dtype=np.uint8))
    expected = Counter(itertools.pairwise(text))
    counts = pair_counts(windows(text, 64))
    assert {pair: counts[pair] for pair in expected} == expected
    assert counts.sum() == len(text) - 1


def test_floors_count_on_training_data():
    """Floors of the test split count training samples alone and score test samples alone."""
    task = Bytes(length=64)
    found = {(floor.metric, floor.name): floor.value for floor in task.floors("test")}
    train = b"".join(target.astype(np.uint8).tobytes() for _, target in task.split("train"))
    scored = b"".join(target.astype(np.uint8).tobytes() for _, target in task.split("test"))
    most, _ = Counter(train).most_common(1)[0]
    assert found["accuracy", "majority byte"] == pytest.approx(scored.count(most) / len(scored))
    shares = {byte: (Counter(train)[byte] + 1) / (len(train) + 256) for byte in set(scored)}
    bits = -sum(math.log2(shares[byte]) for byte in scored) / len(scored)
    assert found["bits_per_byte", "unigram"] == pytest.approx(bits)
    assert found["bits_per_byte", "bigram"] < bits


def test_bits_per_byte_are_the_cross_entropy():
    """Even outputs cost 8 bits at every real position; of other ones the mean is torch's, over log 2."""
    targets = torch.tensor([[1, 2, 3], [4, -100, -100]])
    batch = Batch(targets.clamp(min=0), targets >= 0, targets)
    above, below = bits_per_byte.score(torch.zeros(2, 3, 256), targets, batch)
    assert (above / below).tolist() == pytest.approx([8, 8])
    outputs = torch.randn(2, 3, 256, generator=torch.Generator().manual_seed(0))
    above, below = bits_per_byte.score(outputs, targets, batch)
    chosen = outputs.log_softmax(-1)[targets >= 0][range(4), [1, 2, 3, 4]]
    assert above.sum() / below.sum() == pytest.approx(-chosen.mean().item() / math.log(2))
