"""A TCP proxy before an S3 server that holds chosen requests back until it is told to let them go.

    python gate_proxy.py LISTEN_PORT SERVER_PORT CONTROL_FILE LOG_FILE

The control file has one regular expression a line; a request whose first line matches one waits,
and so does the rest of its connection.  The log file gets the first line of each request as it is
passed on.  It runs inside of the cluster's network, where the tests themselves are not.
"""

import asyncio
import re
import sys
from pathlib import Path

REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1\.1\r\n")
CHUNK_BYTES = 256 * 1024
POLL_SECONDS = 0.05


def _held(line: str, control: Path) -> bool:
    return any(re.search(rule, line) for rule in control.read_text().splitlines() if rule)


async def allowed(line: str, control: Path) -> None:
    """Return once no rule of the control file matches."""
    while _held(line, control):  # noqa: ASYNC110 - another process writes the file
        await asyncio.sleep(POLL_SECONDS)


async def forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, control: Path, log: Path
) -> None:
    """Pass on what the client sends; a chunk that begins like a request is one."""
    while chunk := await reader.read(CHUNK_BYTES):
        if found := REQUEST.match(chunk):
            line = f"{found[1].decode()} {found[2].decode()}"
            await allowed(line, control)
            with log.open("a") as lines:
                lines.write(f"{line}\n")
        writer.write(chunk)
        await writer.drain()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what the server sends."""
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()


async def serve(listen_port: int, server_port: int, control: Path, log: Path) -> None:
    """Accept connections until the process is ended."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection("127.0.0.1", server_port)
        both = [
            asyncio.create_task(forward(reader, there, control, log)),
            asyncio.create_task(answer(back, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            there.close()
            writer.close()

    server = await asyncio.start_server(connection, "0.0.0.0", listen_port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))
