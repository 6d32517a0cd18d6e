"""`python -m demo` in the environments that people have: proxies, addresses, temporary folders."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.environment import find_address, speak_directly_to, temporary_folder
from demo.screenshot import free_port

DEAD = "http://127.0.0.1:9"  # nothing listens there
PLAIN = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def without_gradio() -> dict[str, str]:
    """This environment, but for what a test sets itself."""
    odd = ("proxy", "tmpdir", "ssl_cert_file")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GRADIO_") and not name.lower().endswith(odd)
    }


@contextmanager
def started(
    *arguments: str, end: int = signal.SIGTERM, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[str], list[str]]]:
    """The demo: the address that it prints, its process, and at the end its lines on stderr."""
    errors: list[str] = []
    command = [sys.executable, "-m", "demo", "--port", str(free_port()), *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=without_gradio() | environment,
        # A shell's background jobs, as these tests may be, are born deaf to SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        url = next((one for one in process.stdout if "The demo is on" in one), None)
        assert url is not None, process.stderr and process.stderr.read()
        yield url.split()[4], process, errors
    finally:
        process.send_signal(end)
        _, told = process.communicate(timeout=30)
        errors += told.splitlines()
    assert process.returncode == 0
    assert "Traceback" not in told, told


def failed(*arguments: str, files: bool = True, **environment: str) -> str:
    """What the demo says that cannot start: one line."""
    nothing = resource.RLIMIT_FSIZE, (0, 0)
    result = subprocess.run(
        [sys.executable, "-m", "demo", "--port", str(free_port()), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=without_gradio() | environment,
        preexec_fn=None if files else lambda: resource.setrlimit(*nothing),
    )
    assert result.returncode == 1, result
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line.removeprefix("error: ")


def call(url: str, name: str, *data: Any) -> str:
    body = json.dumps({"data": data}).encode()
    asked = urllib.request.Request(
        f"{url}/gradio_api/call/{name}", body, {"Content-Type": "application/json"}
    )
    with PLAIN.open(asked, timeout=60) as response:
        event_id = json.load(response)["event_id"]
    with PLAIN.open(f"{url}/gradio_api/call/{name}/{event_id}", timeout=60) as stream:
        return stream.read().decode()


def status(url: str, data: bytes | None = None) -> tuple[int, str]:
    asked = urllib.request.Request(url, data)
    if data:
        asked.add_header("Content-Type", "multipart/form-data; boundary=rim")
    try:
        with PLAIN.open(asked, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_a_hostile_environment(tmp_path: Path) -> None:
    """Everything at once that ended it: dead proxies, Gradio's variables, a terminal of ASCII."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "notes.txt").write_text("mine")
    host = "[::1]" if has_ipv6() else "localhost"
    with started(
        "--mcp",
        end=signal.SIGINT,
        HTTP_PROXY=DEAD,
        https_proxy=DEAD,
        ALL_PROXY="socks5://127.0.0.1:9",
        NO_PROXY="example.org,[::1],fe80::/10",
        SSL_CERT_FILE="/nowhere/certificates.pem",
        GRADIO_SERVER_NAME=host,
        GRADIO_SERVER_PORT="seven",  # --port is given
        GRADIO_NUM_PORTS="many",
        GRADIO_DEBUG="yes",
        GRADIO_ALLOWED_PATHS="/",
        GRADIO_TEMP_DIR=str(own),
        PYTHONIOENCODING="ascii",
    ) as (url, process, errors):
        assert url.startswith(f"http://{host}:")
        assert json.loads(status(f"{url}/health")[1])["status"] == "ok"
        assert "event: complete" in call(url, "sample", "mnist-vae", 4, 0, 1.0)
        assert status(f"{url}/gradio_api/file=/etc/hostname")[0] == 403
        (folder,) = (path for path in own.iterdir() if path.is_dir())
        assert [path for path in folder.rglob("*") if path.is_file()] != []

        # The disk is full from here on: no file may grow beyond a few bytes.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
        told = call(url, "sample", "mnist-vae", 9, 5, 1.0)
        assert "event: error" in told
        assert "the server cannot keep files (File too large)" in told
        head = b'--rim\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        code, told = status(f"{url}/gradio_api/upload", head + bytes(5000) + b"\r\n--rim--\r\n")
        assert code == 507
        assert "the server cannot keep files" in told
    assert [path.name for path in own.iterdir()] == ["notes.txt"]
    assert errors == [
        "note: the proxy of ALL_PROXY is not used: Using SOCKS proxy, but the 'socksio' package is "
        "not installed",
        "note: SSL_CERT_FILE=/nowhere/certificates.pem is not used: No such file or directory",
        "note: fe80::/10 in NO_PROXY is left out: it is no host",
    ]


