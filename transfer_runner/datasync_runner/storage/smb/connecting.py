"""From a side to a connection: who logs on, and where the share really is.

A server may say that a share, or a folder of it, is on another one.  What it refuses: going from
one to the next without end.
"""

from typing import Final

from datasync_api.sides import SmbSide
from datasync_runner.storage import errors
from datasync_runner.storage.smb import statuses
from datasync_runner.storage.smb.identity import identity
from datasync_runner.storage.smb.logon import enter
from datasync_runner.storage.smb.referrals import answer_of, moved, namespace_path, question
from datasync_runner.storage.smb.wire import Wire

MAX_REFERRALS: Final = 8
"""One leads to the next so often; then they go round."""


def connect(side: SmbSide) -> Wire:
    """Log on to a side's share.

    Raises: ConfigurationInvalid, CredentialsRefused, Unavailable.
    """
    return _follow(side, MAX_REFERRALS)


def _follow(side: SmbSide, most: int) -> Wire:
    """Log on where a side is, or where its server says it is: the first that answers."""
    found = _here_or_there(side)
    if isinstance(found, Wire):
        return found
    if not most:
        raise errors.ConfigurationInvalid(
            f"{side.uri}: more than {MAX_REFERRALS} servers refer to each other; name the share "
            "where the files are"
        )
    away: errors.Unavailable | None = None
    for place in found:
        try:
            return _follow(place, most - 1)
        except errors.Unavailable as error:
            away = error
    assert away is not None  # noqa: S101 - a list of places is never empty
    raise away


def _here_or_there(side: SmbSide) -> Wire | list[SmbSide]:
    """The share; or the places that its server refers to, when it is no place itself."""
    with identity(side) as (user, password):
        wire, desk_id, missing = enter(side, user, password)
    if desk_id is None:
        return wire
    places: list[SmbSide] = []
    try:
        places = _referred(wire, desk_id, roots=missing is not None)
        if missing and not places:
            raise missing
    except BaseException:
        wire.close()
        raise
    if places:
        wire.close()
    return places or wire


def _referred(wire: Wire, desk_id: int, *, roots: bool) -> list[SmbSide]:
    """Where the server says that a side is; empty: where we are.

    The answer is proven to be the server's like all others: it says whom we show our credentials.
    `roots`: the servers of a namespace count, whose name is a domain's.
    """
    asked = namespace_path(wire.side)
    answer = wire.ask_at(desk_id, question(asked))
    if answer.status != statuses.OK:
        return []  # no path of a namespace
    consumed, found = answer_of(answer.body)
    chosen = [one for one in found if roots or not one.root]
    places = (moved(wire.side, one.target, asked[consumed:]) for one in chosen)
    return [place for place in places if place is not None]
