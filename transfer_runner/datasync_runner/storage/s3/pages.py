"""A page of ListObjectsV2, from XML to columns: the only module that imports lxml.

AWS writes the elements of an object in one order; there a strict regular expression reads a page
of 1,000 keys in a third of a millisecond.  It is trusted only where it has found every object of
the page, and another one only where a whole page has none: everything else (another order, other
elements, comments) goes through lxml, which takes 12 ms to be loaded.
A page that cannot be read whole is an error, never an empty page: an object that is not listed
would be deleted at the other side.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from datasync_runner.storage import errors
from datasync_runner.storage.s3.keeping import STANDARD


class Page(NamedTuple):
    """One answer of ListObjectsV2; the first five fields are columns of equal length."""

    keys: list[bytes]
    """Whole keys, as the bucket has them."""
    mtimes_ns: list[int]
    """Last-Modified in whole seconds: what HEAD tells has no more; 0: not told."""
    etags: list[str]
    """With their quotes, as conditions want them."""
    sizes_bytes: list[int]
    classes: list[str]
    """Storage classes; STANDARD also where none is told."""
    prefixes: list[bytes]
    """CommonPrefixes: where a delimiter was asked for."""
    token: str = ""
    """Where the next page begins; empty: this is the last one."""


_QUOTES: Final = ("&quot;", "&#34;", '"')
_AWS_ORDER: Final = [
    re.compile(
        r"<Contents><Key>([^<]*)</Key><LastModified>([^<]*)</LastModified>"
        rf"<ETag>{quote}([^<&\"]*){quote}</ETag>"
        r"(?:<Checksum[^<]*+</Checksum[^<]*+)*+<Size>(\d+)</Size>"
    )
    for quote in _QUOTES
]
"""One expression for each way to write the quotes of an ETag: alternatives in it cost a third."""
_FIRST: Final = "<Contents>"
_LAST: Final = "</Contents>"
_NEXT: Final = _LAST + _FIRST
_OTHER: Final = re.compile(r"</?[\w:.-]*(?:CommonPrefixes|Contents)\b")
_END: Final = "</ListBucketResult>"
_TRUNCATED: Final = re.compile(r"<IsTruncated>(true|false)</IsTruncated>")
_TOKEN: Final = re.compile(r"<NextContinuationToken>([^<&]+)</NextContinuationToken>")
_QUICK_TOKEN: Final = re.compile(rb"<NextContinuationToken>([\w+/=.:-]+)</NextContinuationToken>")
_EMPTY: Final = re.compile(
    r"(?:<\?xml [^<>]*\?>)?\s*<ListBucketResult(?:\s[^<>]*)?>"
    r"(?:\s*<(\w+)(?:/>|>[^<]*</\1>))*\s*</ListBucketResult>\s*"
)
"""A whole page of elements with nothing but text in them: objects and prefixes have more."""
_ELEMENT: Final = re.compile(r"<(\w+)>")
_URL: Final = "<EncodingType>url</EncodingType>"
_STANDARD: Final = f"<StorageClass>{STANDARD}</StorageClass>"
_CLASS: Final = re.compile(r"<StorageClass>([^<&]+)</StorageClass>")
MAX_TIMES: Final = 10_000


def quick_token(body: bytes) -> str:
    """Where the next page begins, seen without reading the page; empty: nothing certain."""
    found = _QUICK_TOKEN.search(body)
    return found[1].decode() if found and b"<!" not in body else ""


def parse_page(body: bytes) -> Page:
    """The page of an answer's body.  Raises: Unavailable, when it is no whole page."""
    return _read_fast(body) or _read_any(body)


