"""Outcomes of a run as a file: a CSV, lines of JSON, a workbook. Neither a file nor a list is held in memory."""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from aiohttp import hdrs, web

from bulk_publisher.report.export import carried_names, csv_pieces
from bulk_publisher.report.workbook import check_xlsxwriter, write_xlsx
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.record import encode_outcomes
from bulk_publisher.web.route import Route
from bulk_publisher.web.viewing import views_of
from bulk_publisher.web.views.undisturbed import in_thread

_PIECE = 2_000
"""Lines of JSON that are sent at once."""
_BYTES = 256 * 1024
"""Of a workbook, that are sent at once."""
_NAME = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""What the name of a file may consist of, whatever a run's folder is called."""


async def as_csv(request: web.Request) -> web.StreamResponse:
    """Each line, as ``report --csv`` has it."""
    kept = await views_of(request).kept(request.match_info["run"])
    carried = await in_thread(lambda: carried_names([kept]))
    pieces = csv_pieces(kept, carried)
    return await _send(request, kept, "csv", "text/csv", _text_pieces(pieces))


async def as_jsonl(request: web.Request) -> web.StreamResponse:
    """Each line, as the journal has it."""
    kept = await views_of(request).kept(request.match_info["run"])
    pieces = _json_pieces(kept)
    return await _send(request, kept, "jsonl", "application/jsonl", _pieces_of(pieces))


async def as_xlsx(request: web.Request) -> web.StreamResponse:
    """Each line, as ``report --format xlsx`` has it: it is made before the first byte is sent."""
    kept = await views_of(request).kept(request.match_info["run"])
    check_xlsxwriter()
    file = await in_thread(lambda: _workbook(kept))
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    try:
        return await _send(request, kept, "xlsx", kind, _pieces_of(_file_pieces(file)))
    finally:
        file.close()


async def _send(
    request: web.Request, kept: KeptRun, suffix: str, kind: str, pieces: AsyncIterator[bytes]
) -> web.StreamResponse:
    # What can't be read at all is an answer of its own, with its status.
    first = await anext(pieces, b"")
    name = "".join(letter if letter in _NAME else "_" for letter in kept.name)[:100]
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: f"{kind}; charset=utf-8" if suffix != "xlsx" else kind,
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}-outcomes.{suffix}"',
            hdrs.CACHE_CONTROL: "no-store",
        }
    )
    await response.prepare(request)
    await response.write(first)
    async for piece in pieces:
        await response.write(piece)
    return response


async def _text_pieces(pieces: Iterator[str]) -> AsyncIterator[bytes]:
    while piece := await in_thread(lambda: next(pieces, "")):
        yield piece.encode("utf-8", "backslashreplace")


async def _pieces_of(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := await in_thread(lambda: next(pieces, b"")):
        yield piece


def _json_pieces(kept: KeptRun) -> Iterator[bytes]:
    lines = kept.outcomes() if kept.has_journal else iter(())
    while piece := list(islice(lines, _PIECE)):
        yield encode_outcomes(piece)


def _file_pieces(file: BinaryIO) -> Iterator[bytes]:
    read: Callable[[], bytes] = lambda: file.read(_BYTES)  # noqa: E731
    return iter(read, b"")


def _workbook(kept: KeptRun) -> BinaryIO:
    """A workbook, open to be read; it has no name any more."""
    with TemporaryDirectory(prefix="bulk-publisher-") as folder:
        path = Path(folder) / "outcomes.xlsx"
        write_xlsx([kept] if kept.has_journal else [], path)
        return path.open("rb")


ROUTES = (
    Route("GET", "/runs/{run}/outcomes.csv", as_csv),
    Route("GET", "/runs/{run}/outcomes.jsonl", as_jsonl),
    Route("GET", "/runs/{run}/outcomes.xlsx", as_xlsx),
)
