"""Threads together never decode more pixels than memory allows."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gradewise.images.budget import MOST, PixelBudget, map_ahead, megapixels_in_flight

WHOLE = round(1e6 * MOST)


def test_small_images_share_the_budget_and_large_ones_wait_for_it() -> None:
    budget, lock = PixelBudget(), threading.Lock()
    sizes = [WHOLE // 2, WHOLE // 4, WHOLE, WHOLE // 4, WHOLE // 3, WHOLE // 2 + 1, 10, WHOLE // 2] * 3
    held: list[int] = []
    together: list[tuple[int, int]] = []

    def decode(pixels: int) -> None:
        with budget.hold(pixels):
            with lock:
                held.append(pixels)
                together.append((len(held), sum(held)))
            time.sleep(0.005)
            with lock:
                held.remove(pixels)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode, sizes))
    assert max(pixels for _, pixels in together) <= WHOLE
    assert max(images for images, _ in together) > 1


def test_an_image_beyond_the_budget_is_decoded_alone() -> None:
    budget, order = PixelBudget(), []

    def decode(name: str, pixels: int) -> None:
        with budget.hold(pixels):
            order.append(name)

    with ThreadPoolExecutor(2) as pool, budget.hold(1):
        large = pool.submit(decode, "large", 3 * WHOLE)
        time.sleep(0.05)
        # a small one would fit, but does not overtake
        small = pool.submit(decode, "small", 1)
        time.sleep(0.05)
        assert order == []
    large.result(), small.result()
    assert order == ["large", "small"]


def test_pixels_of_an_image_that_fails_are_given_back() -> None:
    budget = PixelBudget()
    for _ in range(3):
        with pytest.raises(ValueError, match="damaged"), budget.hold(WHOLE):
            raise ValueError("damaged")
    with budget.hold(WHOLE):
        pass


@pytest.mark.parametrize(
    ("threads", "largest", "expected"), [(2, 12, 24), (8, 25, 200), (8, 26, 200), (1, 300, 300), (8, 300, 300)]
)
def test_so_many_megapixels_are_decoded_at_a_time(threads: int, largest: float, expected: float) -> None:
    assert megapixels_in_flight(threads, largest) == expected


@pytest.mark.parametrize(("pixels", "begun"), [(0, 4), (WHOLE // 3, 3), (WHOLE // 3 + 1, 2), (2 * WHOLE, 1)])
def test_results_that_wait_count_until_they_are_taken(pixels: int, begun: int) -> None:
    started: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        return item

    with ThreadPoolExecutor(4) as pool:
        results = map_ahead(pool, work, range(9), 3, lambda item: pixels)
        assert next(results) == 0
        time.sleep(0.05)
        assert sorted(started) == list(range(begun))
        assert list(results) == list(range(1, 9))
