"""`gradewise check`: one message without a traceback, or what the configuration would do."""

import numpy as np
import pytest
import tifffile
import yaml

from gradewise.command import UserError
from gradewise.start.check import check


@pytest.fixture
def checked(draw, tmp_path, capsys):
    """Check a configuration of images of two classes; returns what is printed."""

    def run(size=(40, 60), view=None, count=8, **section):
        names = [f"{label}/{number:02}.png" for label in "ab" for number in range(count)]
        draw("photos", names, size=size)
        dataset = {"images": "photos", "classes": ["a", "b"], "models": ["m"], **section}
        views = {"small": view or ["grey", {"resize": 16}]}
        models = {"m": {"family": "forest", "view": "small", "trees": 10}}
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump({"datasets": {"d": dataset}, "views": views, "models": models}))
        check(path)
        return capsys.readouterr().out

    return run


def test_what_a_configuration_would_do_is_told(checked):
    text = checked()
    assert "16 images of 2 classes (8 a, 8 b), each a group of its own" in text
    assert "5 splits into train" in text
    assert "16 groups are tested" in text
    assert "60 x 40 px, grey, 8 bits (16 images read)" in text
    assert "It stretches all images by the same factor, 1.50." in text
    assert "1 min on " in text
    assert "can be run: gradewise run" in text


def test_how_much_of_an_image_a_view_shows_is_told(checked):
    assert "It shows 43 % of an image." in checked(view=["grey", {"centre_crop": 32}])


def test_names_that_look_like_specimens_are_told_where_no_group_is_set(checked, draw):
    draw(
        "photos",
        [f"{label}/{label}{specimen}_{number}.png" for label in "ab" for specimen in range(6) for number in "12"],
    )
    assert "warning: datasets.d.group: not set. 12 groups of 2 images" in checked(count=0)
    assert "not set" not in checked(count=0, group={"regex": "^(.*)_"})


def test_images_too_small_for_a_view_are_told(checked):
    with pytest.raises(
        UserError, match=r"mine.yaml cannot be run:\n  views.small: all images of d are too small for it"
    ):
        checked(view=["grey", {"centre_crop": 64}])


def test_files_that_are_no_images_are_told(checked, tmp_path):
    (tmp_path / "photos/a").mkdir(parents=True)
    (tmp_path / "photos/a/notes.txt").write_text("x")
    assert "1 of 17 files looked at cannot be used, e.g. photos/a/notes.txt: not an image" in checked()


def test_files_of_several_pages_are_looked_at_as_the_dataset_says(checked, tmp_path):
    pages = np.stack([np.full((40, 60), level, np.uint8) for level in (1, 2)])
    (tmp_path / "photos/a").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "photos/a/stack.tif", pages, photometric="minisblack")
    assert "stack.tif: holds 2 pages; set page:" in checked()
    assert "cannot be used" not in checked(page="max")


def test_all_faults_are_told_at_once_with_the_file(checked):
    with pytest.raises(UserError, match=r"mine.yaml cannot be run:\n  datasets.d: class a has 3 usable images"):
        checked(count=3)


def test_a_wrong_key_is_told_with_the_file_and_the_right_one(checked):
    with pytest.raises(UserError, match=r"mine.yaml: the configuration cannot be used:\n.*'ordred'.*'ordered'"):
        checked(ordred=True)
