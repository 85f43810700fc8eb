"""The rows of a sheet of a workbook, whose pages are those of a table.

How it works:
    Another process reads the workbook, `sheet_process`: what a hostile one makes of it does no harm
    there. Its rows come over a pipe in blocks and are checked as they come, while it reads on, and
    copied to a temporary file without a name, from which they are read ever after: what becomes of the
    workbook then does not matter. Blocks whose rows are all in order are told at once, `plain_rows`.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from io import BufferedReader, RawIOBase
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, cast

from bulk_publisher.errors import BadSource
from bulk_publisher.model import Scope
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.sources.columns import SAMPLE_ROWS, find_columns, is_blank
from bulk_publisher.sources.file_bytes import (
    CHUNK,
    MOST_BYTES,
    FileBytes,
    no_copy,
    open_bytes,
    spool_for,
    too_large,
)
from bulk_publisher.sources.opening import reason
from bulk_publisher.sources.plain_rows import plain_pages
from bulk_publisher.sources.sheet_blocks import MOST_BYTES as MOST_BYTES_OF_BLOCK
from bulk_publisher.sources.sheet_blocks import Block, decode_block
from bulk_publisher.sources.table import CheckedTable, TakePages, check_table
from bulk_publisher.text.escaping import printable
from bulk_publisher.text.redaction import without_webhooks
from bulk_publisher.text.shown import as_text, did_you_mean, is_plain, listed, shown

if TYPE_CHECKING:
    from bulk_publisher.sources.sheet_process import Answer

WORKBOOK_HEADS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""What a zip archive begins with, and what a file of Excel before 2007."""

OUT_OF_MEMORY = 3
"""Of the other process, as it has it."""

_MAIN = """import sys, json
path, sheet = json.loads(sys.argv[1])
sys.path[:] = path
from bulk_publisher.sources.sheet_process import main
main(sheet)"""

_LONGEST_ANSWER = 1 << 20
_PIPE_BYTES = 1 << 20
LONGEST_CELL = 131_072
"""Characters, as in a CSV; a cell of Excel has a quarter of it at most."""

_SAVE_ANEW = "Open it in the program that made it, and save it as .xlsx; or save the sheet as CSV UTF-8, and give that with --csv."


def check_xlsx(
    path: str,
    *,
    sheet: str | None,
    column: str | None,
    scope: Scope | None,
    skip_bad_rows: bool,
    carry: Sequence[str] | None = None,
) -> CheckedTable:
    """Read a sheet of a workbook through, so that nothing of it can surprise a run.

    Args:
        path: A file, .xlsx, .xls, .xlsb or .ods, or ``-`` for standard input.
        sheet: Its name; None for the only one that can be seen and has anything in it.
        column: The column with the ids; None to find it by its name, or take the first.
        scope: For rows that name none.
        skip_bad_rows: Leave bad rows out instead of refusing the file.
        carry: Columns whose cells stand in the outcomes; None for all that are not used otherwise.

    Raises:
        BadSource: If it cannot be read, names no page, or has a bad row that is not to be skipped.
    """
    name = "<stdin>" if path == "-" else as_text(path)

    def refuse(head: bytes) -> None:
        if not head.startswith(WORKBOOK_HEADS):
            raise BadSource(
                f"{name} is no spreadsheet: neither .xlsx, .xls, .xlsb nor .ods",
                "For a CSV, use --csv; save other formats as .xlsx.",
            )

    if find_spec("python_calamine") is None:
        raise BadSource(
            f"{name} can't be read: spreadsheets need python-calamine.",
            "Install it with: pip install 'bulk-publisher[xlsx]'",
        )
    try:
        data = open_bytes(path, name, kind="a spreadsheet", refuse=refuse)
        refuse(data.head())
        if data.size() > MOST_BYTES:
            raise too_large(name)
        with _read(data, sheet) as (answer, rows):
            table = _Sheet(answer, rows, sheet, column, carry)
            return check_table(table, scope=scope, skip_bad_rows=skip_bad_rows)
    except OSError as error:
        raise BadSource(f"{name} can't be read: {reason(error)}") from error


