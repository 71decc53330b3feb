"""CSV manifests: what is read, and what happens to each kind of bad row."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.errors import ManifestError
from catalog.manifests import Limits, Row, RowError, open_manifest

Read = Callable[..., list[Row | RowError]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a manifest with these contents."""

    def run(content: str | bytes, name: str = "m.csv", limits: Limits | None = None) -> list[Row | RowError]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with open_manifest(str(path), limits=limits or Limits()) as manifest:
            return list(manifest)

    return run


def skus(rows: list[Row | RowError]) -> list[tuple[int, str]]:
    """(line, sku) of good rows, (line, code) of bad ones."""
    return [(row.line, row.product.sku if isinstance(row, Row) else row.code) for row in rows]


def test_all_fields(read: Read) -> None:
    rows = read(
        "sku,title,description,brand,category,price,currency,parent sku,image,Colour,attributes\n"
        'A1,Red shirt,"Two\nlines",Acme,Shirts,12.50,eur,A,a.jpg|b.jpg,red,"{""size"": [1, 2]}"\n'
    )
    (row,) = rows
    assert isinstance(row, Row)
    product = row.product
    assert (row.line, row.photos, row.repeats) == (2, ("a.jpg", "b.jpg"), None)
    assert (product.sku, product.title, product.description) == ("A1", "Red shirt", "Two\nlines")
    assert (product.brand, product.category, product.parent_sku) == ("Acme", "Shirts", "A")
    assert (product.price, product.currency) == (Decimal("12.5"), "EUR")
    assert product.attributes == {"Colour": "red", "size": [1, 2]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_dialects(read: Read, delimiter: str, end: str, encoding: str) -> None:
    lines = ["SKU,Name,Image", 'a,"x,y;z|w\tv",a.jpg', 'b,"Größe\n2",b.jpg', "", "c,шляпа,c.jpg", ""]
    text = end.join(lines).replace("\n2", "@").replace("x,y", "x#y").replace(",", delimiter).replace("#", ",")
    text = text.replace("@", "\n2")
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    rows = read(mark + text.encode(encoding))
    assert skus(rows) == [(2, "a"), (3, "b"), (6, "c")]
    assert [row.product.title for row in rows if isinstance(row, Row)] == ["x,y;z|w v", "Größe 2", "шляпа"]


@pytest.mark.parametrize(
    ("header", "photos"),
    [
        ("sku,image,a,b", ("1",)),
        ("SKU,Images,a,b", ("1",)),
        ("id,photo,a,b", ("1",)),
        ("Product ID,image_url,a,b", ("1",)),
        ("productId,imagePath,a,b", ("1",)),
        ("sku,filename,a,b", ("1",)),
        ("sku,path,image,b", ("2",)),
        ("sku,image,image,image", ("1", "2", "3")),
        ("sku,image_2,image_1,image_10", ("2", "1", "3")),
        ("sku,image,Photo 2,picture 1", ("1", "3", "2")),
        ("image,sku,a,b", ("s",)),
    ],
)
def test_names_of_columns(read: Read, header: str, photos: tuple[str, ...]) -> None:
    (row,) = read(f"{header}\ns,1,2,3\n")
    assert isinstance(row, Row)
    assert row.photos == photos


def test_the_best_name_is_the_field_and_the_rest_are_attributes(read: Read) -> None:
    (row,) = read("id,sku,name,title,image,,weight\n7,A,n,t,a.jpg,x,\n")
    assert isinstance(row, Row)
    assert (row.product.sku, row.product.title) == ("A", "t")
    assert row.product.attributes == {"id": "7", "name": "n", "column_6": "x"}


@pytest.mark.parametrize(
    ("cell", "photos"),
    [("a.jpg", ("a.jpg",)), (" a.jpg | b.jpg |a.jpg||", ("a.jpg", "b.jpg")), ("", ()), (" | ", ())],
)
def test_photos_in_one_cell(read: Read, cell: str, photos: tuple[str, ...]) -> None:
    (row,) = read(f"sku,image\nA,{cell}\n")
    assert isinstance(row, Row)
    assert row.photos == photos


def test_names_from_a_hostile_manifest_are_only_data(read: Read) -> None:
    rows = read("sku,image\n=cmd(),../../etc/passwd\n../x,/etc/passwd\n'; DROP TABLE x,%00.jpg\n")
    assert [row.photos[0] for row in rows if isinstance(row, Row)] == [
        "../../etc/passwd",
        "/etc/passwd",
        "%00.jpg",
    ]


@pytest.mark.parametrize(
    ("price", "amount"),
    [
        ("12.50", "12.5"),
        ('"12,50"', "12.5"),
        ('"12,5"', "12.5"),
        ("0", "0"),
        ("0.00", "0"),
        ("1000", "1000"),
        ("9999999999.9999", "9999999999.9999"),
        (" 7 ", "7"),
        ("12.50 eur", "12.5"),
    ],
)
def test_prices(read: Read, price: str, amount: str) -> None:
    (row,) = read(f"sku,image,price\nA,a.jpg,{price}\n")
    assert isinstance(row, Row)
    assert str(row.product.price) == amount
    assert row.product.currency == ("EUR" if "eur" in price else None)


@pytest.mark.parametrize(
    "price",
    [
        *("nan", "inf", "-1", "+1", "1e3", "1.23456", '"1,234"', '"1,234.50"', "€12", "12 EURO"),
        *("12345678901", "1.", ".5", "0x10", "1_000", "١٢", "12.50.1", "free"),
    ],
)
def test_prices_that_would_need_guessing(read: Read, price: str) -> None:
    (error,) = read(f"sku,image,price\nA,a.jpg,{price}\n")
    assert isinstance(error, RowError)
    assert (error.line, error.sku, error.code) == (2, "A", "bad_price")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b",b.jpg,,", "missing_sku"),
        (b"  ,b.jpg,,", "missing_sku"),
        (b"x" * 201 + b",b.jpg,,", "too_long"),
        (b'"two\nlines",b.jpg,,', "bad_sku"),
        ("\u202egpj,b.jpg,,".encode(), "bad_sku"),
        (b"nul\0,b.jpg,,", "control_characters"),
        (b"X,b\0.jpg,,", "control_characters"),
        (b'X,"b\n.jpg",,', "control_characters"),
        (b"X,b.jpg,t\x1b[31m,", "control_characters"),
        (b"X,b.jpg,,\x07", "control_characters"),
        (b"X,b.jpg,Gr\xf6\xdfe,", "wrong_encoding"),
        (b"X\xff,b.jpg,,", "wrong_encoding"),
        (b"X,\xc3.jpg,,", "wrong_encoding"),
        (b"X,b.jpg,\xed\xa0\x80,", "wrong_encoding"),
        (b"X,b.jpg," + b"t" * 1001 + b",", "too_long"),
        (b"X," + b"b" * 4097 + b",,", "too_long"),
        (b"X," + b"|".join(b"%d" % n for n in range(1001)) + b",,", "too_many_photos"),
        (b"X,b.jpg,", "wrong_cell_count"),
        (b"X", "wrong_cell_count"),
        (b"X,b.jpg,,,", "wrong_cell_count"),
        (b'X,b.jpg,"27"" ok" wide,', "malformed_row"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_goes_on(read: Read, row: bytes, code: str) -> None:
    rows = read(b"sku,image,title,colour\nA,a.jpg,,\n" + row + b"\nC,c.jpg,,\n")
    last = 4 + row.count(b"\n")
    assert skus(rows) == [(2, "A"), (3, code), (last, "C")]
    (error,) = (row for row in rows if isinstance(row, RowError))
    assert error.reason.isprintable()
    assert len(error.reason) < 500
    assert all(
        text is None or (text.isprintable() and len(text) <= 120) for text in (error.sku, error.source)
    )


@pytest.mark.parametrize("currency", ["EURO", "€", "E1R", "12"])
def test_currencies_have_three_letters(read: Read, currency: str) -> None:
    assert skus(read(f"sku,image,currency\nA,a.jpg,{currency}\n")) == [(2, "bad_currency")]


def test_two_currencies_in_one_row(read: Read) -> None:
    assert skus(read("sku,image,price,currency\nA,a,1 EUR,USD\nB,b,1 EUR,eur\n")) == [
        (2, "bad_currency"),
        (3, "B"),
    ]


@pytest.mark.parametrize(
    "cell", ["{", "[1]", "1", '{""a"": NaN}', '{""a"": ""\\u0000""}', '{""a"": 1e999}', "[" * 9999]
)
def test_attributes_are_a_json_object(read: Read, cell: str) -> None:
    ((_, code),) = skus(read(f'sku,image,attributes\nA,a.jpg,"{cell}"\n'))
    assert code in ("bad_attributes", "control_characters")


def test_a_quote_that_never_closes_takes_no_good_row_down(read: Read) -> None:
    good = "".join(f"S{n},{n}.jpg,t\n" for n in range(1000))
    rows = read('sku,image,title\nA,a.jpg,"27 inch\n' + good)
    assert skus(rows[:2]) == [(2, "malformed_row"), (3, "S0")]
    assert len(rows) == 1001
    assert "not closed" in str(rows[0])


def test_a_quote_that_closes_much_later(read: Read) -> None:
    rows = read('sku,image,title\nA,a.jpg,"27 inch\nB,b.jpg,x\nC,c.jpg,"yes"\nD,d.jpg,x\n')
    assert skus(rows) == [(2, "malformed_row"), (3, "B"), (4, "C"), (5, "D")]


def test_a_bad_row_of_many_lines_says_where_it_ends(read: Read) -> None:
    good, bad, last = read('sku,image,title\nA,a.jpg,\nB,"b\nc,c.jpg\nd",\nE,e.jpg,\n')
    assert isinstance(bad, RowError)
    assert "line 3 to line 5" in bad.reason
    assert (good.line, last.line) == (2, 6)


def test_many_bad_quotes_stay_cheap(read: Read) -> None:
    limits = Limits(row=10_000, cell=5_000)
    assert skus(read("sku,image\n" + 'A,"x" y\n' * 2000, limits=limits)) == [
        (line, "malformed_row") for line in range(2, 2002)
    ]
    open_end = 'sku,image\nA,"y\n' + "B,b.jpg\n" * 20_000
    assert len(read(open_end, limits=limits)) == 20_001
    again_and_again = "sku,image\n" + ('A,"y\n' + "B,b.jpg\n" * 200 + '"\n') * 120
    many = read(again_and_again, limits=Limits(row=1000, cell=500))
    assert all(isinstance(row, RowError) or row.product.sku == "B" for row in many)
    assert 100 * 200 < len(many) < 130 * 200


@pytest.mark.parametrize("limits", [Limits(), Limits(cell=100, row=1000)])
def test_a_huge_cell(read: Read, limits: Limits) -> None:
    for size in (limits.cell + 1, limits.row + 1, 3 * limits.row):
        rows = read(f"sku,image,description\nA,a.jpg,x\nB,b.jpg,{'y' * size}\nC,c.jpg,z\n", limits=limits)
        assert skus(rows) == [(2, "A"), (3, "too_long"), (4, "C")]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "empty"),
        (b"\n\n \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"a,b\n1,2\n", "Columns found: a, b"),
        (b"title,image\n1,2\n", "no column is named sku"),
        (b"sku,title\n1,2\n", "no column is named image"),
        (b"sku,SKU,image\n1,2,3\n", "rename one"),
        (b"sku,image,a,A\n1,2,3,4\n", "rename one"),
        (b"sku,image,Gr\xf6\xdfe\n1,2,3\n", "UTF-8"),
        (b"sku,image,a\0\n1,2,3\n", "NUL|printable"),
        ("sku,image".encode("utf-16-le"), "NUL"),
        ("\ufeffsku,image".encode("utf-32-le"), "UTF-32"),
        (b"sku,image," + b",".join(b"c%d" % n for n in range(10_000)), "columns"),
        (b"sku,image," + b"x" * 1001, "characters"),
        (b"x" * 9_000_000, "too long"),
        (b'"sku,image\nA,a.jpg\n', "header|no column"),
    ],
)
def test_no_usable_header(read: Read, content: bytes, found: str) -> None:
    with pytest.raises(ManifestError, match=found) as caught:
        read(content)
    assert len(str(caught.value)) < 4000


