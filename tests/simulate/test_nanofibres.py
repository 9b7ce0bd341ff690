import collections
from dataclasses import replace

import numpy as np
import pytest

from gradewise.config.simulations import NanofibreSimulation
from gradewise.simulate import nanofibres

pytestmark = pytest.mark.slow


def settings(**changes):
    return NanofibreSimulation.model_validate({"kind": "nanofibres", "side": 512, **changes})


@pytest.fixture(scope="module")
def drawings():
    return [nanofibres.draw(settings(), 2020, index) for index in range(32)]


def test_experiments_lie_in_the_ranges_that_the_text_of_the_paper_states():
    experiments = nanofibres.EXPERIMENTS
    assert len(experiments) == 16
    assert {e.concentration_wt for e in experiments} == {10, 15, 20, 25}
    assert {e.flow_rate_ul_min for e in experiments} == {100, 200, 300}
    assert {e.distance_cm for e in experiments} == {10, 12.5, 13.5, 15}
    assert (min(e.voltage_kv for e in experiments), max(e.voltage_kv for e in experiments)) == (10, 17.5)


def test_experiments_differ_from_a_common_point_in_few_settings():
    usual = (15.0, 100.0, 10.0)
    for experiment in nanofibres.EXPERIMENTS:
        found = (experiment.voltage_kv, experiment.flow_rate_ul_min, experiment.distance_cm)
        assert sum(a != b for a, b in zip(found, usual, strict=True)) <= 1


def test_images_are_spread_evenly_over_the_experiments(drawings):
    counts = collections.Counter(drawing.metadata["experiment"] for drawing in drawings[:20])
    assert set(counts.values()) == {1, 2}
    assert len({drawing.image_id for drawing in drawings}) == 32


def test_the_label_follows_the_drawn_defects(drawings):
    for drawing in drawings:
        covered = np.mean(drawing.masks["masks"] > 0)
        assert drawing.label == ("NHNF" if covered >= settings().defect_share else "HNF")


def test_both_labels_occur(drawings):
    assert {drawing.label for drawing in drawings} == {"HNF", "NHNF"}


def test_without_beads_and_dust_every_image_is_homogeneous_and_unmarked():
    for index in range(4):
        drawing = nanofibres.draw(settings(beads=0, dust=0), 1, index)
        assert drawing.label == "HNF"
        assert not drawing.masks["masks"].any()


def test_dust_is_marked():
    assert all(nanofibres.draw(settings(beads=0, dust=1), 1, index).masks["masks"].any() for index in range(4))


def average(experiment, attribute):
    rng = np.random.default_rng(0)
    forms = [nanofibres.morphology(experiment, settings(), rng) for _ in range(300)]
    return np.mean([getattr(form, attribute) for form in forms])


USUAL = nanofibres.EXPERIMENTS[3]


def test_low_concentration_makes_more_beads():
    beads = [average(replace(USUAL, concentration_wt=wt), "beads") for wt in (10, 15, 20, 25)]
    assert beads == sorted(beads, reverse=True)


def test_distance_makes_more_beads():
    assert average(replace(USUAL, distance_cm=15.0), "beads") > average(USUAL, "beads")


def test_voltage_makes_beads_smaller_and_longer():
    low, high = replace(USUAL, voltage_kv=10.0), replace(USUAL, voltage_kv=17.5)
    assert average(low, "bead_size") > average(high, "bead_size")
    assert average(low, "elongation") < average(high, "elongation")


def test_low_concentration_is_seen_in_the_masks(drawings):
    covered = collections.defaultdict(list)
    for drawing in drawings:
        covered[drawing.metadata["concentration_wt"]].append(np.mean(drawing.masks["masks"] > 0))
    assert np.mean(covered[10.0]) > 2 * np.mean(covered[25.0])


def test_micrographs_use_the_grey_scale_without_being_burnt_out(drawings):
    for drawing in drawings:
        assert drawing.pixels.dtype == np.uint8
        assert drawing.pixels.shape == drawing.masks["masks"].shape == (512, 512)
        assert 60 < drawing.pixels.mean() < 180
        assert drawing.pixels.std() > 25
        assert np.mean(drawing.pixels == 255) < 0.1


def test_masks_are_black_and_white(drawings):
    assert all(set(np.unique(drawing.masks["masks"])) <= {0, 255} for drawing in drawings)


def test_beads_are_brighter_than_the_gaps_around_them(drawings):
    for drawing in drawings:
        marked = drawing.masks["masks"] > 0
        if marked.mean() > 0.02:
            assert drawing.pixels[marked].mean() > drawing.pixels[~marked].mean()


def test_other_seeds_make_other_images():
    assert not np.array_equal(
        nanofibres.draw(settings(), 1, 0).pixels,
        nanofibres.draw(settings(), 2, 0).pixels,
    )