_NEEDED = {"PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ"}
"""Of the environment, to find libraries and to read their letters."""


class _Sheet:
    """The rows of a sheet: read from the other process once, from a copy of what it said ever after."""

    def __init__(
        self,
        answer: "Answer",
        rows: "_Copying",
        wanted: str | None,
        column: str | None,
        carry: Sequence[str] | None,
    ) -> None:
        sheet = without_webhooks(printable(answer["sheet"]))
        self.name = f"{rows.name}:{sheet}"
        self.notes = tuple(_notes(answer, rows.name, wanted))
        self.sha256 = rows.sha256
        self._copy = rows.copy
        self._fresh: Iterator[tuple[int, Block]] | None = self._blocks(BufferedReader(rows, CHUNK))
        first: list[tuple[int, Block]] = []
        sample: list[list[str]] = []
        for number, block in self._fresh:
            first.append((number, block))
            sample += (row for row in block.rows() if not is_blank(row))
            if len(sample) >= SAMPLE_ROWS:
                break
        self._fresh = chain(first, self._fresh)
        self.columns = find_columns(
            sample[:SAMPLE_ROWS], name=self.name, column=column, carry=carry
        )

    def rows(self, take: TakePages | None = None) -> Iterator[tuple[int, list[str] | Wrong]]:
        blocks, self._fresh = self._fresh, None
        awaits_header = self.columns.has_header
        width = len(self.columns.header)
        for first, block in self._blocks(self._copy.open()) if blocks is None else blocks:
            if take is not None and not awaits_header:
                pages = plain_pages(block, self.columns)
                if pages is not None:
                    take(pages)
                    continue
            for number, row in enumerate(block.rows(), first):
                if not row:
                    continue
                if awaits_header:
                    awaits_header = is_blank(row)
                    continue
                if len(row) < width:
                    # In a sheet it is never doubtful which column a cell stands in.
                    row.extend([""] * (width - len(row)))
                yield number, row

    def is_same(self) -> bool:
        return True

    def _blocks(self, lines: BufferedReader) -> Iterator[tuple[int, Block]]:
        """The blocks, each with the number of its first row."""
        number = 1
        with lines:
            while line := lines.readline(MOST_BYTES_OF_BLOCK + 1):
                if len(line) > MOST_BYTES_OF_BLOCK:
                    raise self._too_long(number, f"this row has over {MOST_BYTES_OF_BLOCK:,} bytes")
                block = decode_block(line)
                if len(line) > LONGEST_CELL and (at := block.row_beyond(LONGEST_CELL)) is not None:
                    what = f"a cell in this row has over {LONGEST_CELL:,} characters"
                    raise self._too_long(number + at, what)
                yield number, block
                number += block.count

    def _too_long(self, number: int, what: str) -> BadSource:
        return BadSource(f"{self.name}:{number}: {what}", "Shorten it, or leave its column out.")


class _Copying(RawIOBase):
    """What the other process says, copied while it is read, to its good end."""

    def __init__(self, process: subprocess.Popen[bytes], data: FileBytes, sha256: str) -> None:
        self.name = data.name
        self.sha256 = sha256
        self._process = process
        self._data = data
        self._size = 0
        with spool_for(self.name) as spool:
            self.copy = FileBytes(os.dup(spool.fileno()), self.name)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # typeshed's Buffer is wider than what is handed in
        count = os.readv(cast("BinaryIO", self._process.stdout).fileno(), [buffer])
        if not count:
            self._check_end()
        self._size += count
        if self._size > MOST_BYTES:
            raise too_large(self.name)
        self._write(buffer[:count])
        return count

    def _write(self, said: "memoryview") -> None:
        try:
            while said:
                said = said[os.write(self.copy.fileno(), said) :]
        except OSError as error:
            raise no_copy(self.name, error) from error

    def _check_end(self) -> None:
        if self._process.wait():
            raise _died(self._process.returncode, self.name)
        if self._data.sha256() != self.sha256:
            raise BadSource(f"{self.name} changed while it was checked")


