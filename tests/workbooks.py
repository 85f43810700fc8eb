"""Workbooks, made up: good ones, and some that no program would write."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import xlsxwriter

Rows = Sequence[Sequence[object]]


def workbook(
    path: Path | str, sheets: Rows | Mapping[str, Rows], *, hidden: Sequence[str] = ()
) -> Path:
    """A workbook at *path*; a cell that begins with = is a formula without a value."""
    book = xlsxwriter.Workbook(str(path))
    named = sheets if isinstance(sheets, Mapping) else {"Sheet1": sheets}
    for name, rows in named.items():
        sheet = book.add_worksheet(name)
        if name in hidden:
            sheet.hide()
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str) and value.startswith("="):
                    sheet.write_formula(number, column, value, None, "")
                elif value is not None:
                    sheet.write(number, column, value)
    book.close()
    return Path(path)


def edited(path: Path, part: str, old: str, new: str) -> Path:
    """*path* with *old* in one of its parts replaced by *new*."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def open_document(path: Path, rows: str, *, manifest: str = "") -> Path:
    """An .ods with one sheet, of *rows* as its XML has them."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="content.xml">{manifest}</manifest:file-entry>'
            "</manifest:manifest>",
        )
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="Tabelle1">{rows}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return path


def compound_file(path: Path, *streams: str) -> Path:
    """What Excel wrote before 2007, and writes with a password; empty streams of these names."""
    end, free = 0xFFFFFFFE, 0xFFFFFFFF

    def entry(name: str, kind: int, *, child: int = free, right: int = free, start: int = end) -> bytes:  # fmt: skip
        encoded = f"{name}\0".encode("utf-16-le") if name else b""
        about = struct.pack("<HBBIII", len(encoded), kind, 1, free, right, child)
        return encoded.ljust(64, b"\0") + about + bytes(36) + struct.pack("<IQ", start, 4096)

    sectors, entries = [0xFFFFFFFD, end], [entry("Root Entry", 5, child=1)]
    for number, name in enumerate(streams, 1):
        first = len(sectors)
        right = number + 1 if number < len(streams) else free
        entries.append(entry(name, 2, right=right, start=first))
        sectors += [*range(first + 1, first + 8), end]
    entries += [entry("", 0)] * (4 - len(entries))
    head = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6)
    )
    head += bytes(6) + struct.pack("<10I", 0, 1, 1, 0, 4096, end, 0, end, 0, 0) + b"\xff" * 432
    table = struct.pack("<128I", *sectors, *[free] * (128 - len(sectors)))
    path.write_bytes(head + table + b"".join(entries) + bytes(4096 * len(streams)))
    return path
