"""A million empty objects in the bench server, quickly: bare requests on a few connections.

Only for the bench server: nothing is signed.
"""

import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

_AT_ONCE = 64


def plant(endpoint: str, bucket: str, keys: Iterable[str], metadata: Mapping[str, str]) -> None:
    """PUT an empty object with that user metadata for every key (which needs no URL encoding).

    Raises: RuntimeError when the server refuses one.
    """
    address = urlsplit(endpoint)
    host, port = address.hostname or "", address.port or 80
    lanes = [socket.create_connection((host, port)) for _ in range(_AT_ONCE)]
    waiting: list[bool] = [False] * _AT_ONCE
    stated = "".join(f"x-amz-meta-{name}: {value}\r\n" for name, value in metadata.items())
    head = f"Host: {host}\r\n{stated}Content-Length: 0\r\n\r\n"
    try:
        for lane in lanes:
            lane.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, key in enumerate(keys):
            index = number % _AT_ONCE
            if waiting[index]:
                _answer(lanes[index])
            lanes[index].sendall(f"PUT /{bucket}/{key} HTTP/1.1\r\n{head}".encode())
            waiting[index] = True
        for lane, busy in zip(lanes, waiting, strict=True):
            if busy:
                _answer(lane)
    finally:
        for lane in lanes:
            lane.close()


def _answer(lane: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        more = lane.recv(65536)
        if not more:
            raise RuntimeError("the bench server closed the connection")
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the bench server refused a PUT: {answer[:200]!r}")
