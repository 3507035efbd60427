"""Names files that ragkit cannot read: what they are, and how to save them so that it can.

Each table gives a mark of a format and what to tell the user. `detect` asks them after it has ruled
out every format with a reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

OLE_STREAMS = {  # a stream of an OLE file -> its kind, or what it is and what to do
    "EncryptedPackage": "",
    "Workbook": "xls",
    "Book": "xls",
    "WordDocument": "a Word 97-2003 file; save it as .docx",
    "PowerPoint Document": "a PowerPoint 97-2003 file; save it as .pptx",
    "__properties_version1.0": "an Outlook message; save it as .eml",
    "VisioDocument": "a Visio drawing; save it as .pdf",
    "Quill": "a Publisher file; save it as .pdf",
    "HwpSummaryInformation": "a Hangul (HWP) document; save it as .docx",
    "MatOST": "a Works document; save it as .docx",
    "SwDocContentMgr": "a SolidWorks drawing; save it as .pdf",
    "Catalog": "a thumbnail cache of Windows, which holds only pictures",
}
_ODF = "application/vnd.oasis.opendocument."
_MIMETYPES = (  # the start of a ZIP's "mimetype" member -> what it is and what to do
    (f"{_ODF}text", "an OpenDocument text; save it as .docx or .pdf"),
    (f"{_ODF}presentation", "an OpenDocument presentation; save it as .pptx or .pdf"),
    (f"{_ODF}graphics", "an OpenDocument drawing; save it as .pdf"),
    (f"{_ODF}base", "a LibreOffice database; export its tables as .csv"),
    (_ODF, "an OpenDocument file; save it as .pdf"),
    ("application/vnd.sun.xml", "a StarOffice document; save it as .docx or .pdf"),
    ("application/epub+zip", "an EPUB book; save it as .html or .pdf"),
    ("application/hwp+zip", "a Hangul (HWPX) document; save it as .docx"),
    ("application/vnd.adobe.indesign-idml", "an InDesign document; export it as .pdf"),
)
_KEYNOTE = "a Keynote presentation; export it as .pptx or .pdf"
_NUMBERS = "a Numbers spreadsheet; export it as .xlsx"
_PAGES = "a Pages document; export it as .docx or .pdf"
_IWORK = "an Apple iWork document; export it as .pdf"
_APPLE = {".key": _KEYNOTE, ".numbers": _NUMBERS, ".pages": _PAGES}
_MEMBERS = (  # a pattern of a ZIP's member names -> what the ZIP is and what to do
    (r"index\.apxl|Index/(?:Slide|MasterSlide|TemplateSlide)\S*\.iwa", _KEYNOTE),
    (r"Index/\S+\.iwa|Index\.zip", _IWORK),
    (r"\S+\.fdseq|\S+\.fpage", "an XPS document; save it as .pdf"),
    (r"visio/document\.xml", "a Visio drawing; save it as .pdf"),
    (r"DataModel|DataModelSchema|Report/Layout", "a Power BI report; export its pages as .pdf"),
    (r"\S+\.twb", "a Tableau workbook; export it as .pdf"),
    (r"doc\.kml|\S+\.kml", "a map (KMZ); export its places as .csv"),
    (r"content\.json\n(?:[^\n]*\n)*metadata\.json", "a mind map (XMind); export it as .pdf"),
    (r"AndroidManifest\.xml|META-INF/MANIFEST\.MF", "a program"),
    (r"theme/theme/themeManager\.xml", "an Office theme, which holds no text"),
)
_SIGNATURES = (  # the first bytes of files that cannot be text -> what they are and what to do
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"\xc5\xd0\xd3\xc6", "an EPS drawing; save it as .pdf"),
    (b"8BPS", "a Photoshop picture; export it as .pdf"),
    (b"AT&TFORM", "a DjVu scan; save it as .pdf with a text layer (OCR)"),
    (b"\xd7\xcd\xc6\x9a", "a WMF drawing; save it as .pdf"),
    (b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5", "an InDesign document; export it as .pdf"),
    (b"\xff\x57\x50\x43", "a WordPerfect document; save it as .docx"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "a OneNote section; export its pages as .pdf or .docx"),
    (b"!BDN", "an Outlook data file (PST or OST); export its messages as .eml"),
    (b"\x78\x9f\x3e\x22", "an Outlook envelope (winmail.dat); send the message again as HTML"),
    (b"\0\x01\0\0Standard Jet DB", "an Access database; export its tables as .xlsx or .csv"),
    (b"\0\x01\0\0Standard ACE DB", "an Access database; export its tables as .xlsx or .csv"),
    (b"\0\0\x1a\0\0\x10\x04\0", "a Lotus 1-2-3 spreadsheet; save it as .xlsx"),
    (b"\0\0\x02\0\x06\x04\x06\0", "a Lotus 1-2-3 spreadsheet; save it as .xlsx"),
    (b"AutoCAD Binary DXF", "a CAD drawing (DXF); plot it to .pdf"),
    (b"ITSF", "a compiled help file (CHM); save its pages as .html"),
    (b"bplist00", "a property list or web archive of macOS; save it as .html or .pdf"),
    (b"HWP Document File", "a Hangul (HWP) document; save it as .docx"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"\xfd7zXZ\0", "an xz archive; unpack it"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it"),
    (b"MSCF", "a CAB archive; unpack it"),
    (b"\x7fELF", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\0asm", "a program"),
    (b"\x4c\0\0\0\x01\x14\x02\0", "a Windows shortcut; ingest the file it points to"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"SQLite format 3\0", "a SQLite database; export its tables as .csv"),
    (b"{\\rtf", "an RTF text; save it as .docx"),
    (b"%!PS", "a PostScript file; save it as .pdf"),
)
_TEXT_LIKE_SIGNATURES = (  # letters that a text may begin with, too
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"RIFF", "an image, audio or video file"),
    (b"MZ", "a program"),
    (b"BZh", "a bzip2 archive; unpack it"),
    (b"ID3", "an audio file"),
    (b"OggS", "an audio file"),
    (b"fLaC", "an audio file"),
    (b"\xff\xfb", "an audio file"),
    (b"PAR1", "a Parquet table; export it as .csv"),
    (b"AC10", "a CAD drawing (DWG); plot it to .pdf"),
    (b"wOF", "a font"),
    (b"OTTO", "a font"),
    (b"\0\x01\0\0\0", "a font"),
)
_MEDIA_BRANDS = {b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif"}  # ISO/IEC 23008-12, 10
_SUFFIXES = {  # what binary files and OLE files without a known mark are named as
    **dict.fromkeys((".dwg", ".dwf", ".dgn"), "a CAD drawing; plot it to .pdf"),
    **dict.fromkeys((".pst", ".ost"), "an Outlook data file; export its messages as .eml"),
    **dict.fromkeys((".mpp", ".mpt"), "a Project plan; save it as .pdf"),
    **dict.fromkeys((".mdb", ".accdb"), "an Access database; export its tables as .csv"),
    **dict.fromkeys((".wpd", ".wp", ".wps"), "an old word processor's text; save it as .docx"),
    **dict.fromkeys((".wk1", ".wk3", ".wk4", ".123", ".wks"), "a Lotus sheet; save it as .xlsx"),
    **dict.fromkeys((".p7m", ".p7s"), "a signed or encrypted S/MIME part; save the mail as .eml"),
    **dict.fromkeys((".cer", ".crt", ".der", ".p12", ".pfx"), "a certificate, which holds no text"),
    **dict.fromkeys((".sldprt", ".sldasm", ".slddrw"), "a SolidWorks drawing; save it as .pdf"),
    ".pub": "a Publisher file; save it as .pdf",
    ".msi": "a program",
    ".one": "a OneNote section; export its pages as .pdf or .docx",
    ".doc": "a Word file of an old version; save it as .docx",
    ".ppt": "a PowerPoint file of an old version; save it as .pptx",
    ".xps": "an XPS document; save it as .pdf",
    ".oxps": "an XPS document; save it as .pdf",
    ".indd": "an InDesign document; export it as .pdf",
    ".mobi": "a Kindle book; save it as .html or .pdf",
    **_APPLE,
}


def describe_zip(names: Sequence[str], mimetype: str, suffix: str) -> str:
    """Return what a ZIP package without a reader is and what to do, "" for a mere archive."""
    found = next((text for start, text in _MIMETYPES if mimetype.startswith(start)), "")
    if found:
        return found
    listing = "\n".join(names)
    for pattern, text in _MEMBERS:
        if re.search(rf"^(?:{pattern})$", listing, re.MULTILINE | re.IGNORECASE):
            return _APPLE.get(suffix, text) if text in (_KEYNOTE, _IWORK) else text
    return _SUFFIXES.get(suffix, "")


def describe_signature(data: bytes) -> str:
    """Return what a file with the first bytes of a binary format is, "" for any other."""
    found = _describe(data, _SIGNATURES)
    if found.startswith("a PostScript") and b" EPSF-" in data[:64]:
        return "an EPS drawing; save it as .pdf"
    return found


def describe_binary(data: bytes, suffix: str) -> str:
    """Return what a file that is no text is, by its marks or else by its suffix."""
    if data[4:8] == b"ftyp":
        return "a HEIC image" if data[8:12] in _MEDIA_BRANDS else "a video or audio file"
    found = _describe(data, _TEXT_LIKE_SIGNATURES) or _SUFFIXES.get(suffix, "")
    if found:
        return found
    if data[257:262] == b"ustar":
        return "a tar archive; unpack it"
    if data[128:132] == b"DICM":
        return "a medical image (DICOM)"
    return (
        "a Kindle book; save it as .html or .pdf" if data[60:68] == b"BOOKMOBI" else "binary data"
    )


def describe_ole(suffix: str) -> str:
    """Return what an OLE file without a known stream is."""
    return _SUFFIXES.get(suffix, "an OLE compound file of an unknown kind; save it as .pdf")


def _describe(data: bytes, signatures: Iterable[tuple[bytes, str]]) -> str:
    return next((text for start, text in signatures if data.startswith(start)), "")
