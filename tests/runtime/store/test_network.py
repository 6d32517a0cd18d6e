"""Settings of a network: what is in the cache loads, of what is not the cause is told."""

import hashlib
import json
import socket
import subprocess
import sys

import pytest

import vae_onnx
from vae_onnx.store import network

CODE = """
import sys, vae_onnx
for reference in sys.argv[1:]:
    try:
        print(vae_onnx.load(reference).kind)
    except vae_onnx.VaeOnnxError as error:
        print(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def loaded(hub, graphs):
    """Load a model that is in the cache and one that is not, in a process with an environment."""
    content = {path.name: path.read_bytes() for path in (graphs / "vae").iterdir()}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    card = json.dumps({"name": "tiny", "sha256": sums}).encode()
    for name in ("me/cached", "me/other"):
        hub.add(name, content | {"card.json": card})
    vae_onnx.load("hf://me/cached")

    def loaded(**changes):
        environment = hub.environment(**changes)
        for name in ("NO_PROXY", "no_proxy"):
            environment.pop(name, None)
        done = subprocess.run(
            [sys.executable, "-c", CODE, "hf://me/cached", "hf://me/other"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    return loaded


@pytest.fixture
def nobody():
    """An address at which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{unused.getsockname()[1]}"


def test_a_socks_proxy_without_its_package(loaded, nobody):
    cached, other = loaded(ALL_PROXY=f"socks5://{nobody}", all_proxy=f"socks5://{nobody}")
    assert cached == "vae"
    assert other.startswith("FileAccessError: hf://me/other is not in the cache")
    assert "huggingface_hub" not in other
    # What it says: install that (not here), or unset these.
    assert other.endswith("[socks]', or unset ALL_PROXY or all_proxy")
    assert loaded() == ["vae", "vae"]


def test_a_dead_proxy(loaded, nobody):
    cached, other = loaded(HTTP_PROXY=f"http://{nobody}", http_proxy=f"http://{nobody}")
    assert cached == "vae"
    assert other.endswith("the proxy that HTTP_PROXY or http_proxy names, and try again")
    assert loaded() == ["vae", "vae"]


def test_certificates_that_are_not_there(loaded, tmp_path):
    nowhere = str(tmp_path / "nowhere.pem")
    cached, other = loaded(
        HF_ENDPOINT="https://127.0.0.1:1", SSL_CERT_FILE=nowhere, REQUESTS_CA_BUNDLE=nowhere
    )
    assert cached == "vae"
    assert other.endswith(f"names {nowhere}, which is not there: unset it, or correct it")
    assert "HF_HUB_CACHE" not in other
    assert loaded() == ["vae", "vae"]


def test_a_name_that_nobody_knows(loaded):
    cached, other = loaded(HF_ENDPOINT="http://hub.invalid")
    assert cached == "vae"
    assert other.startswith("FileAccessError: hf://me/other is not in the cache")
    assert other.endswith("check the connection and try again")


def test_too_many_requests_are_no_answer(hub, loaded):
    hub.status = 429
    assert vae_onnx.load("hf://me/cached").kind == "vae"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            ImportError("Using SOCKS proxy, but 'socksio' is not installed"),
            "httpx[socks]",
        ),
        (ValueError("Missing dependencies for SOCKS support."), "requests[socks]"),
        (OSError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"), "SSL_CERT_FILE"),
        (OSError("Could not find a suitable TLS CA certificate bundle"), None),
        (OSError(28, "No space left on device"), None),
        (ImportError("cannot import name 'x' from 'huggingface_hub'"), None),
    ],
)
def test_which_setting_it_is(monkeypatch, error, advice):
    for name in network.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    told = network.setting(error)
    assert told is None if advice is None else advice in told


def test_the_first_cause_counts():
    error = RuntimeError("the request failed")
    error.__cause__ = OSError("CERTIFICATE_VERIFY_FAILED")
    assert "a certificate that this machine does not trust" in network.setting(error)
