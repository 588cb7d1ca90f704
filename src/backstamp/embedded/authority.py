"""TLS on this machine: a certificate authority of one's own, and the server's certificate that it signs.

Both are made once and kept in one folder. Whoever trusts the authority's certificate trusts the server for as long as
the folder is kept, though the server's certificate is renewed.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme
from cryptography import x509

from backstamp import errors

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = ("localhost", "127.0.0.1", "::1")
_VALID = dt.timedelta(days=365)
_RENEWED = dt.timedelta(days=30)
"""A certificate is renewed so long before it expires."""


@dataclass(frozen=True)
class Tls:
    """The files that make a server speak TLS, and the one that clients are to trust.

    Attributes:
        authority: the certificate of the authority.
        server: the server's key and certificate.
    """

    authority: Path
    server: Path


def prepare(folder: Path, *, now: dt.datetime | None = None) -> Tls:
    """Return the certificates kept in a folder, made where they are missing and renewed before they expire.

    Raises:
        ConfigurationError: what is there is no certificate, or no key.
    """
    moment = now or dt.datetime.now(dt.UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tls = Tls(folder / "authority.pem", folder / "server.pem")
    key = folder / "authority.key"
    try:
        if not (tls.authority.exists() and key.exists()):
            made = trustme.CA(organization_name="backstamp", organization_unit_name="Local authority", path_length=0)
            _write(key, made.private_key_pem.bytes())
            _write(tls.authority, made.cert_pem.bytes())
            tls.server.unlink(missing_ok=True)
        if not tls.server.exists() or _expires(tls.server) - moment < _RENEWED:
            authority = trustme.CA.from_pem(tls.authority.read_bytes(), key.read_bytes())
            _write(tls.server, _issue(authority, moment))
    except ValueError as error:
        raise errors.ConfigurationError(
            "This folder holds files that are no certificates: remove it, and trust the new authority.",
            errors.Location(str(folder)),
        ) from error
    return tls


def _issue(authority: trustme.CA, now: dt.datetime) -> bytes:
    start = (now - dt.timedelta(hours=1)).replace(tzinfo=None)  # clocks of other machines may be late
    leaf = authority.issue_cert(
        *_NAMES,
        common_name="localhost",
        organization_name="backstamp",
        organization_unit_name="Embedded CRM",
        not_before=start,
        not_after=start + _VALID,
    )
    return leaf.private_key_and_cert_chain_pem.bytes()


def _expires(file: Path) -> dt.datetime:
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def _write(file: Path, content: bytes) -> None:
    """Replace a file that only its owner may read, in one moment."""
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)
    part.replace(file)
