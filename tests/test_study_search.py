"""Learning rates: the choice among those that were tried, and a searcher that proposes them."""

import pytest

from fpt_plugins.study.arms import arms_of
from fpt_plugins.study.rate_search import OptunaSearch
from fpt_plugins.study.selection import Choice, RateScore, choose


def scored(rate, score=None, loss=None, failed=""):
    return RateScore(rate=rate, score=score, loss=loss, failed=failed)


@pytest.mark.parametrize(
    ("scores", "higher", "chosen"),
    [
        ([scored(1, 0.5, 1), scored(2, 0.7, 1)], True, 2),
        ([scored(1, 0.5, 1), scored(2, 0.7, 1)], False, 1),
        ([scored(1, 0.5, 2), scored(2, 0.5, 1)], True, 2),  # a tie: by the loss
        ([scored(2, 0.5, 1), scored(1, 0.5, 1)], True, 1),  # a tie of losses: the smaller
        ([scored(1, failed="NaN"), scored(2, 0.1, 1)], True, 2),
        ([scored(1, failed="NaN")], True, None),
        ([scored(1, 0.9, 1), scored(2)], True, None),  # not over
    ],
)
def test_the_best_known_rate_is_chosen(scores, higher, chosen):
    """By score, then loss, then size; a failed rate never, and nothing while one is open."""
    assert choose(scores, higher_is_better=higher, complete=True) == chosen
    assert choose(scores, higher_is_better=higher, complete=False) is None


@pytest.mark.parametrize(("rate", "edge"), [(1, True), (2, False), (3, True), (None, False)])
def test_a_rate_at_the_edge_is_told(rate, edge):
    """The least and the greatest that were tried: a better one may lie beyond."""
    scores = tuple(scored(each, 0.5, 1) for each in (1, 2, 3))
    choice = Choice(task="t", arm="a", metric="m", higher_is_better=True, scores=scores, rate=rate)
    assert choice.at_edge is edge


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_optuna_goes_on_where_it_was_stopped(small_study, tmp_path):
    """Six rates within the arm's range, one by one, the same whether or not the search was restarted."""
    pytest.importorskip("optuna")
    arm = arms_of(small_study()).arms[0]

    def search(folder, *, restart):
        folder.mkdir()
        tried, searcher = {}, OptunaSearch(folder, trials=6)
        for _ in range(20):
            if restart:
                searcher = OptunaSearch(folder, trials=6)
            found = searcher.propose(arm, lambda rate: tried.get(rate, scored(rate)), higher_is_better=True)
            if found.complete:
                return found.rates
            new = [rate for rate in found.rates if rate not in tried]
            assert len(new) == 1
            failed = "NaN" if len(tried) == 2 else ""
            tried[new[0]] = scored(new[0], None if failed else -abs(new[0] - 5e-3), 1.0, failed)
        return None

    calm = search(tmp_path / "calm", restart=False)
    assert len(calm) == 6
    assert all(1e-3 <= rate <= 1e-2 for rate in calm)
    assert search(tmp_path / "stopped", restart=True) == calm


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_study_may_search(small_study, run_small, direct_workers):
    """Each arm is trained at as many rates as there are trials, and then at the best for its seeds."""
    pytest.importorskip("optuna")
    sweep = {"rates": [1e-3, 1e-1], "search": "optuna", "trials": 3}
    results = run_small(small_study(sweep=sweep, axes={"train": ["head"]}), direct_workers)
    assert results.complete
    assert [len(choice.scores) for choice in results.choices] == [3]
    assert [job.work for job in direct_workers.jobs] == ["train"] * 4 + ["test"] * 2
