"""Office packages for tests: saved by a library and changed, or made of XML."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

PACKAGE_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE_RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def save_package(document: Any) -> bytes:
    """Return the bytes of a document of python-docx or python-pptx."""
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def make_package(members: Mapping[str, str | bytes]) -> bytes:
    """Return a ZIP of the given members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members.items():
            package.writestr(name, content)
    return buffer.getvalue()


def read_members(data: bytes) -> dict[str, bytes]:
    """Return the members of a ZIP by their names."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return {name: package.read(name) for name in package.namelist()}


def change_members(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """Return the package with each member's bytes replaced by what `change` makes of them."""
    members = read_members(data)
    return make_package({name: change(name, content) for name, content in members.items()})


def relationships(*links: tuple[str, str, str]) -> str:
    """Return the XML of relationships, each an id, the last word of its type and a target."""
    entries = (
        f'<Relationship Id="{key}" Type="{OFFICE_RELS}/{kind}" Target="{target}"/>'
        for key, kind, target in links
    )
    return f'<Relationships xmlns="{PACKAGE_RELS}">{"".join(entries)}</Relationships>'
