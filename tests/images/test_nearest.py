import pytest
import torch

from gradewise.images.nearest import AllPairs, Lists


def units(count, dimensions, seed):
    vectors = torch.randn(count, dimensions, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=1)


@pytest.fixture(scope="module")
def pictures():
    """Unit vectors of 3000 pictures and of 3000 nearly equal to them, and what makes lists of them."""
    originals = units(3000, 24, seed=0)
    wholes = torch.nn.functional.normalize(torch.cat([originals, originals + 0.15 * units(3000, 24, seed=1)]), dim=1)
    return wholes, torch.nn.functional.normalize(wholes[:, :8], dim=1)


def test_all_pairs_are_ranked_by_the_most_similar_variant(pictures):
    wholes, keys = pictures
    variants = wholes[[7, 100, 2000]]
    scores = (wholes @ variants.T).amax(dim=1)
    expected = scores.argsort(descending=True)
    found = AllPairs(wholes)(variants, keys[[7, 100, 2000]], own=100, most=50)
    assert found.tolist() == [number for number in expected.tolist() if number != 100][:50]


def test_lists_find_what_is_nearly_equal_whichever_variant_it_is_equal_to(pictures):
    wholes, keys = pictures
    lists = Lists(wholes, keys, seed=0)
    others, found = units(40, 24, seed=2), 0
    for own in range(0, 3000, 10):
        variants = torch.cat([others, wholes[[own]]])
        of_variants = torch.nn.functional.normalize(variants[:, :8], dim=1)
        near = lists(variants, of_variants, own, most=20)
        assert own not in near
        found += 3000 + own in near
    assert found >= 297


def test_lists_compare_with_a_part_of_the_pictures_and_always_with_the_same(pictures):
    wholes, keys = pictures
    first, again = (Lists(wholes, keys, seed=0)(wholes[[5]], keys[[5]], 5, most=6000) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert 0 < len(first) < 300


def test_fewer_pictures_than_asked_for_are_all_given():
    wholes = units(5, 24, seed=3)
    for nearest in (AllPairs(wholes), Lists(wholes, wholes[:, :8], seed=0)):
        assert sorted(nearest(wholes[[1]], wholes[[1], :8], own=1, most=9).tolist()) == [0, 2, 3, 4]
