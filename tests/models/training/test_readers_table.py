"""Tables of labels: columns under many names, rows with faults, boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.errors import DataError
from models.predictions import Box
from models.training.samples import LabelledPhotos
from tests.models.training.labelled import codes, read_as, write_photos

NAMES = ("a.png", "b.png", "c.png", "d.png")
GOOD = "a.png,shoe\nb.png,shoe\nc.png,bag\nd.png,bag\n"


def table(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    write_photos(folder, *NAMES)
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def shown(found: LabelledPhotos) -> list[tuple[str, str | None]]:
    return [(Path(sample.photo.name).name, sample.label) for sample in found.samples]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("image,label\n" + GOOD, "labels.csv"),
        ("\ufeffFile Name;Class\n" + GOOD.replace(",", ";"), "labels.csv"),
        ("image_path\tproductType\n" + GOOD.replace(",", "\t"), "labels.tsv"),
        ("\n\nphoto | category\n" + GOOD.replace(",", " | "), "labels.csv"),
        ("id,filename,target,note\n" + GOOD.replace("\n", ',"two\nlines"\n').replace("a.png", "1,a.png")
         .replace("b.png", "2,b.png").replace("c.png", "3,c.png").replace("d.png", "4,d.png"), "labels.csv"),
    ],
    ids=["plain", "semicolons and a BOM", "tabs", "bars and blanks", "more columns, quoted line breaks"],
)  # fmt: skip
def test_tables_of_labels(tmp_path: Path, text: str, name: str) -> None:
    found = read_as("classify", table(tmp_path, text, name))
    assert not found.problems
    assert [label.strip() for label in found.labels] == ["bag", "shoe"]
    assert [photo for photo, _ in shown(found)] == list(NAMES)


def test_all_columns(tmp_path: Path) -> None:
    rows = "a.png,shoe,1,train,shoe\nb.png,shoe,1,,bag\nc.png,bag,2,Valid,\nd.png,bag,,test,"
    text = f"image,label,sku,split,second\n{rows}"
    found = read_as("classify", table(tmp_path, text))
    assert [(one.product, one.split, one.second) for one in found.samples] == [
        *(("1", "train", "shoe"), ("1", None, "bag"), ("2", "val", None), ("d", "test", None))
    ]
    assert found.samples[1].origin == f"{tmp_path / 'labels.csv'}:3"


def test_columns_of_the_recipe_go_first(tmp_path: Path) -> None:
    text = "image,label,truth\n" + "".join(f"{name},?,{'xxyy'[k]}\n" for k, name in enumerate(NAMES))
    found = read_as("classify", table(tmp_path, text), columns={"label": "truth"})
    assert found.labels == ("x", "y")


def test_photos_in_another_folder_and_windows_paths(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos" / "new", *NAMES)
    path = tmp_path / "labels.csv"
    path.write_text("image,label\n" + "".join(f"new\\{line}\n" for line in GOOD.split()))
    assert len(read_as("classify", path, photos=str(tmp_path / "photos")).samples) == 4


def test_parquet(tmp_path: Path) -> None:
    write_photos(tmp_path, *NAMES)
    columns: dict[str, Any] = {
        "bytes": pa.array([b"x"] * 5),
        "image": pa.array([*NAMES, "a.png"]).dictionary_encode(),
        "label": pa.array([1.0, 1.0, 2.0, 2.0, None]),
        "sku": pa.array([7, 7, 8, 8, 8]),
    }
    pq.write_table(pa.table(columns), tmp_path / "labels.parquet")
    found = read_as("classify", tmp_path / "labels.parquet")
    assert found.labels == ("1", "2")
    assert [one.product for one in found.samples] == ["7", "7", "8", "8"]
    assert [(one.code, one.origin) for one in found.problems] == [
        ("no_label", f"{tmp_path}/labels.parquet:5")
    ]


@pytest.mark.parametrize(
    ("row", "code", "sentence"),
    [
        ("a.png, ", "no_label", "has no label"),
        (" ,shoe", "no_photo", "the row names no photo"),
        ("nowhere.png,shoe", "missing_file", "there is no photo 'nowhere.png' below"),
        ("../a.png,shoe", "outside_folder", "the photo '../a.png' does not lie below"),
        ("x/../../a.png,shoe", "outside_folder", "name it as seen from there"),
        ("/etc/passwd,shoe", "outside_folder", "the photo '/etc/passwd' does not lie below"),
        ("C:\\photos\\a.png,shoe", "outside_folder", "does not lie below"),
        ("a\0.png,shoe", "missing_file", "there is no photo"),
        ("x" * 5000 + ".png,shoe", "missing_file", "there is no photo"),
        ("a.png", "wrong_cell_count", "the row has 1 cells, the header 2; quote cells that hold a comma"),
        ("a.png,shoe,red", "wrong_cell_count", "the row has 3 cells, the header 2"),
        ("b.png,shoe", "repeated_photo", "is 'shoe' here and 'shoe' in line 3, which counts; keep one row"),
        (
            "b.png,bag",
            "contradicting_label",
            "is 'bag' here and 'shoe' in line 3, which counts; keep one row",
        ),
    ],
)
def test_a_bad_row_is_a_problem_with_its_line(tmp_path: Path, row: str, code: str, sentence: str) -> None:
    found = read_as("classify", table(tmp_path, f"image,label\n{GOOD}{row}\n"))
    assert len(found.samples) == 4
    assert [(one.code, one.origin) for one in found.problems] == [(code, f"{tmp_path}/labels.csv:6")]
    assert sentence in found.problems[0].sentence


def test_a_split_of_another_name(tmp_path: Path) -> None:
    text = "image,label,split\n" + GOOD.replace("\n", ",\n") + "a.png,shoe,holdout\n"
    found = read_as("classify", table(tmp_path, text))
    assert found.problems[0].sentence == "the split 'holdout' is none of train, val and test"


@pytest.mark.parametrize(
    ("text", "columns", "sentence"),
    [
        ("", {}, "is empty; its first line names the columns, such as image,label"),
        (" \n\n", {}, "is empty; its first line names the columns"),
        ("name,size\n", {}, "has no column for the photo; name it image, or set data.columns.image; columns found"),
        ("image,colour\n", {}, "has no column for the label; name it label, or set data.columns.label; columns found"),
        ("image,label\n", {"label": "truth"}, "has no column 'truth', which data.columns.label names; columns found"),
        ("image,label\n", {"lable": "truth"}, "data.columns names 'lable', which is none of image, label, product"),
        ("image,label,label\n", {}, "has two columns named 'label'; rename one"),
        ("image,label\n", {}, "has no photo that can be used"),
        ("image,label\nx.png,shoe\n", {}, "1 were left out, the first:"),
        (b"image,label\na.png,caf\xe9\n", {}, "is not UTF-8 at line 2; save it as UTF-8"),
        ('image,label\na.png,"shoe\nb.png,shoe\n', {}, "line 2: unexpected end of data; look for a quote that is not"),
        ("image,label\n" + "a.png,Shoe\nb.png,shoe\n", {}, "has the labels 'Shoe' and 'shoe', which differ only by"),
        ("image,label\n" + "a.png,shoe \nb.png,shoe\n", {}, "has the labels 'shoe' and 'shoe ', which differ only"),
        ("image,label\n" + f"a.png,{'x' * 201}\nb.png,shoe\n", {}, "of 201 characters; give it a name of 1 to 200"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_used(
    tmp_path: Path, text: str | bytes, columns: dict[str, str], sentence: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_as("classify", table(tmp_path, text), columns=columns)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("content", [b"no parquet", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_damaged_parquet(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"labels\.parquet is no readable Parquet file"):
        read_as("classify", table(tmp_path, content, "labels.parquet"))


BOX = Box(1, 2, 11, 22)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("left,top,right,bottom", "1,2,11,22"),
        ("xmin,ymin,xmax,ymax", "1,2,11,22"),
        ("x1,y1,x2,y2", "1.0,2.0,11,22"),
        ("x,y,w,h", "1,2,10,20"),
        ("x,y,width,height", "1,2,10,20"),
        ("bottom,right,top,left", "22,11,2,1"),
    ],
)
def test_boxes_in_every_form(tmp_path: Path, header: str, cells: str) -> None:
    text = f"image,label,{header}\na.png,shoe,{cells}\na.png,bag,{cells}\nb.png,,,,,\n"
    found = read_as("detect", table(tmp_path, text))
    assert found.labels == ("bag", "shoe")
    first, second = found.samples
    assert [(one.label, one.box) for one in first.instances or ()] == [("shoe", BOX), ("bag", BOX)]
    assert (second.instances, second.label, first.size) == ((), None, None)


def test_width_and_height_beside_corners_are_the_photos(tmp_path: Path) -> None:
    text = "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,40,30,shoe,1,2,11,22\nb.png,?,30,shoe,1,2,11,22\n"
    found = read_as("detect", table(tmp_path, text))
    assert [one.size for one in found.samples] == [(40, 30), None]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a.png,shoe,,,,", "no_box"),
        ("a.png,,1,2,11,22", "no_label"),
        ("a.png,shoe,1,2,11,", "bad_box"),
        ("a.png,shoe,1,2,11,nan", "bad_box"),
        ("a.png,shoe,1,2,11,1e999", "bad_box"),
        ("a.png,shoe,11,2,1,22", "empty_box"),
        ("a.png,shoe,1,2,1,22", "empty_box"),
    ],
)
def test_bad_boxes(tmp_path: Path, row: str, code: str) -> None:
    text = f"image,label,left,top,right,bottom\nb.png,shoe,1,2,11,22\n{row}\n"
    found = read_as("detect", table(tmp_path, text))
    assert codes(found) == [code]
    assert len(found.samples) == 1  # a photo whose boxes are bad is not an empty one


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("image,label", "has no columns of boxes; name them left, top, right and bottom; columns found: 'image'"),
        ("image,label,left,top,right", "has no columns of boxes"),
        ("image,label,left,top,right,bottom", "has no photo that can be used"),
    ],
)  # fmt: skip
def test_tables_without_boxes(tmp_path: Path, header: str, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        read_as("detect", table(tmp_path, header + "\n"))
    assert sentence in str(caught.value)


def test_photos_but_no_box(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has photos, but no box in any of them"):
        read_as("detect", table(tmp_path, "image,label,left,top,right,bottom\na.png,,,,,\n"))