def _read_fast(body: bytes) -> Page | None:
    """The page where it is in AWS's order and needs no XML parser to be understood."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    if _FIRST not in text:
        return _read_empty(text)
    etag = text.find("<ETag>") + len("<ETag>")
    quotes = [number for number, quote in enumerate(_QUOTES) if text.startswith(quote, etag)]
    found = _AWS_ORDER[quotes[0]].findall(text) if quotes else None
    if not found or text.count(_LAST) != len(found) or text.count(_NEXT) != len(found) - 1:
        return None  # an object in another order, or something between them
    around = text[: text.index(_FIRST)] + text[text.rindex(_LAST) + len(_LAST) :].rstrip()
    truncated, token = _TRUNCATED.search(around), _TOKEN.search(around)
    if not around.endswith(_END) or _OTHER.search(around) or truncated is None:
        return None
    more = truncated[1] == "true"
    if more and token is None:
        return None
    names, modified, etags, sizes = zip(*found, strict=True)
    lines = "\n".join(names)
    keys = _decoded(lines, url=_URL in around)
    classes = _classes(text, len(found))
    if "&" in lines or len(keys) != len(found) or ("!" in text and "<!" in text):
        return None  # entities, a newline as it is, comments
    if len(classes) != len(found):
        return None  # told of some alone
    return Page(
        keys,
        list(map(_TIMES.__getitem__, modified)),
        [f'"{etag}"' for etag in etags],
        list(map(int, sizes)),
        classes,
        [],
        token[1] if more and token else "",
    )


def _read_empty(text: str) -> Page | None:
    """The page where it is whole, the last one, and has neither objects nor prefixes."""
    named = _ELEMENT.findall(text)
    truncated = _TRUNCATED.search(text)
    if truncated is None or truncated[1] != "false" or named.count("IsTruncated") != 1:
        return None
    if _OTHER.search(text) or _EMPTY.fullmatch(text) is None:
        return None
    return Page([], [], [], [], [], [])


def _classes(text: str, count: int) -> list[str]:
    """The storage classes of so many objects, nearly always the same; fewer: not told of all."""
    if text.count(_STANDARD) == count or "<StorageClass" not in text:
        return [STANDARD] * count
    return _CLASS.findall(text)


def _decoded(names: str, *, url: bool) -> list[bytes]:
    """Keys, one a line, to bytes; `url` as AWS does it: a space is a plus sign."""
    written = names.encode()
    if not url:
        return written.split(b"\n")
    written = written.replace(b"+", b" ")
    if b"%0A" in written or b"%0a" in written:  # a newline in a key
        return [unquote_to_bytes(key) for key in written.split(b"\n")]
    return unquote_to_bytes(written).split(b"\n")


class _Times(dict[str, int]):
    """Nanoseconds since the epoch by their text: neighbours in a bucket often share theirs."""

    def __missing__(self, text: str) -> int:
        try:
            time = datetime.fromisoformat(text)
        except ValueError as error:
            raise errors.Unavailable(f"the listing has a time that is none: {text!r}") from error
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        if len(self) >= MAX_TIMES:
            self.clear()
        self[text] = found = int(time.timestamp()) * 1_000_000_000
        return found


_TIMES: Final = _Times()


def _read_any(body: bytes) -> Page:
    """The page through an XML parser.  Raises: Unavailable."""
    root = _parsed(body)
    if _name(root) != "ListBucketResult":
        raise errors.Unavailable(f"the answer is no listing but <{_name(root)}>")
    told: dict[str, str] = {}
    page = Page([], [], [], [], [], [])
    for child in root:
        name = _name(child)
        if name == "Contents":
            _add_object(page, _texts(child))
        elif name == "CommonPrefixes":
            page.prefixes.append(_stated(_texts(child), "Prefix").encode())
        else:
            told[name] = child.text or ""
    if told.get("EncodingType") == "url":
        page.keys[:] = map(_unquoted, page.keys)
        page.prefixes[:] = map(_unquoted, page.prefixes)
    if _stated(told, "IsTruncated").strip() != "true":
        return page
    token = told.get("NextContinuationToken", "")
    if not token:
        raise errors.Unavailable("the listing says that more follows, but not where it begins")
    return page._replace(token=token)


def _add_object(page: Page, told: dict[str, str]) -> None:
    size = _stated(told, "Size").strip()
    if not (size.isascii() and size.isdecimal()):
        raise errors.Unavailable(f"the listing has a size that is none: {size!r}")
    time = told.get("LastModified", "").strip()
    page.keys.append(_stated(told, "Key").encode())
    page.mtimes_ns.append(_TIMES[time] if time else 0)
    page.etags.append(told.get("ETag", ""))
    page.sizes_bytes.append(int(size))
    page.classes.append(told.get("StorageClass", "").strip() or STANDARD)


def _stated(told: dict[str, str], name: str) -> str:
    if name not in told:
        raise errors.Unavailable(f"the listing is not complete: {name} is missing")
    return told[name]


def _unquoted(name: bytes) -> bytes:
    return unquote_to_bytes(name.replace(b"+", b" "))


def _texts(element: Any) -> dict[str, str]:
    return {_name(child): child.text or "" for child in element}


def _name(element: Any) -> str:
    """The element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _parsed(body: bytes) -> Any:
    # Not at start-up: AWS's pages need no parser.  No entities of its own and no network: a server
    # is not trusted with our files.
    from lxml import etree as untyped  # pyright: ignore[reportMissingTypeStubs, reportAttributeAccessIssue, reportUnknownVariableType]

    etree = cast("Any", untyped)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise errors.Unavailable(f"the listing is no XML, or was cut off: {error}") from error
    if root.getroottree().docinfo.doctype:
        raise errors.Unavailable("the listing has a DOCTYPE, which no S3 server sends")
    return root
