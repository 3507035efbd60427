"""Office packages (ISO/IEC 29500-2): gives their parts and relationships, also of odd packages.

`Package` opens a Word document, presentation or workbook, and its `main` part leads to the others:

    package = Package(data, "presentation")
    for slide in package.main.find_related("slide"):
        slide.root                  # the parsed XML, None if the part is damaged
        slide.follow("rId3")        # the part that a relationship id names, None if there is none

Strict Open XML (ISO/IEC 29500-1) is read as Transitional: parts are parsed with the namespaces of
Transitional, and relationships are named by the last word of their type, which both share. Of
alternate content (ISO/IEC 29500-3, 10.2.1) only the branch that is shown is left in the tree. Parts
that are asked for, but missing or damaged, are listed by `describe_unread_parts`.
"""

from __future__ import annotations

import functools
import io
import posixpath
import re
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    Element = Any  # an lxml element; its types say little about XML in many namespaces

_MAX_UNPACKED = 512 * 1024 * 1024  # bytes of all members that are unpacked
_MAX_EMBEDDED = 100 * 1024 * 1024  # bytes of one embedded file
_MAX_MEMBERS = 10_000
_MAX_RATIO = 200  # times its packed size that XML above 1 MB may unpack to
_MAX_PARTS_TOLD = 5  # names of missing or damaged parts in the warning
_XML_SUFFIXES = (".xml", ".rels", ".vml")
_BINARY_SHEET = re.compile(r"xl/(?:worksheets/)?[^/]*\.bin")  # a part of a binary workbook (.xlsb)
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_STRICT_NAMESPACE = re.compile(rb"""(["'])http://purl\.oclc\.org/ooxml/(\w+)/(\w+)""")
_TRANSITIONAL_NAMESPACE = rb"\1http://schemas.openxmlformats.org/\2/2006/\3"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_RELATIONSHIPS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_MAIN_PARTS = ("word/document.xml", "ppt/presentation.xml", "xl/workbook.xml")
_STANDARD_TITLES = {"word document", "powerpoint presentation", "untitled", "presentation1"}
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError),
    *(RuntimeError, NotImplementedError),
)


def check_package(data: bytes) -> None:
    """Refuse a package whose XML parts unpack to too much, for a library that unpacks them itself.

    Pictures and embedded files stay packed, so they do not count. Raises ReadError: TOO_LARGE
    (512 MB unpacked, 10,000 members, or a part packed more than 200 times), ENCRYPTED or CORRUPT.
    """
    members = _open_zip(data).infolist()
    read = [member for member in members if _is_read_by_libraries(member.filename.lower())]
    total = sum(member.file_size for member in read)
    if total > _MAX_UNPACKED:
        raise _unpacks_to_too_much(total)
    for member in read:
        _check_member(member)