def test_excel_says_its_delimiter(read: Read) -> None:
    assert skus(read("sep=;\r\nsku;image\r\nA;a.jpg\r\n")) == [(3, "A")]


def test_wrong_bytes_in_utf16(read: Read) -> None:
    text = "sku,image\nA,a.jpg\nB,@.jpg\nC,c.jpg\n".encode("utf-16").replace(
        "@".encode("utf-16-le"), b"\x00\xdc"
    )
    assert skus(read(text)) == [(2, "A"), (3, "wrong_encoding"), (4, "C")]


def test_one_product_in_several_rows(read: Read) -> None:
    rows = read("sku,image,title,price,a\nA,1.jpg,t,1.50,x\nB,b.jpg,,,\nA,2.jpg,t,1.5,x\nA,3.jpg,,,\n")
    assert [(row.line, row.photos, row.repeats) for row in rows if isinstance(row, Row)] == [
        (2, ("1.jpg",), None),
        (3, ("b.jpg",), None),
        (4, ("2.jpg",), 2),
        (5, ("3.jpg",), 2),
    ]


@pytest.mark.parametrize(
    ("second", "field"),
    [("u,1,x", "title"), ("t,2,x", "price"), ("t,0,x", "price"), ("t,1,y", "attributes"), ("T,1,x", "title")],
)
def test_rows_that_contradict_each_other(read: Read, second: str, field: str) -> None:
    rows = read(f"sku,image,title,price,a\nA,1.jpg,t,1,x\nB,b.jpg,,,\nA,2.jpg,{second}\nA,3.jpg,t,1,x\n")
    assert skus(rows) == [(2, "A"), (3, "B"), (4, "contradicting_product"), (5, "A")]
    error = rows[2]
    assert isinstance(error, RowError)
    assert all(part in error.reason for part in (field, "line 4", "line 2"))


