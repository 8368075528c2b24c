"""TLS to the server: set up from a config, its failures in plain words, and what needs it."""

from __future__ import annotations

import ssl
from typing import Any, NoReturn

from siemstress.config import Server, Tls
from siemstress.errors import ConfigError

# By these the server learns no password that it or a listener could use elsewhere.
SAFE_UNENCRYPTED = frozenset({b"mysql_native_password", b"client_ed25519", b"parsec"})


def options(server: Server) -> dict[str, Any]:
    """What the driver is to be told about TLS: none of it, or that there must be, verified.

    Raises:
        ConfigError: a file of the config does not hold what it should.

    """
    if server.tls is None:
        return {"ssl_disabled": True}
    return {"ssl": _context(server.tls)}


def failure(error: BaseException) -> str | None:
    """Why TLS has failed, if it was TLS that failed, and not the connection under it."""
    cause = _cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = cause.verify_message.rstrip(".")
        return f"its certificate is not accepted: {why}; nothing was sent"
    if cause is None or isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None
    reason = (cause.reason or "").lower().replace("_", " ")
    return f"TLS has failed: {reason or cause}"


def _cause(error: BaseException) -> ssl.SSLError | None:
    """The error of TLS behind one of the driver's."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ssl.SSLError):
        seen = getattr(seen, "original_exception", None) or seen.__cause__ or seen.__context__
    return seen


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.ca is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(tls.ca)
        except (OSError, ValueError) as e:
            raise ConfigError(f"tls_ca: no certificate can be read: {_told(e)}", file=tls.ca) from e
    if tls.certificate is not None:
        key = tls.key or tls.certificate
        try:
            context.load_cert_chain(tls.certificate, tls.key, _no_password)
        except (OSError, ValueError) as e:
            text = f"tls_cert: no certificate with its private key ({key}): {_told(e)}"
            raise ConfigError(text, file=tls.certificate) from e
    return context


def _no_password() -> NoReturn:
    # Without this, OpenSSL asks on the terminal.
    raise ValueError("the key is protected by a password, which nobody could type here")


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