@pytest.mark.parametrize(
    ("host", "shown", "environment", "note"),
    [
        ("::", "http://[::1]:", {"http_proxy": "nonsense:nonsense"}, "http_proxy"),
        ("0.0.0.0", "http://127.0.0.1:", {"all_proxy": DEAD, "NO_PROXY": "::1"}, ""),
        ("localhost", "http://localhost:", {"TMPDIR": "/nowhere"}, "TMPDIR=/nowhere"),
    ],
)
def test_the_printed_address_can_be_opened(
    host: str, shown: str, environment: dict[str, str], note: str
) -> None:
    if host == "::" and not has_ipv6():
        assert failed("--host", "::").startswith("cannot listen on ::, port ")
        return
    with started("--host", host, **environment) as (url, _, errors):
        assert url.startswith(shown)
        assert json.loads(status(f"{url}/health")[1])["status"] == "ok"
        assert "event: complete" in call(url, "decode", [0, 0], "mnist-vae")
    assert len(errors) == bool(note)
    assert all(note in line for line in errors)


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "[::1", "a..b", "192.0.2.1", "2001:db8::1", ""]
)
def test_a_host_that_cannot_be_listened_on_is_one_line(host: str) -> None:
    line = failed("--host", host)
    assert line.startswith(f"cannot listen on {host}, port ")
    assert "--host" in line


def test_the_host_of_the_environment_is_checked_too() -> None:
    line = failed(GRADIO_SERVER_NAME="no-such-host.invalid")
    assert line.startswith("cannot listen on no-such-host.invalid")


def test_a_port_of_the_environment_that_is_none_is_one_line() -> None:
    command = [sys.executable, "-m", "demo"]
    environment = without_gradio() | {"GRADIO_SERVER_PORT": "seven"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr == (
        "error: GRADIO_SERVER_PORT: expected 1 to 65535, got seven; unset it, or give --port\n"
    )


@pytest.mark.parametrize("prefix", ["demo", "/a b", "ftp://example.org"])
def test_a_prefix_that_is_none_is_one_line(prefix: str) -> None:
    assert "expected a path such as /demo" in failed(GRADIO_ROOT_PATH=prefix)
    assert "expected a path such as /demo" in failed("--root-path", prefix)


def test_no_room_for_temporary_files_is_one_line(tmp_path: Path) -> None:
    line = failed(files=False, GRADIO_TEMP_DIR=str(tmp_path / "own"))
    assert line.startswith(f"cannot keep temporary files in {tmp_path / 'own'} (File too large)")
    assert list((tmp_path / "own").iterdir()) == []
    assert failed(files=False, TMPDIR=str(tmp_path)).startswith("cannot keep temporary files in ")
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        assert "GRADIO_TEMP_DIR" in failed(GRADIO_TEMP_DIR=str(place))


def test_an_error_that_nobody_expected_is_one_line_too() -> None:
    code = """
import sys, types
app = types.ModuleType("demo.app")
def launch(*_, **__): raise LookupError("two\\nlines")
app.launch = launch
sys.modules["demo.app"] = app
from demo.__main__ import main
sys.exit(main([]))
"""
    environment = without_gradio() | {"GRADIO_SERVER_PORT": str(free_port())}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr == (
        "error: the demo could not start (LookupError: two lines); docs/demo.md says what it takes "
        "from the environment\n"
    )


def test_loopback_is_added_to_what_the_user_excludes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet.example, 10.1.2.3")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    speak_directly_to(find_address("127.0.0.1", free_port()))
    direct = os.environ["NO_PROXY"].split(",")
    assert {"intranet.example", "10.1.2.3", "localhost", "127.0.0.1", "::1"} <= set(direct)
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"]
    assert os.environ["HTTPS_PROXY"] == "http://proxy.example:3128"  # for whoever needs it


def test_the_temporary_folder_of_a_user_stays_his(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", "~/kept/here")
    with temporary_folder() as folder:
        assert folder.parent == tmp_path / "kept" / "here"
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
    assert not folder.exists()
    assert folder.parent.is_dir()
    assert os.environ["GRADIO_TEMP_DIR"] == "~/kept/here"