@contextmanager
def _read(data: FileBytes, wanted: str | None) -> "Iterator[tuple[Answer, _Copying]]":
    """What the other process answers, and the rows that it reads, as they come."""
    command = [sys.executable, "-I", "-c", _MAIN, json.dumps([sys.path, wanted])]
    with subprocess.Popen(  # noqa: S603 - it is our own
        command,
        stdin=data.fileno(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=_environment(),
    ) as process:
        try:
            sha256 = data.sha256()
            said = cast("BinaryIO", process.stdout)
            # Small by default: each side would wait for the other at every block. There may be a bound.
            with suppress(OSError):
                fcntl.fcntl(said, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            line = said.readline(_LONGEST_ANSWER)
            if not line.endswith(b"\n"):
                process.kill()
                raise _died(process.wait(), data.name)
            answer: Answer = json.loads(line)
            _refuse_error(answer, data.name, wanted)
            yield answer, _Copying(process, data, sha256)
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    """What the other process needs of ours, which holds secrets."""
    return {name: value for name, value in os.environ.items() if name in _NEEDED}


def _died(status: int, name: str) -> BadSource:
    """What is said where the other process ended with *status*, in words.

    The library aborts where it is given no memory, and the system kills for want of it.
    """
    match -status:
        case signal.SIGXCPU:
            return BadSource(f"{name} can't be read: it takes too long", _SAVE_ANEW)
        case signal.SIGABRT | signal.SIGSEGV | signal.SIGBUS | signal.SIGKILL:
            return _too_much_memory(name)
        case _ if status == OUT_OF_MEMORY:
            return _too_much_memory(name)
        case _:
            return BadSource(
                f"{name} can't be read: the process that reads it has failed", _SAVE_ANEW
            )


def _too_much_memory(name: str) -> BadSource:
    return BadSource(
        f"{name} can't be read: it takes over 1 GB of memory",
        "A cell far below or beside the list may be the cause: copy the list into a new workbook, or "
        "save the sheet as CSV UTF-8, and give that with --csv.",
    )


def _refuse_error(answer: "Answer", name: str, wanted: str | None) -> None:
    """Raise what is wrong, if anything is."""
    if "error" not in answer:
        return
    sheets = [printable(sheet) for sheet in answer.get("sheets", ())]
    match answer["error"]:
        case "password":
            raise BadSource(f"{name} has a password", "Save it without one.")
        case "memory":
            raise _too_much_memory(name)
        case "marks":
            raise BadSource(
                f"{name} has over 100,000 cells with an error, or with a formula and no value",
                _SAVE_ANEW,
            )
        case "damaged":
            raise BadSource(f"{name} is damaged, or no spreadsheet: {_brief(answer)}", _SAVE_ANEW)
        case "several sheets":
            raise BadSource(
                f"{name} has {len(sheets)} sheets with something in them: {listed(map(shown, sheets))}",
                f"Say with --sheet which of them lists the pages{_example(sheets[0])}.",
            )
        case "no such sheet" if wanted is None:
            raise BadSource(
                f"{name} has no sheet that can be seen: hidden are {listed(map(shown, sheets))}"
                if sheets
                else f"{name} has no sheet in it",
                "Say with --sheet which of them lists the pages." if sheets else "",
            )
        case "no such sheet":
            sheet = as_text(wanted or "")
            raise BadSource(
                f"{name} has no sheet {shown(sheet)}{did_you_mean(sheet, sheets)}",
                f"Its sheets are {listed(map(shown, sheets))}.",
            )


def _brief(answer: "Answer") -> str:
    return printable(without_webhooks(answer.get("detail", "")))[:200]


def _example(sheet: str) -> str:
    return f", for example: --sheet {shown(sheet)}" if is_plain(sheet) else ""


def _notes(answer: "Answer", name: str, wanted: str | None) -> Iterator[str]:
    sheet = shown(printable(answer["sheet"]))
    if wanted is not None and answer.get("is_hidden"):
        yield f"{name}: the sheet {sheet} is hidden, and was taken as you said"
    elif wanted is None and len(answer["sheets"]) > 1:
        yield f"{name}: the sheet {sheet} was taken: of {len(answer['sheets'])}, only it can be seen and has anything in it"
