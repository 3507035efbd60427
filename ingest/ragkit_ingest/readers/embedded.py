"""Files embedded in Office documents: packages, and OLE objects with what they wrap.

An OLE object is a compound file ([MS-CFB]). It is the document of an old program itself, or holds
a file in one of its streams ([MS-OLEDS] 2.3.6 for `Ole10Native`).
"""

from __future__ import annotations

import io
import ntpath
import struct
from collections.abc import Sequence

from ragkit_ingest.model import Attachment, ReadError
from ragkit_ingest.readers.ooxml import Part
from ragkit_ingest.text.counts import count_things

_MAX_NAMES = 5  # of unread objects in the warning
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_KINDS = ("package", "oleObject")  # of relationships
_PACKAGE_STREAMS = ("package", "package_stream", "embeddedodf", "contents")
_NATIVE_STREAM = "\x01ole10native"
_OWN_STREAMS = {  # a stream of an old program -> the suffix of its files
    "workbook": ".xls",
    "book": ".xls",
    "worddocument": ".doc",
    "powerpoint document": ".ppt",
    "visiodocument": ".vsd",
    "__properties_version1.0": ".msg",
    "encryptedpackage": "",
}
_SUFFIXES = ((b"%PDF", ".pdf"), (b"{\\rtf", ".rtf"))  # the start of a file


class EmbeddedFiles:
    """Collects the embedded files of parts as `attachments`, and those that cannot be read."""

    def __init__(self) -> None:
        self.attachments: list[Attachment] = []
        self._unread: list[str] = []

    def collect(self, part: Part, place: str = "") -> None:
        """Add the files that a part embeds. `place` says where it is ("slide 3").

        Files that it only links to, which are not in the package, are noted.
        """
        links = [link for link in part.relationships.values() if link.kind in _KINDS]
        for target in dict.fromkeys(link.target for link in links if link.is_external):
            self._note_unread(f"{ntpath.basename(target)}, a link to another file", place)
        for found in (other for kind in _KINDS for other in part.find_related(kind)):
            name = found.name.rpartition("/")[2]
            try:
                attachment = _open_object(found.read(), name, place)
            except ReadError as exc:
                self._note_unread(f"{name}: {exc.detail}", place)
                continue
            if attachment is None:
                self._note_unread(name, place)
            else:
                self.attachments.append(attachment)

    def describe_unread(self) -> Sequence[str]:
        """Return a warning about the embedded files that cannot be read, if there are any."""
        if not self._unread:
            return ()
        subject = count_things(len(self._unread), "embedded object", "was")
        names = list(dict.fromkeys(self._unread))
        told = names[:_MAX_NAMES] + ["..."] * (len(names) > _MAX_NAMES)
        return (f"{subject} not read: {'; '.join(told)}",)

    def _note_unread(self, what: str, place: str) -> None:
        self._unread.append(f"{what} ({place})" if place else what)


def _open_object(data: bytes, name: str, place: str) -> Attachment | None:
    """Return an embedded file, taken out of its OLE object, None if it cannot be found."""
    if not data.startswith(_OLE):
        return Attachment(_add_suffix(name, data), data, place)
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as compound:
            streams = {"/".join(path).lower() for path in compound.listdir()}
            for stream, suffix in _OWN_STREAMS.items():
                if stream in streams:
                    return Attachment(_stem(name) + suffix, data, place)
            if _NATIVE_STREAM in streams:
                own_name, content = _read_native(compound.openstream(_NATIVE_STREAM).read())
                return Attachment(own_name, content, place) if content else None
            for stream in _PACKAGE_STREAMS:
                if stream in streams:
                    content = compound.openstream(stream).read()
                    return Attachment(_add_suffix(name, content), content, place)
    except Exception:  # whatever a damaged compound file leads to
        return None
    return None


def _read_native(stream: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes of a packaged file, "" and b"" for a picture.

    After its size come a 2, three texts ended by zero (label, path, path of a temporary copy), and
    the file with its size. The object of a program such as Paint has its picture there instead.
    """
    if stream[4:6] != b"\2\0":
        return "", b""
    label, end = _read_text(stream, 6)
    path, end = _read_text(stream, end)
    _, end = _read_text(stream, end + 8)
    (size,) = struct.unpack_from("<I", stream, end)
    return ntpath.basename(path or label), stream[end + 4 : end + 4 + size]


def _read_text(stream: bytes, start: int) -> tuple[str, int]:
    end = stream.index(b"\0", start)
    return stream[start:end].decode("cp1252", "replace"), end + 1


def _add_suffix(name: str, data: bytes) -> str:
    """Return the name; its suffix is that of the content if it says nothing (`.bin`)."""
    suffix = next((suffix for start, suffix in _SUFFIXES if data.startswith(start)), "")
    return _stem(name) + suffix if name.endswith(".bin") else name


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name
