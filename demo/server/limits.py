"""How much one visitor may ask for, so that the demo stays there for the others.

Gradio bounds the files that are uploaded and its queue. Other bodies it reads whatever their size,
from clients however slow, as often as they come: that is bounded here, before it sees them. Heads
of requests and connections without one are for the system and a proxy.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse

from demo.page.pictures import MAX_BYTES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY: Final = (
    2 * (MAX_BYTES * 4 // 3) + 2**16
)  # bytes: two pictures as data: URLs, and what is said
HELD: Final = 10 * BODY  # bytes of all bodies that are on their way
OWN: Final = 2 * BODY  # bytes of those of one address
IDLE: Final = 10.0  # seconds between two parts of a body
WHOLE: Final = 120.0  # seconds for all of it: 10 MB by a slow telephone
WEIGHED: Final = 2**18  # bytes that count as one request more
RATE: Final = 40.0  # requests a second of one address, for long
BURST: Final = 800.0  # requests at once: a page is a hundred, a drawing some tens a second
ADDRESSES: Final = 10_000  # that are remembered


class RefusedError(Exception):
    """A request goes no further; the status of HTTP, and a sentence."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status, self.told = status, told


class Limits:
    """Refuse what is too long, too slow or too often, and hand on the rest.

    What comes from this machine itself is not counted: behind a proxy there, the address is the one
    that its X-Forwarded-For tells.
    """

    def __init__(self, app: ASGIApp, now: Callable[[], float] = time.monotonic) -> None:
        self._app, self._now = app, now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests, and when
        self._held: Counter[str] = Counter()  # bytes, by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the demo do it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._count(scope, 1)
            body = await self._body(scope, receive)
        except RefusedError as error:
            headers = {"Retry-After": "10"} if error.status in (429, 503) else {}
            answer = JSONResponse({"detail": error.told}, error.status, headers)
            await answer(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)

    def _count(self, scope: Scope, requests: float) -> None:
        """Take requests from what an address has left.

        Raises:
            RefusedError: It has none.
        """
        address = _visitor(scope)
        if not address:
            return
        now = self._now()
        left, since = self._left.pop(address, (BURST, now))
        left = min(BURST, left + (now - since) * RATE) - requests
        self._left[address] = (max(left, -BURST), now)
        if len(self._left) > ADDRESSES:
            self._left.popitem(last=False)
        if left < 0:
            raise RefusedError(429, "too many requests from this address; wait a little")

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Read the body of a request.

        Raises:
            RefusedError: It is too long or too slow, or too many are on their way.
        """
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > BODY:
            raise _too_long()
        address, parts = _visitor(scope), list[bytes]()
        size, until, more = 0, self._now() + WHOLE, True
        try:
            while more:
                message = await self._part(receive, until)
                part = message.get("body", b"")
                more = message.get("more_body", False)
                parts.append(part)
                size += len(part)
                self._held[address] += len(part)
                if size > BODY:
                    raise _too_long()
                self._count(scope, len(part) / WEIGHED)
                if address and self._held[address] > OWN:
                    raise RefusedError(429, "too much is on its way from this address")
                if self._held.total() > HELD:
                    raise RefusedError(503, "too much is on its way to the demo; try again later")
        finally:
            self._held[address] -= size
            if not self._held[address]:
                del self._held[address]
        return b"".join(parts)

    async def _part(self, receive: Receive, until: float) -> Message:
        try:
            return await asyncio.wait_for(receive(), min(IDLE, max(0.0, until - self._now())))
        except TimeoutError as error:
            raise RefusedError(
                408,
                f"the request stopped on its way for {IDLE:.0f} s, or took more than {WHOLE:.0f}",
            ) from error


def _too_long() -> RefusedError:
    return RefusedError(413, f"a request may have {BODY // 1_000_000} MB")


def _visitor(scope: Scope) -> str:
    """The address of who asks, of IPv6 that of the household; "" of this machine itself."""
    told: str = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(told)
    except ValueError:  # a socket of the system has none
        return told
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return ""
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that has been read, and then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
