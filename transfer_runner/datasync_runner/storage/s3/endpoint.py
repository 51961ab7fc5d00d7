"""Where the bucket of a side answers: a pure function of the side and the region.

botocore's own rules come as a file of 300 kB and a quarter of a second; these are those that a
location can ask for.  Not here: dual stack, FIPS, transfer acceleration, and what needs another
signature than Version 4 (multi-region access points, directory buckets).
"""

import ipaddress
import re
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from datasync_api.sides import S3Side
from datasync_runner.storage.errors import ConfigurationInvalid

SUFFIXES: Final = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("", "amazonaws.com"),
)
"""The names' endings of AWS's partitions, by the beginning of the region; the first that fits."""

_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOSTNAME: Final = re.compile(r"(?=[a-z0-9])(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_PATH: Final = re.compile(r"(?:[A-Za-z0-9_.~/-]|%[0-9A-Fa-f]{2})*")
_VIRTUAL: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_VIRTUAL_WITH_DOTS: Final = re.compile(r"(?=.{3,63}$)[a-z0-9]+(?:[.-][a-z0-9]+|-)*(?<!-)")
_ACCESS_POINT: Final = re.compile(
    r"arn:aws[a-z-]*:s3:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):"
    r"accesspoint[/:](?P<name>[a-z0-9-]{3,50})"
)


class Endpoint(NamedTuple):
    """A bucket's place: "SCHEME://HOST" + base_path + "/" + the encoded key."""

    scheme: str
    host: str
    """What stands in the Host header: with the port when it is not the scheme's own."""
    base_path: str = ""
    """Encoded; empty, or beginning with a slash and ending without one."""

    @property
    def url(self) -> str:
        """The bucket's own URL, without a slash at its end."""
        return f"{self.scheme}://{self.host}{self.base_path}"


def resolve(side: S3Side, region: str) -> Endpoint:
    """The endpoint of the side's bucket, when the bucket is in `region`.

    | endpoint            | style   | bucket   | host                            | base path |
    |---------------------|---------|----------|---------------------------------|-----------|
    | -                   | Virtual | data     | data.s3.eu-west-1.amazonaws.com |           |
    | -                   | Path    | data     | s3.eu-west-1.amazonaws.com      | /data     |
    | -                   | Virtual | my.data  | s3.eu-west-1.amazonaws.com      | /my.data  |
    | -                   | Virtual | Data_1   | s3.eu-west-1.amazonaws.com      | /Data_1   |
    | https://s3.local    | Path    | data     | s3.local                        | /data     |
    | https://s3.local    | Virtual | data     | data.s3.local                   |           |
    | https://s3.local    | Virtual | my.data  | s3.local                        | /my.data  |
    | http://s3.local     | Virtual | my.data  | my.data.s3.local                |           |
    | https://S3.Local/   | Path    | data     | s3.local                        | /data     |
    | https://s3.local:443| Path    | data     | s3.local                        | /data     |
    | http://s3.local:443 | Path    | data     | s3.local:443                    | /data     |
    | http://s3.local:80  | Virtual | data     | data.s3.local                   |           |
    | https://s3.local/s3/| Path    | data     | s3.local                        | /s3/data  |
    | https://s3.local/s3 | Virtual | data     | data.s3.local                   | /s3       |
    | http://10.0.0.7:9000| Virtual | data     | 10.0.0.7:9000                   | /data     |
    | http://[::1]:9000   | Path    | data     | [::1]:9000                      | /data     |
    | http://[FD00::0:1]  | Virtual | data     | [fd00::1]                       | /data     |
    | https://s3.local    | Path    | arn:...  | logs-123456789012.s3.local      |           |

    arn:... is arn:aws:s3:eu-west-1:123456789012:accesspoint/logs; without an endpoint it answers at
    logs-123456789012.s3-accesspoint.eu-west-1.amazonaws.com.  The region is in AWS's names alone.

    Names with dots do not match the wildcard of a certificate, so over TLS they stand in the path,
    as do names that no host can have, and all names at an address.  Raises: ConfigurationInvalid.
    """
    if side.bucket.startswith("arn:"):
        return _access_point(side, region)
    if side.bucket.endswith("--x-s3"):
        raise _invalid(
            side,
            f"'{side.bucket}' is a directory bucket, which has signatures of its own that this "
            "transfer does not speak; use a general purpose bucket",
        )
    scheme, host, port, path = _service(side, "s3", region)
    if side.addressing_style == "Virtual" and _hostable(side.bucket, scheme, host):
        return Endpoint(scheme, f"{side.bucket}.{host}{port}", path)
    return Endpoint(scheme, f"{host}{port}", f"{path}/{quote(side.bucket, safe='')}")


def _access_point(side: S3Side, region: str) -> Endpoint:
    found = _ACCESS_POINT.fullmatch(side.bucket)
    if found is None:
        raise _invalid(
            side,
            f"'{side.bucket}' names no access point of one region; write "
            "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME, or the name of the bucket behind it",
        )
    if found["region"] != region:
        raise _invalid(
            side,
            f"the access point is in {found['region']}, the location says {region}; "
            "correct the location's region",
        )
    scheme, host, port, path = _service(side, "s3-accesspoint", region)
    if _is_address(host):
        raise _invalid(
            side, f"an access point cannot be reached at {side.endpoint}: name a host, no address"
        )
    return Endpoint(scheme, f"{found['name']}-{found['account']}.{host}{port}", path)


def _service(side: S3Side, service: str, region: str) -> tuple[str, str, str, str]:
    """Scheme, host, ":port" or nothing, path: of the service, without the bucket."""
    if side.endpoint is not None:
        return _custom(side, side.endpoint)
    if not _LABEL.fullmatch(region):
        raise _invalid(side, f"'{region}' is no region; name one like eu-central-1")
    suffix = next(suffix for prefix, suffix in SUFFIXES if region.startswith(prefix))
    return "https", f"{service}.{region}.{suffix}", "", ""


def _custom(side: S3Side, url: str) -> tuple[str, str, str, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host = f"[{ipaddress.IPv6Address(host).compressed}]" if ":" in host else host
    except ValueError as error:
        raise _invalid(side, f"endpoint {url} is no URL ({error}); {_HOW}") from error
    if parts.scheme not in _PORTS:
        raise _invalid(side, f"endpoint {url} is neither http nor https; {_HOW}")
    if parts.username is not None or parts.query or parts.fragment:
        raise _invalid(side, f"the endpoint has a user, a query or a fragment; {_HOW}")
    numeric = _NUMBER.fullmatch(host) is not None  # libcurl reads 127.1 and 0x7f000001 as IPv4
    named = not numeric and _HOSTNAME.fullmatch(host)
    if "%" in host or not (named or _is_address(host)):
        raise _invalid(side, f"endpoint {url} names no host; {_HOW}")
    if not _PATH.fullmatch(parts.path):
        raise _invalid(side, f"the path of endpoint {url} is not percent-encoded; {_HOW}")
    shown = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return parts.scheme, host, shown, parts.path.rstrip("/")


_HOW: Final = "write the endpoint as https://HOST or https://HOST:PORT"


def _hostable(bucket: str, scheme: str, host: str) -> bool:
    rule = _VIRTUAL if scheme == "https" else _VIRTUAL_WITH_DOTS
    return rule.fullmatch(bucket) is not None and not _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _invalid(side: S3Side, cause: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(f"{side.uri}: {cause}")
