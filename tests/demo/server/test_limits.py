"""What one visitor may ask of the running demo: how much, how slowly, how often."""

import asyncio
import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from demo.page.pictures import MAX_BYTES
from demo.server import limits
from demo.server.limits import BODY, BURST, IDLE, RATE, WHOLE, Limits

STRANGER = {"X-Forwarded-For": "203.0.113.7"}  # whom a proxy on this machine speaks for
CALL = "/gradio_api/call/models"


def ask(url, method, path, body=None, headers=None):
    """Status and body."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def is_well(url):
    return ask(url, "GET", "/health")[0] == 200


def test_a_body_that_says_it_is_too_long_is_not_read(url):
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port)) as client:
        head = f"POST {CALL} HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY + 1}\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(64).startswith(b"HTTP/1.1 413")
    assert is_well(url)


def test_a_body_that_becomes_too_long_is_refused(url):
    chunks = (b"x" * 2**20 for _ in range(BODY // 2**20 + 2))
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    try:
        status, _ = ask(url, "POST", CALL, chunks, headers)
    except (BrokenPipeError, ConnectionResetError):  # the refusal came while it was being sent
        status = 413
    assert status == 413
    assert is_well(url)


def test_an_upload_that_is_too_large_is_refused(url):
    edge = "edge"
    start = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    body = start.encode() + bytes(MAX_BYTES + 1) + f"\r\n--{edge}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    status, told = ask(url, "POST", "/gradio_api/upload", body, headers)
    assert status == 413
    assert str(MAX_BYTES) in told.decode()
    assert is_well(url)


def test_a_client_that_stops_is_let_go(url):
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=IDLE + 20) as client:
        client.sendall(f"POST {CALL} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1".encode())
        start = time.monotonic()
        assert client.recv(64).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - start > IDLE - 1


def test_hundreds_of_silent_connections_keep_nobody_out(url):
    place = urlsplit(url)
    silent = [socket.create_connection((place.hostname, place.port)) for _ in range(300)]
    try:
        start = time.monotonic()
        assert is_well(url)
        assert time.monotonic() - start < 10
    finally:
        for one in silent:
            one.close()


def test_a_flood_from_one_address_is_refused_and_others_are_answered(url, log: Path):
    def flood(_: int) -> list[int]:
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        found = []
        for _ in range(int(BURST) // 4):
            connection.request("GET", "/gradio_api/info", headers=STRANGER)
            answer = connection.getresponse()
            answer.read()
            found.append(answer.status)
        connection.close()
        return found

    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        statuses = [status for found in pool.map(flood, range(8)) for status in found]
        taken = time.monotonic() - start
        assert is_well(url)
    assert set(statuses) == {200, 429}
    assert statuses.count(200) <= BURST + RATE * taken + 1
    assert ask(url, "GET", "/health", headers={"X-Forwarded-For": "203.0.113.8"})[0] == 200
    assert "Traceback" not in log.read_text()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def served(clock, *bodies, address="203.0.113.7", headers=()):
    """The statuses that requests with these bodies get, each given part by part."""
    statuses = []

    async def app(scope, receive, send):
        message = await receive()
        assert not message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})

    async def run():
        limited = Limits(app, clock)
        for body in bodies:
            parts = iter(body)

            async def receive(parts=parts):
                part = next(parts)
                if callable(part):
                    part = part()
                return {"type": "http.request", "body": part, "more_body": part != b""}

            async def send(message):
                if "status" in message:
                    statuses.append(message["status"])

            scope = {"type": "http", "client": (address, 1), "headers": list(headers)}
            await limited(scope, receive, send)

    with ThreadPoolExecutor(1) as apart:  # Playwright has a loop of its own in this thread
        apart.submit(asyncio.run, run()).result()
    return statuses


def test_what_is_used_up_comes_back():
    clock = Clock()

    def later() -> bytes:
        clock.now += 1
        return b""

    many = [[b""]] * (int(BURST) - 1)
    assert served(clock, *many, [b""], [b""], [b""])[-3:] == [200, 429, 429]
    statuses = served(clock, *many, [later], *[[b""]] * int(RATE + 9))
    assert statuses.index(429) == BURST + RATE


def test_this_machine_is_not_counted():
    assert set(served(Clock(), *[[b""]] * int(2 * BURST), address="127.0.0.1")) == {200}


def test_bytes_count_as_requests():
    heavy = [b"x" * 2**20] * 10 + [b""]  # of 40 requests each, besides itself
    statuses = served(Clock(), *[heavy] * 30)
    assert statuses[:19] == [200] * 19
    assert set(statuses[21:]) == {429}


def test_a_body_drop_by_drop_is_ended():
    clock = Clock()

    def drop() -> bytes:
        clock.now += IDLE - 1
        return b"x"

    assert served(clock, [drop] * int(WHOLE)) == [408]


def test_too_much_on_its_way_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "HELD", 10)
    assert served(Clock(), [b"x" * 11, b""], [b"x" * 10, b""]) == [503, 200]


def test_one_address_holds_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "OWN", 10)
    assert served(Clock(), [b"x" * 11, b""], [b"x" * 10, b""]) == [429, 200]
    assert served(Clock(), [b"x" * 11, b""], address="127.0.0.1") == [200]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("2001:db8::9:9:9:9", "2001:db8::/64"),
        ("unknown", "unknown"),
        ("127.0.0.1", ""),
        ("::1", ""),
    ],
)
def test_a_household_is_one_address(address, counted):
    assert limits._visitor({"client": (address, 1)}) == counted
    assert limits._visitor({"client": None}) == ""


def test_addresses_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "ADDRESSES", 2)
    limited = Limits(None, Clock())  # type: ignore[arg-type]
    for number in range(9):
        limited._count({"client": (f"203.0.113.{number}", 1)}, 1)
    assert list(limited._left) == ["203.0.113.7", "203.0.113.8"]


def test_the_limits_are_those_of_the_docs():
    page = (Path(__file__).parents[3] / "docs" / "demo.md").read_text()
    told = page[page.index("## On the internet") :]
    for number in (BODY // 10**6, IDLE, WHOLE, RATE, BURST, MAX_BYTES // 10**6):
        assert f"{number:,.0f} " in told, number
    assert json.dumps(256) in told