def test_saying_more_than_the_first_row_is_a_contradiction(read: Read) -> None:
    rows = read("sku,image,title\nA,1.jpg,\nA,2.jpg,t\n")
    assert skus(rows) == [(2, "A"), (3, "contradicting_product")]
    assert "leaves it blank" in str(rows[1])


def test_a_bad_row_does_not_count_as_the_first(read: Read) -> None:
    rows = read("sku,image,price\nA,1.jpg,x\nA,2.jpg,2\n")
    assert skus(rows) == [(2, "bad_price"), (3, "A")]


def test_progress_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("sku,image\n" + "".join(f"S{n},{n}.jpg\n" for n in range(10_000)))
    with open_manifest(str(path)) as manifest:
        seen = [manifest.progress()]
        for n, _ in enumerate(manifest):
            if n % 1000 == 999:
                seen.append(manifest.progress())
    size = path.stat().st_size
    assert {(step.total, step.unit) for step in seen} == {(size, "bytes")}
    done = [step.done for step in seen]
    assert done == sorted(done)
    assert done[1] < size / 4
    assert done[-1] == size


def test_no_row_is_kept(tmp_path: Path) -> None:
    """The number of Python's objects does not grow with 200,000 rows (to trace memory would take minutes)."""
    path = tmp_path / "m.csv"
    with path.open("w") as file:
        file.write("sku;image\n")
        file.writelines(f"S{n};photos/{n}.jpg\n" for n in range(200_000))
    blocks = []
    with open_manifest(str(path)) as manifest:
        for n, row in enumerate(manifest):
            assert isinstance(row, Row)
            if n % 1000 == 0:
                blocks.append(sys.getallocatedblocks())
    assert len(blocks) == 200
    assert max(blocks) - blocks[1] < 10_000


def test_the_file_is_not_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    with path.open("w") as file:
        file.write("sku;title;description;image\n")
        file.writelines(f"S{n};t;{'A fine shirt of cotton. ' * 50};{n}.jpg\n" for n in range(10_000))
    tracemalloc.start()
    try:
        with open_manifest(str(path)) as manifest:
            good = sum(isinstance(row, Row) for row in manifest)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert good == 10_000
    assert peak < 1_000_000 < path.stat().st_size / 10
