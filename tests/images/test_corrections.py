import pytest
from pydantic import ValidationError

from gradewise.command import UserError
from gradewise.config.sources import Source
from gradewise.images.corrections import Corrections
from gradewise.images.listing import list_images
from gradewise.images.schemas import MANIFEST
from gradewise.provenance import hash_file
from gradewise.tables import read


@pytest.fixture
def corrected(folders):
    """A function: the source of the folders with corrections, whose rows are given without the header."""

    def source(*rows, header="image_id,label,corrected", **more):
        path = folders.parent / "relabel.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        given = {"images": str(folders), "classes": ["good", "bad"], "corrections": str(path), **more}
        return Source.model_validate(given)

    return source


def labels(source):
    return list_images(source).set_index("image_id")["label"].to_dict()


def test_labels_are_replaced_confirmed_or_left(corrected):
    found = labels(corrected("good/s0_0.png,good,bad", "good/s0_1.png,good,good", "bad/s0_0.png,bad,"))
    assert found["good/s0_0.png"] == "bad"
    assert [name for name, label in found.items() if not name.startswith(label)] == ["good/s0_0.png"]


def test_images_can_be_left_out(corrected):
    found = labels(corrected("good/s0_0.png,good,exclude"))
    assert len(found) == 11
    assert "good/s0_0.png" not in found


def test_a_class_called_exclude_is_a_class(folders, corrected):
    (folders / "bad").rename(folders / "exclude")
    found = labels(corrected("good/s0_0.png,good,exclude", classes=["good", "exclude"]))
    assert found["good/s0_0.png"] == "exclude"


def test_spreadsheets_may_save_the_table(folders, corrected):
    (folders / "good/s0_0.png").rename(folders / "good/=s0_0.png")
    source = corrected(" good/=s0_0.png ; good;bad; why not", header="image_id;label;corrected;comment")
    assert labels(source)["good/=s0_0.png"] == "bad"


def test_images_whose_names_look_like_formulas_are_found(table, folders):
    (folders / "good/s0_0.png").rename(folders / "=s.png")
    table.write_text(table.read_text().replace("good/s0_0.png", "=s.png"))
    path = folders.parent / "relabel.csv"
    path.write_text("image_id,label,corrected\n'=s.png,good,bad\n")
    tables = [{"csv": str(table), "images": str(folders)}]
    assert labels(Source(tables=tables, classes=["good", "bad"], corrections=str(path)))["=s.png"] == "bad"


def test_corrections_are_classes_where_labels_are_merged(folders, corrected):
    (folders / "good").rename(folders / "fair")
    merged = {"classes": ["sound", "bad"], "merge": {"sound": ["fair"], "bad": ["bad"]}}
    assert labels(corrected("fair/s0_0.png,sound,bad", **merged))["fair/s0_0.png"] == "bad"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("good/s0_9.png,good,bad", r"relabel.csv: no image has the image_id 'good/s0_9.png'. Did you mean"),
        ("good/s0_0.png,good,bda", r"relabel.csv: line 2: corrected: 'bda' is not one of .* Did you mean 'bad'\?"),
        ("good/s0_0.png,bad,good", r"'good/s0_0.png' has the label 'good' in the data, not 'bad'"),
        ("good/s0_0.png,good,bad\ngood/s0_0.png,good,good", "is corrected twice"),
    ],
)
def test_rows_that_do_not_fit_the_images_are_explained(corrected, row, message):
    with pytest.raises(UserError, match=message):
        labels(corrected(row))


@pytest.mark.parametrize("row", ["good/gone.png,good,", "good/s0_0.png,bad,", "good/s0_0.png,good,"])
def test_rows_without_correction_say_nothing(corrected, row):
    assert len(labels(corrected(row))) == 12


def test_a_table_of_other_columns_is_explained(corrected):
    with pytest.raises(UserError, match="no column corrected; a table of corrections has the columns"):
        labels(corrected("good/s0_0.png,bad", header="image_id,label"))


def test_a_missing_table_is_named(folders):
    source = Source(images=str(folders), classes=["good", "bad"], corrections=str(folders.parent / "relable.csv"))
    (folders.parent / "relabel.csv").touch()
    with pytest.raises(UserError, match=r"corrections: the table of corrections .* Did you mean 'relabel.csv'\?"):
        labels(source)


def test_the_table_must_not_lie_where_the_workflow_writes():
    with pytest.raises(ValidationError, match="copy it elsewhere"):
        Source(images="x", classes=["good", "bad"], corrections="results/x/relabel.csv")


def test_a_positive_label_needs_a_mask_where_masks_label_tiles(folders, corrected):
    masks = folders.parent / "masks/bad"
    masks.mkdir(parents=True)
    for path in (folders / "bad").iterdir():
        (masks / path.name).touch()
    more = {"masks": str(masks.parent), "labels_from": "masks", "positive": "bad"}
    with pytest.raises(UserError, match="1 images of class bad have no mask"):
        labels(corrected("good/s0_0.png,good,bad", **more))


def test_the_manifest_has_the_corrected_labels_and_the_record_says_which_they_are(corrected, make_manifest, tmp_path):
    source = corrected("good/s0_0.png,good,bad", "good/s0_1.png,good,good", "bad/s0_0.png,bad,exclude")
    before = [path.read_bytes() for path in sorted(tmp_path.glob("data/*/*"))]
    files = make_manifest(source.model_dump(mode="json"), tmp_path / "made", join_duplicates=False)
    manifest = read(files["manifest"])
    assert set(MANIFEST.names) == set(manifest.columns)
    assert manifest["label"].value_counts().to_dict() == {"bad": 6, "good": 5}
    record = Corrections.model_validate_json((tmp_path / "made/read/corrections.json").read_text())
    assert (record.file, record.sha256) == (source.corrections, hash_file(tmp_path / "relabel.csv"))
    assert [row.image_id for row in record.changed] == ["good/s0_0.png", "bad/s0_0.png"]
    assert len(record.decided) == 3
    assert [path.read_bytes() for path in sorted(tmp_path.glob("data/*/*"))] == before
