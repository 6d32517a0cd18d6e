"""Why the Hub was not reached: what this machine's own settings have to do with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXIES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


def setting(error: BaseException) -> str | None:
    """Return what to do about a setting that an error comes of, None where it comes of none."""
    causes = list(_causes(error))
    told = " ".join(map(str, causes))
    if "SOCKS" in told:  # whose package is not there
        client = "requests" if "Missing dependencies" in told else "httpx"  # before hub 1.0, after
        return f"pip install '{client}[socks]', or unset {_proxies() or 'ALL_PROXY'}"
    if "certificate" not in told.lower() and not any(
        isinstance(cause, FileNotFoundError) for cause in causes
    ):
        return None
    for name in CERTIFICATES:
        place = os.environ.get(name)
        if place and not Path(place).exists():
            return f"{name} names {place}, which is not there: unset it, or correct it"
    if "CERTIFICATE_VERIFY_FAILED" in told:
        return (
            "whatever answers has a certificate that this machine does not trust, as a proxy has "
            "that looks into what is sent: set SSL_CERT_FILE (before huggingface_hub 1.0 "
            "REQUESTS_CA_BUNDLE) to a file with its certificates"
        )
    return None


def connection() -> str:
    """Return what to do where nothing more is known."""
    proxies = _proxies()
    also = f", and the proxy that {proxies} names," if proxies else ""
    return f"check the connection{also} and try again"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came of."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _proxies() -> str:
    """The variables that name proxies."""
    names = [name for upper in PROXIES for name in (upper, upper.lower()) if os.environ.get(name)]
    return " or ".join(names)