@contextmanager
def translate_errors(kind: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into ReadError(CORRUPT).

    `kind` names the file in the message ("workbook"). ReadError and MemoryError pass.
    """
    try:
        yield
    except (ReadError, MemoryError):
        raise
    except RecursionError as exc:
        found = f"the {kind} is nested too deeply to be read"
        raise ReadError(Reason.CORRUPT, found) from exc
    except Exception as exc:
        found = f"the {kind} is damaged; open it in its own program and save it again"
        raise ReadError(Reason.CORRUPT, found) from exc


def own_title(title: str | None) -> str:
    """Return a title that somebody wrote, "" for the default titles of programs."""
    title = " ".join((title or "").split())
    return "" if title.lower() in _STANDARD_TITLES else title


def local_name(element: Element) -> str:
    """Return the tag of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def relationship_id(element: Element, name: str = "id") -> str:
    """Return an attribute in the namespace of relationships (`r:id`, `r:embed`), "" without it."""
    return str(element.get(f"{_RELATIONSHIPS}{name}", ""))


class Relationship(NamedTuple):
    """A relationship: `kind` is the last word of its type, `target` a part's name or a link."""

    kind: str
    target: str
    is_external: bool


class Package:
    """An Office package. `kind` names it in messages: "Word document", "presentation", "workbook".

    Raises ReadError: CORRUPT, ENCRYPTED or TOO_LARGE, also when parts are read.
    """

    def __init__(self, data: bytes, kind: str) -> None:
        self.kind = kind
        self._zip = _open_zip(data)
        # Part names differ in no other way than by case (ISO/IEC 29500-2, 6.2.2.3).
        self._members = {_member_key(m.filename): m for m in self._zip.infolist()}
        self._parts: dict[str, Part] = {}
        self._left = _MAX_UNPACKED
        self._unread: dict[str, None] = {}

    @functools.cached_property
    def main(self) -> Part:
        """The part with the body: the document, presentation or workbook."""
        found = Part(self, "").find_related("officeDocument")
        found = found or [part for name in _MAIN_PARTS if (part := self.part(name))]
        if not found:
            raise self._main_part_error("is missing")
        main = found[0]
        if main.root is None:
            raise self._main_part_error(main.damage)
        return main

    def part(self, name: str) -> Part | None:
        """Return the part of a name such as "word/styles.xml", None if there is none."""
        member = self._members.get(_member_key(name))
        if member is None:
            return None
        name = member.filename.replace("\\", "/").lstrip("/")
        return self._parts.setdefault(_member_key(name), Part(self, name))

    def read(self, name: str) -> bytes:
        """Unpack a member. Raises ReadError: TOO_LARGE, ENCRYPTED or CORRUPT."""
        member = self._members[_member_key(name)]
        if name.lower().endswith(_XML_SUFFIXES):
            _check_member(member)
        elif member.file_size > _MAX_EMBEDDED:
            found = f"it has {member.file_size >> 20} MB and the limit is {_MAX_EMBEDDED >> 20} MB"
            raise ReadError(Reason.TOO_LARGE, found)
        self._left -= member.file_size
        if self._left < 0:
            raise _unpacks_to_too_much(_MAX_UNPACKED - self._left)
        try:
            return self._zip.read(member)
        except _ZIP_ERRORS as exc:
            raise ReadError(Reason.CORRUPT, "cannot be unpacked") from exc

    def read_properties(self) -> tuple[str, dict[str, str]]:
        """Return the title and the author, as a document's metadata."""
        for root in Part(self, "").find_roots("core-properties"):
            author = one_line(root.findtext(f"{_DC}creator") or "")
            title = own_title(one_line(root.findtext(f"{_DC}title") or ""))
            return title, {"author": author} if author else {}
        return "", {}

    def note_unread(self, name: str) -> None:
        """Remember a part that is missing or damaged, for the warning."""
        self._unread[name] = None

    def describe_unread_parts(self) -> tuple[str, ...]:
        """Return a warning that names the parts that are missing or damaged, if there are any."""
        if not self._unread:
            return ()
        names = list(self._unread)
        told = [*names[:_MAX_PARTS_TOLD], *["..."] * (len(names) > _MAX_PARTS_TOLD)]
        count = "1 part is" if len(names) == 1 else f"{len(names)} parts are"
        return (f"{count} missing or damaged and could not be read: {', '.join(told)}",)

    def _main_part_error(self, what: str) -> ReadError:
        found = f"the {self.kind} is damaged: its main part {what}"
        return ReadError(Reason.CORRUPT, f"{found}; open it in its own program and save it again")


class Part:
    """A part of a package, with its relationships to others."""

    def __init__(self, package: Package, name: str) -> None:
        self.package = package
        self.name = name
        self.damage = ""

    @functools.cached_property
    def root(self) -> Element:
        """The root of the parsed XML, None if the part is damaged; `damage` says how.

        Raises ReadError: TOO_LARGE or ENCRYPTED.
        """
        try:
            return _parse_xml(self.package.read(self.name))
        except ReadError as exc:
            if exc.reason is not Reason.CORRUPT:
                raise
            self.damage = exc.detail
            self.package.note_unread(self.name)
            return None

    @functools.cached_property
    def relationships(self) -> dict[str, Relationship]:
        """The relationships by their ids."""
        folder, name = posixpath.split(self.name)
        part = self.package.part(f"{folder}/_rels/{name}.rels")
        found = {}
        for entry in part.root if part is not None and part.root is not None else ():
            kind = entry.get("Type", "").rpartition("/")[2]
            target, is_external = entry.get("Target", ""), entry.get("TargetMode", "")
            link = Relationship(kind, target, is_external.lower() == "external")
            found[entry.get("Id", "")] = link if link.is_external else self._resolve(link)
        return found

    def follow(self, relationship: str) -> Part | None:
        """Return the part that a relationship id leads to, None if it leads outside or nowhere."""
        link = self.relationships.get(relationship)
        return None if link is None or link.is_external else self._find(link)

    def find_related(self, kind: str) -> list[Part]:
        """Return the parts that relationships of a kind lead to: "slide", "footnotes"."""
        links = [link for link in self.relationships.values() if link.kind == kind]
        parts = (self._find(link) for link in links if not link.is_external)
        return list(dict.fromkeys(part for part in parts if part is not None))

    def find_roots(self, kind: str) -> list[Element]:
        """Return the roots of the parts that `find_related` finds, without damaged ones."""
        return [part.root for part in self.find_related(kind) if part.root is not None]

    def read(self) -> bytes:
        """Return the bytes. Raises ReadError: TOO_LARGE, ENCRYPTED or CORRUPT."""
        return self.package.read(self.name)

    def _resolve(self, link: Relationship) -> Relationship:
        """Return the relationship with its target as a part's name."""
        path = urllib.parse.unquote(link.target.partition("#")[0]).replace("\\", "/")
        folder = posixpath.dirname(self.name)
        return link._replace(target=posixpath.normpath(posixpath.join("/", folder, path))[1:])

    def _find(self, link: Relationship) -> Part | None:
        part = self.package.part(link.target)
        if part is None:
            self.package.note_unread(link.target)
        return part


def _open_zip(data: bytes) -> zipfile.ZipFile:
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
    except _ZIP_ERRORS as exc:
        found = "the file is a damaged ZIP package; save it again"
        raise ReadError(Reason.CORRUPT, found) from exc
    count = len(package.infolist())
    if count > _MAX_MEMBERS:
        found = f"the package has {count:,} members and the limit is {_MAX_MEMBERS:,}"
        raise ReadError(Reason.TOO_LARGE, found)
    return package


def _member_key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _is_read_by_libraries(name: str) -> bool:
    return name.endswith(_XML_SUFFIXES) or _BINARY_SHEET.fullmatch(name) is not None


def _check_member(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & 1:
        found = "the ZIP package needs a password; save it without one"
        raise ReadError(Reason.ENCRYPTED, found)
    if member.file_size > max(1 << 20, _MAX_RATIO * member.compress_size):
        raise ReadError(
            Reason.TOO_LARGE,
            f"{member.filename} unpacks to over {_MAX_RATIO} times its packed size, which is the "
            "limit; remove it or recompress it",
        )


def _unpacks_to_too_much(total: int) -> ReadError:
    found = f"it unpacks to {total >> 20} MB and the limit is {_MAX_UNPACKED >> 20} MB; split it"
    return ReadError(Reason.TOO_LARGE, found)


def _parse_xml(data: bytes) -> Element:
    """Return the root of a part, in the namespaces of Transitional and without alternates.

    Raises ReadError(CORRUPT), also for a document type (forbidden by ISO/IEC 29500-2, 6.2.5):
    entities grow and read files. Zero bytes are removed first, for a part in UTF-16.
    """
    from lxml import etree

    if _DECLARATION.search(data) or _DECLARATION.search(data[:4096].replace(b"\0", b"")):
        found = "declares a document type or entities, which Office files never do"
        raise ReadError(Reason.CORRUPT, found)
    if b"purl.oclc.org" in data:
        data = _STRICT_NAMESPACE.sub(_TRANSITIONAL_NAMESPACE, data)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root: Element = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise ReadError(Reason.CORRUPT, "cannot be parsed") from exc
    _choose_alternates(root)
    return root


def _choose_alternates(root: Element) -> None:
    """Replace alternate content by the first branch that is not empty: what new programs show."""
    for alternate in list(root.iter(f"{_MC}AlternateContent")):
        branch: Iterable[Element] = next((branch for branch in alternate if len(branch)), ())
        parent = alternate.getparent()
        if parent is not None:
            at = parent.index(alternate)
            parent[at : at + 1] = list(branch)
