"""Evidence for a change over time."""

import numpy as np
import pytest

from gradewise.deployment.martingale import ALARM, BETS, evidence, payout, ranks


def test_ranks_of_exchangeable_scores_are_uniform_and_equal_ones_are_ranked_by_chance():
    rng = np.random.default_rng(0)
    for scores in (rng.normal(size=3000), rng.integers(0, 3, 3000).astype(float)):
        p_values = ranks(scores[:1000], scores[1000:], rng)
        assert abs(p_values.mean() - 0.5) < 0.03
        assert abs(np.corrcoef(p_values[1:], p_values[:-1])[0, 1]) < 0.08
        np.testing.assert_allclose(np.quantile(p_values, [0.1, 0.9]), [0.1, 0.9], atol=0.03)


def test_the_highest_score_so_far_has_the_lowest_rank():
    (p_value,) = ranks(np.arange(99.0), np.array([200.0]), np.random.default_rng(0))
    assert 0 <= p_value <= 0.01


@pytest.mark.parametrize("share", [None, 0.3])
def test_evidence_seldom_ever_reaches_the_alarm_while_nothing_changes(share):
    p_values = np.random.default_rng(1).random((2000, 1000))
    assert (evidence(p_values, 100, share).max(axis=0) >= ALARM).mean() <= 0.06


@pytest.mark.parametrize("share", [None, 0.001, 0.1, 0.3, 0.9, 0.999])
def test_evidence_is_a_fair_game_in_which_no_bet_loses_all(share):
    grid = (np.arange(1000) + 0.5) / 1000
    won = payout(grid, share)
    assert won.mean() == pytest.approx(0, abs=1e-9)
    assert won.std() == pytest.approx(1, abs=1e-3)
    assert (1 + BETS * won[:, None]).min() > 0
    assert np.isclose(evidence(grid[None], 10, share).mean(), 1.0)


def test_another_mix_of_classes_is_found_sooner_with_the_share_of_the_class():
    rng = np.random.default_rng(3)

    def probabilities(images, share):
        return np.where(rng.random(images) < share, 0.95, 0.05) + rng.normal(0, 0.02, images)

    p_values = ranks(probabilities(2000, 0.3), probabilities(1000, 0.4), rng)
    by_rank, with_share = (evidence(p_values, 2000, share) for share in (None, 0.3))
    assert with_share.max() >= ALARM
    assert (with_share >= ALARM).argmax() < (by_rank >= ALARM).argmax() or by_rank.max() < ALARM


def test_a_change_after_a_long_time_is_found():
    rng = np.random.default_rng(2)
    before, after = rng.normal(size=4000), rng.normal(0.5, 1, 500)
    path = evidence(ranks(before[:500], np.concatenate([before[500:], after]), rng), 500)
    assert path[: len(before) - 500].max() < ALARM
    assert path.max() >= ALARM


def test_nothing_is_staked_on_unknown_scores():
    assert np.allclose(evidence(np.full(50, np.nan), 10), 1.0)
