"""XML without DTDs: these can name other files, or a few bytes that stand for gigabytes."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from models.files import read_regular
from models.training.left_out import LeftOut

_LARGEST = 64 << 20  # bytes, for the objects of one photo


def parse(path: Path) -> Element:
    """The root element of a file. Raises LeftOut."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(read_regular(path, _LARGEST), True)
        return builder.close()
    except expat.ExpatError as error:
        raise LeftOut("malformed_xml", f"it is no XML: {error}; export it again") from None
    except (OSError, ValueError, LookupError) as error:
        raise LeftOut("malformed_xml", f"it cannot be read: {error}; export it again") from None


def _refuse(*_: object) -> None:
    raise LeftOut(
        "xml_with_dtd", "it declares a DOCTYPE, which annotations have no use for; delete that line"
    )
