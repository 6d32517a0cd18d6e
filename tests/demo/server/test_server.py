"""What the server answers beside the page: pictures, files, health; behind a prefix; as MCP."""

import http.client
import http.server
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

import vae_onnx
from demo import app
from demo.screenshot import DIGITS, draw, open_demo, serve


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_health_tells_that_a_model_works(url: str) -> None:
    status, body = get(f"{url}/health")
    told = json.loads(body)
    assert status == 200
    assert told["status"] == "ok"
    assert set(told["models"]) == set(vae_onnx.models())


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("maps/mnist-vae.png", b"\x89PNG"),
        ("grids/fashion-mnist-ae.png", b"\x89PNG"),
        ("tests/mnist-vae/1999.png", b"\x89PNG"),
        ("models/mnist-vae/card.json", b"{"),
    ],
)
def test_pictures_and_files_are_served(url: str, path: str, start: bytes) -> None:
    status, body = get(f"{url}/{path}")
    assert status == 200
    assert body.startswith(start)


def test_a_served_graph_is_the_models(url: str) -> None:
    _, body = get(f"{url}/models/mnist-ae/decoder.onnx")
    assert body == (vae_onnx.load("mnist-ae").folder / "decoder.onnx").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "maps/nothing.png",
        "maps/mnist-vae-16d.png",  # no plane
        "tests/mnist-vae/2000.png",
        "models/mnist-vae/latents.npz",
        "models/mnist-vae/..%2F..%2F__init__.py",
        "models/..%2Fmodels%2Fmnist-vae/card.json",
        "gradio_api/file=/etc/passwd",
    ],
)
def test_nothing_else_is_served(url: str, path: str) -> None:
    status, _ = get(f"{url}/{path}")
    assert status in (403, 404)


@contextmanager
def proxy(port: int, prefix: str) -> Iterator[str]:
    """A proxy that serves what is on a local port below a prefix, and nothing else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            if not self.path.startswith(prefix + "/"):
                self.send_error(404)
                return
            length = int(self.headers.get("Content-Length", 0))
            behind = http.client.HTTPConnection("127.0.0.1", port)
            try:
                headers = {k: v for k, v in self.headers.items() if k != "Accept-Encoding"}
                behind.request(
                    self.command, self.path[len(prefix) :], self.rfile.read(length), headers
                )
                response = behind.getresponse()
                streaming = "event-stream" in response.headers.get("Content-Type", "")
                body = b"" if streaming else response.read()
                self.send_response(response.status)
                for key, value in response.getheaders():
                    if key.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the browser went away
            finally:
                behind.close()

        do_GET = do_POST = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}/"
    finally:
        server.shutdown()
        server.server_close()


def test_it_works_behind_a_path_prefix(browser: Browser) -> None:
    command = (sys.executable, "-m", "demo", "--root-path", "/some/demo")
    with (
        serve(None, *command) as address,
        proxy(int(address.rpartition(":")[2]), "/some/demo") as url,
    ):
        page = browser.new_page()
        failed = []
        page.on("response", lambda got: failed.append(got.url) if got.status >= 400 else None)
        open_demo(page, url)
        draw(page, DIGITS["1"])
        expect(page.locator("#draw .strip img")).to_have_count(4)
        assert page.locator("#vae .dots").evaluate("one => one.naturalWidth") > 100
        page.close()
        assert [one for one in failed if "favicon" not in one] == []


def test_the_queue_and_the_files_have_bounds() -> None:
    blocks = app.build(app.Library()).queue(max_size=app.WAITING)
    assert blocks._queue.max_size == 256
    assert blocks.delete_cache == (30, 120)


def test_without_the_package_mcp_is_refused_with_the_remedy() -> None:
    code = """
import runpy, sys
sys.modules["mcp"] = None
sys.argv = ["demo", "--mcp", "--port", "7997"]
runpy.run_module("demo", run_name="__main__")
"""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "gradio[mcp]" in result.stderr
    assert "Traceback" not in result.stderr
