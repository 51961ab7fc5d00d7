"""Who logs on, and the tokens that prove it: NTLM's are the library's, a ticket's are ours."""

import contextlib
from collections.abc import Generator
from typing import Any

import spnego
import spnego.exceptions

from datasync_api.sides import SmbSide
from datasync_runner.storage import errors
from datasync_runner.storage.smb.kerberos import Negotiation, NoTicket, Ticket
from datasync_runner.storage.smb.login import KEYTAB, keytab_of, read_login


class Mechanisms:
    """What the library asks for a logon's tokens: NTLM's are its own, a ticket's are ours."""

    exceptions = spnego.exceptions
    NegotiateOptions = spnego.NegotiateOptions

    @staticmethod
    def client(user: "str | Negotiation", password: str | None, **options: Any) -> Any:
        """The logon of a user."""
        if isinstance(user, Negotiation):
            return user
        return spnego.client(user, password, **options)


@contextlib.contextmanager
def identity(side: SmbSide) -> Generator[tuple[str | Negotiation, str | None]]:
    """Who logs on: a user and password, or the holder of a ticket.

    Raises: ConfigurationInvalid, CredentialsRefused, Unavailable.
    """
    if side.kerberos_principal is None:
        login = read_login(side)
        yield login.user, login.password
        return
    ticket = Ticket(
        side.kerberos_principal, keytab_of(side), side.krb5_conf_path or "", side.server
    )
    try:
        negotiation = Negotiation(ticket)
        try:
            yield negotiation, None
        finally:
            negotiation.close()
    except NoTicket as error:
        if error.unreachable:
            raise errors.Unavailable(f"{side.uri}: {error}") from error
        raise errors.CredentialsRefused(
            f"{side.uri}: {error}; check kerberos.principal at the location, key {KEYTAB} of the "
            "Secret, krb5.conf of the ConfigMap, and that the clocks agree"
        ) from error
