"""DeleteObjects: up to 1,000 keys a request; keys that XML cannot carry are deleted alone."""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from typing import Final

from datasync_runner.storage import errors
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.gather import Gather
from datasync_runner.storage.s3.objects import Objects

BATCH: Final = 1000
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ERROR: Final = re.compile(rb"<Error>(.*?)</Error>", re.DOTALL)
_FIELD: Final = re.compile(rb"<(Key|Code|Message)>([^<]*)</\1>")
_CODES: Final[dict[str, type[errors.StorageError]]] = {
    "AccessDenied": errors.Denied,
    "InternalError": errors.Unavailable,
    "SlowDown": errors.Throttled,
}


async def delete(objects: Objects, keys: Sequence[bytes]) -> list[bytes | errors.StorageError]:
    """Delete; what is gone already counts as deleted.  Raises: StopError, Unavailable."""
    answers: dict[bytes, errors.StorageError] = {}
    odd: list[bytes] = []
    plain: dict[str, bytes] = {}
    for key in keys:
        try:
            name = objects.name(key)
        except errors.NameNotRepresentable as error:
            answers[key] = error
            continue
        if _NOT_IN_XML.search(name):
            odd.append(key)
        else:
            plain[name] = key
    everything = list(plain)
    for start in range(0, len(everything), BATCH):
        answers |= await _together(objects, everything[start : start + BATCH], plain)
    if odd:
        answers |= await _one_by_one(objects, odd)
    return [answers.get(key, key) for key in keys]


async def _together(
    objects: Objects, names: Sequence[str], keys: dict[str, bytes]
) -> dict[bytes, errors.StorageError]:
    items = "".join([f"<Object><Key>{_escaped(name)}</Key></Object>" for name in names])
    body = (
        f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{items}<Quiet>true</Quiet></Delete>'
    ).encode()
    # S3 asks for it here; it is no protection against anybody.
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    headers = [("content-md5", base64.b64encode(digest).decode()), ("content-type", "text/xml")]
    path = objects.client.path()
    call = Call("DeleteObjects", "POST", path, "delete=", headers=headers, body=body, thinks=True)
    answer = (await objects.client.ask(call)).body
    refused: dict[bytes, errors.StorageError] = {}
    for told in _ERROR.findall(answer):
        fields = {
            name: html.unescape(value.decode("utf-8", "replace"))
            for name, value in _FIELD.findall(told)
        }
        code = fields.get(b"Code", "")
        key = keys.get(fields.get(b"Key", ""))
        if key is not None and code != "NoSuchKey":
            kind = _CODES.get(code, errors.Unexpected)
            refused[key] = kind(f"DeleteObjects: {code}: {fields.get(b'Message', '')}", key)
    return refused


def _escaped(name: str) -> str:
    # Not xml.sax.saxutils: it loads urllib.request, which every start would pay for.
    return html.escape(name, quote=False).replace("\r", "&#13;")


async def _one_by_one(objects: Objects, keys: Sequence[bytes]) -> dict[bytes, errors.StorageError]:
    gather: Gather[Answer] = Gather(len(keys))
    for at, key in enumerate(keys):
        call = Call("DeleteObject", "DELETE", objects.path(key), key=key)
        objects.client.start(call, gather.place(at))
    return {
        key: answer
        for key, answer in zip(keys, await gather.all(), strict=True)
        if isinstance(answer, errors.StorageError) and not isinstance(answer, errors.Missing)
    }
