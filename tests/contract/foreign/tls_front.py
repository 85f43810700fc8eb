"""Puts TLS before a sandbox, for clients that insist on it.

Run: python tls_front.py http://127.0.0.1:PORT CA.pem

Makes an authority and a certificate of its own, writes the authority to CA.pem, prints the https
address, and passes bytes to and fro until it is ended. A broken wire behind it breaks before it.
"""

import asyncio
import ssl
import sys
from contextlib import suppress
from urllib.parse import urlsplit

import trustme


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
        writer.close()
    except OSError:
        writer.transport.abort()


async def serve(behind: str, ca_file: str) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    address = urlsplit(behind)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(
                address.hostname, address.port
            )
        except OSError:
            writer.transport.abort()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(pass_on(reader, inner_writer))
            group.create_task(pass_on(inner_reader, writer))

    server = await asyncio.start_server(connect, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    print(f"https://127.0.0.1:{port}", flush=True)  # noqa: T201 - the one who started it reads it
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(*sys.argv[1:]))
