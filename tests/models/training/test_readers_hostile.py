"""Labelled photos from strangers: what hangs, runs or overflows elsewhere is one problem here."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from models.errors import DataError
from models.training.looking import look
from models.training.readers.safe_xml import parse
from models.training.readers.sources import read_values
from tests.models.training.labelled import codes, read_as, write_photo


@pytest.mark.timeout(60)
def test_nothing_waits_for_a_pipe_or_reads_a_device(tmp_path: Path) -> None:
    for label in ("bag", "shoe"):
        write_photo(tmp_path / label / "a.png")
        write_photo(tmp_path / label / "b.png", 1)
    os.mkfifo(tmp_path / "bag" / "pipe.png")
    (tmp_path / "bag" / "zero.png").symlink_to("/dev/zero")
    with (tmp_path / "bag" / "huge.png").open("wb") as file:
        file.truncate(10**12)
    looked = look(read_as("classify", tmp_path))
    assert len(looked.samples) == 4
    assert [problem.code for problem in looked.problems].count("unreadable") == 3


@pytest.mark.timeout(60)
def test_nor_does_xml(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    with pytest.raises(Exception, match="no regular file"):
        parse(tmp_path / "a.xml")


def test_a_mask_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    """Pillow gives EPS to Ghostscript, whatever the file is called."""
    mark = tmp_path / "ran"
    (tmp_path / "a.png").write_text(
        f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({mark}) (w) file closefile\n%%EOF\n"
    )
    with pytest.raises(DataError, match="PostScript files are not accepted"):
        read_values(tmp_path / "a.png")
    assert not mark.exists()


@pytest.mark.parametrize("digits", ["9" * 5000, "٣" * 5000])
def test_sizes_of_thousands_of_digits(tmp_path: Path, digits: str) -> None:
    write_photo(tmp_path / "a.png")
    table = tmp_path / "labels.csv"
    table.write_text(f"image,label,left,top,right,bottom,width,height\na.png,bag,1,1,9,9,{digits},{digits}\n")
    assert len(read_as("detect", table).samples) == 1
    voc = tmp_path / "voc"
    write_photo(voc / "JPEGImages" / "a.png")
    (voc / "Annotations").mkdir()
    (voc / "Annotations" / "a.xml").write_text(
        f"<a><size><width>{digits}</width><height>{digits}</height></size><object><name>bag</name><bndbox>"
        "<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></a>",
        encoding="utf-8",
    )
    assert len(read_as("detect", voc).samples) == 1


@pytest.mark.parametrize(
    "name", ["../a.png", "/etc/passwd", "x/../../a.png", "..\\a.png", "C:\\a.png", "a\0.png"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    write_photo(tmp_path / "a.png")
    write_photo(tmp_path / "in" / "b.png")
    write_photo(tmp_path / "in" / "c.png", 1)
    images = [{"id": n, "file_name": one} for n, one in enumerate((name, "b.png", "c.png"))]
    annotations = [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 9, 9]} for n in range(3)]
    tree = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "bag"}]}
    (tmp_path / "in" / "coco.json").write_text(json.dumps(tree))
    found = read_as("detect", tmp_path / "in" / "coco.json")
    assert [Path(sample.photo.name).name for sample in found.samples] == ["b.png", "c.png"]
    assert {"outside_folder", "missing_file"} & {*codes(found)}
