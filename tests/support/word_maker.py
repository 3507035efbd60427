"""Word documents for tests, made of XML."""

from __future__ import annotations

from tests.support.packages import OFFICE_RELS, make_package, relationships

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "r": OFFICE_RELS,
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "o": "urn:schemas-microsoft-com:office:office",
        "v": "urn:schemas-microsoft-com:vml",
        "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    }.items()
)

CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)


class WordMaker:
    """A Word document to be: `add_part` adds what its body refers to, `make` returns its bytes."""

    def __init__(self) -> None:
        self._members: dict[str, str | bytes] = {}
        self._links: list[tuple[str, str, str]] = []

    def add_part(self, kind: str, name: str, content: str | bytes) -> str:
        """Add a part and return its relationship id. `kind` is the last word of its type."""
        key = f"rId{len(self._links) + 1}"
        self._links.append((key, kind, name))
        self._members[f"word/{name}"] = content
        return key

    def add_link(self, kind: str, target: str) -> str:
        """Add a link to another file and return its relationship id."""
        key = f"rId{len(self._links) + 1}"
        self._links.append((key, kind, f'{target}" TargetMode="External'))
        return key

    def add_story(self, kind: str, tag: str, inner: str) -> str:
        """Add a part with XML of Word, given its root and what is in it."""
        name = f"{kind}{len(self._links)}.xml"
        return self.add_part(kind, name, f"<w:{tag} {NAMESPACES}>{inner}</w:{tag}>")

    def make(self, *body: str) -> bytes:
        """Return the document with a body."""
        document = f"<w:document {NAMESPACES}><w:body>{''.join(body)}</w:body></w:document>"
        return make_package(
            {
                "[Content_Types].xml": CONTENT_TYPES,
                "_rels/.rels": relationships(("rId1", "officeDocument", "word/document.xml")),
                "word/document.xml": document,
                "word/_rels/document.xml.rels": relationships(*self._links),
                **self._members,
            }
        )


def make_word(*body: str, styles: str = "", numbering: str = "") -> bytes:
    """Return a document with a body, and the inner XML of its styles and numbering."""
    word = WordMaker()
    if styles:
        word.add_story("styles", "styles", styles)
    if numbering:
        word.add_story("numbering", "numbering", numbering)
    return word.make(*body)


def paragraph(inner: str, properties: str = "") -> str:
    """Return a paragraph of runs, or of a text."""
    inner = inner if inner.startswith("<") else run(inner)
    return f"<w:p><w:pPr>{properties}</w:pPr>{inner}</w:p>"


def run(text: str, properties: str = "") -> str:
    """Return a run of a text."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def table(*rows: str, properties: str = "") -> str:
    """Return a table of rows."""
    return f"<w:tbl><w:tblPr>{properties}</w:tblPr>{''.join(rows)}</w:tbl>"


def row(*cells: str, properties: str = "") -> str:
    """Return a row of cells, each a text or a cell."""
    inner = "".join(each if each.startswith("<w:") else cell(each) for each in cells)
    return f"<w:tr><w:trPr>{properties}</w:trPr>{inner}</w:tr>"


def cell(text: str, properties: str = "") -> str:
    """Return a cell of a text or of blocks."""
    inner = text if text.startswith("<") else paragraph(text)
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{inner}</w:tc>"
