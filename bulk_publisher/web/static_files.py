"""Files that come with the package: styles and scripts. They are read once, and served from memory.

By memory no path can lead out of the folder, and no link into another.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import hdrs, web

_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_YEAR = "public, max-age=31536000, immutable"
"""For an address with the content's hash in it, which no other content ever has."""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    kind: str
    digest: str


class StaticFiles:
    """The files, by their names."""

    def __init__(self) -> None:
        """Read them."""
        self._files = {
            one.name: _read(one.name, one.read_bytes())
            for one in files("bulk_publisher.web").joinpath("static").iterdir()
            if _suffix(one.name) in _TYPES
        }

    def url(self, name: str) -> str:
        """The address of a file, which changes with its content.

        Raises:
            KeyError: If there is none.
        """
        return f"/static/{name}?v={self._files[name].digest}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The file that *request* names."""
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        response = web.Response(body=file.content, content_type=file.kind, charset="utf-8")
        response.etag = file.digest
        is_versioned = request.query.get("v") == file.digest
        response.headers[hdrs.CACHE_CONTROL] = _YEAR if is_versioned else "no-cache"
        known = request.if_none_match or ()
        if any(tag.value in {file.digest, "*"} for tag in known):
            headers = {hdrs.CACHE_CONTROL: response.headers[hdrs.CACHE_CONTROL]}
            unchanged = web.Response(status=304, headers=headers)
            unchanged.etag = file.digest
            return unchanged
        if len(file.content) > 1024:
            response.enable_compression()
        return response


def _read(name: str, content: bytes) -> _File:
    return _File(content, _TYPES[_suffix(name)], hashlib.sha256(content).hexdigest()[:16])


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}"
