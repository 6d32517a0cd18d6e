"""What the start takes from the environment: an address, a temporary folder, proxies.

All of it is read and checked here, before Gradio is imported: Gradio reads its own variables when
it is, and answers what it cannot use with a traceback.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where to find what listens everywhere
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
KEPT = ("GRADIO_ANALYTICS_ENABLED", "GRADIO_TEMP_DIR")  # which the demo sets itself
PROBE = 2**20  # bytes: a picture or two


class Address(NamedTuple):
    """Where the demo listens."""

    name: str  # as it was asked for, without brackets
    host: str  # an address of that name that can be listened on
    port: int

    @property
    def server_name(self) -> str:
        """The host as Gradio makes addresses of it."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def url(self) -> str:
        """What to open in a browser on this machine."""
        name = ANY.get(self.host, self.name)
        return f"http://[{name}]:{self.port}" if ":" in name else f"http://{name}:{self.port}"


def find_address(name: str, port: int) -> Address:
    """Look a host up, an address (IPv6 with or without brackets) or a name, and try to listen.

    Raises:
        OSError: There is no such host, it is not this machine, or the port is taken.
    """
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    error: Exception = OSError("it is empty")
    try:
        found = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM) if bare else []
    except (OSError, ValueError) as reason:  # ValueError: no name that could be looked up
        found, error = [], reason
    for family, *_, address in sorted(found, key=lambda one: one[0] != socket.AF_INET):
        try:
            socket.create_server(("127.0.0.1", port)).close()  # which Gradio wants to be free, too
            socket.create_server((str(address[0]), port), family=family).close()
        except OSError as reason:
            error = reason
        else:
            return Address(bare, str(address[0]), port)
    why = str(getattr(error, "strerror", None) or error).partition(" (while")[0]
    raise OSError(
        f"cannot listen on {name}, port {port} ({why}); choose another with --host or --port"
    ) from error


def forget_gradios_variables() -> None:
    """Leave Gradio nothing to read: what of it the demo takes comes by its own options."""
    for name in list(os.environ):
        if name.startswith("GRADIO_") and name not in KEPT:
            del os.environ[name]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give Gradio a temporary folder of this process alone, and delete it at the end.

    It lies in the folder that GRADIO_TEMP_DIR names, otherwise where temporary files belong.

    Raises:
        OSError: Nothing can be written there.
    """
    given = os.environ.get("GRADIO_TEMP_DIR")
    place, folder = given or os.environ.get("TMPDIR") or "the temporary folder", None
    try:
        if given:
            parent = Path(given).expanduser().absolute()
            parent.mkdir(parents=True, exist_ok=True)
        else:
            parent = Path(tempfile.gettempdir()).absolute()
            _note_other_place(parent)
        place = str(parent)
        folder = Path(tempfile.mkdtemp(prefix="vae-onnx-demo-", dir=parent))
        os.environ["GRADIO_TEMP_DIR"] = str(folder)
        (folder / "probe").write_bytes(bytes(PROBE))
        (folder / "probe").unlink()
    except OSError as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        variable = "GRADIO_TEMP_DIR" if given else "TMPDIR"
        raise OSError(
            f"cannot keep temporary files in {place} ({error.strerror or error}); make room there, "
            f"or set {variable} to a folder that can be written"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if given:
            os.environ["GRADIO_TEMP_DIR"] = given
        else:
            del os.environ["GRADIO_TEMP_DIR"]


def _note_other_place(parent: Path) -> None:
    """Say where temporary files go if it is not where they were told to."""
    wanted = os.environ.get("TMPDIR")
    if wanted and Path(wanted).absolute() != parent:
        _note(f"TMPDIR={wanted} cannot be written; temporary files are in {parent}")


def speak_directly_to(address: Address) -> None:
    """Keep proxies out of the way to this machine, and those away that no request could pass.

    Gradio asks its own page whether it is there, through whatever proxy the environment names.
    """
    _forget_unusable_proxies()
    _forget_missing_certificates()
    told = [os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    entries = [entry.strip(" []") for text in told for entry in text.split(",")]
    own = [*LOOPBACK, *ANY, address.name, address.host]
    direct = ",".join(dict.fromkeys([*filter(_is_understood, filter(None, entries)), *own]))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = direct


def _forget_unusable_proxies() -> None:
    """Forget proxies that httpx refuses to start with, whomever it is to speak to."""
    import httpx

    for name in [name for name in os.environ if name.lower() in PROXIES]:
        url = os.environ[name]
        try:
            if url:
                httpx.Client(proxy=url if "://" in url else f"http://{url}", verify=False).close()
        except Exception as error:  # of several kinds, ImportError among them
            del os.environ[name]
            reason = str(error).partition(". ")[0].rstrip(".")
            _note(f"the proxy of {name} is not used: {reason}")


def _forget_missing_certificates() -> None:
    """Forget a file of certificates that cannot be read: httpx wants it for plain http, too."""
    name = os.environ.get("SSL_CERT_FILE")
    try:
        if name:
            ssl.create_default_context(cafile=name)
    except (OSError, ValueError) as error:  # of ssl, too
        del os.environ["SSL_CERT_FILE"]
        _note(f"SSL_CERT_FILE={name} is not used: {getattr(error, 'strerror', None) or error}")


def _is_understood(entry: str) -> bool:
    """Whether httpx takes an entry of NO_PROXY; some forms that others know stop it."""
    import httpx

    os.environ["no_proxy"] = entry
    try:
        httpx.Client(verify=False).close()
    except Exception:
        _note(f"{entry} in NO_PROXY is left out: it is no host")
        return False
    return True


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)
