"""The wire format: documents, chunks and pictures as JSON between reader process and parent."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import Any

from ragkit_ingest.chunk import Chunk
from ragkit_ingest.model import Block, BlockKind, Document, Page, PageKind
from ragkit_ingest.places import pack_rows, unpack_rows, unpack_sections
from ragkit_ingest.readers.pdf_image import Box, PagePicture


def pack_document(document: Document, *, blocks: bool) -> dict[str, Any]:
    """Return a document as JSON values; chunked documents need no `blocks`."""
    return {
        "kind": document.kind,
        "title": document.title,
        "metadata": document.metadata,
        "warnings": list(document.warnings),
        "pages": [_pack_page(page, blocks) for page in document.pages],
    }


def _pack_page(page: Page, blocks: bool) -> dict[str, Any]:
    packed = {
        name: getattr(page, name)
        for name in (
            "text",
            "kind",
            "number",
            "page_label",
            "headings",
            "images",
            "hidden",
            "garbage",
        )
    }
    packed["blocks"] = [asdict(block) for block in page.blocks] if blocks else []
    return packed


def unpack_document(packed: dict[str, Any]) -> Document:
    """Return the document that `pack_document` packed."""
    return Document(
        kind=packed["kind"],
        title=packed["title"],
        metadata=packed["metadata"],
        warnings=tuple(packed["warnings"]),
        pages=tuple(_unpack_page(page) for page in packed["pages"]),
    )


def _unpack_page(packed: dict[str, Any]) -> Page:
    blocks = tuple(map(_unpack_block, packed.pop("blocks")))
    packed["kind"] = PageKind(packed["kind"])
    packed["headings"] = tuple(packed["headings"])
    return Page(blocks=blocks, **packed)


def _unpack_block(packed: dict[str, Any]) -> Block:
    kind, columns = BlockKind(packed.pop("kind")), tuple(packed.pop("columns"))
    return Block(kind, columns=columns, **packed)


def pack_chunks(chunks: list[Chunk]) -> list[list[Any]]:
    """Return chunks as JSON values."""
    return [
        [c.ordinal, c.page, c.start, c.end, c.header, c.sections, pack_rows(c.rows)] for c in chunks
    ]


def unpack_chunks(packed: list[list[Any]]) -> list[Chunk]:
    """Return the chunks that `pack_chunks` packed."""
    return [
        Chunk(ordinal, page, start, end, header, unpack_sections(sections), unpack_rows(rows))
        for ordinal, page, start, end, header, sections, rows in packed
    ]


def pack_picture(picture: PagePicture) -> list[Any]:
    """Return a picture as JSON values, its PNG as base64."""
    png = b64encode(picture.png).decode("ascii")
    return [png, picture.width, picture.height, picture.boxes]


def unpack_picture(packed: list[Any]) -> PagePicture:
    """Return the picture that `pack_picture` packed."""
    png, width, height, boxes = packed
    return PagePicture(b64decode(png), width, height, tuple(Box(*box) for box in boxes))
