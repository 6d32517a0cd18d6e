"""`python -m demo.web.build --out build/site`: put the static site together.

It holds the page, the models of the two switches with their maps, some test images, and
onnxruntime-web, which npm fetches at a pinned version. Whatever serves files serves it. A visitor's
browser fetches the page with its first model, and all else once it is chosen.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from string import Template

import onnxruntime

from demo import tools
from demo.web import content, join
from vae_onnx import terminal

HERE = Path(__file__).parent
SOURCES = HERE / "site"
STATIC = HERE.parent / "page" / "static"
ROOT = HERE.parents[1]
PACKS = ROOT / "build" / "npm"
SHARED = ("pad.js", "parts.css", "favicon.png")

ORT = "onnxruntime-web"
ORT_VERSION = "1.30.0"
ORT_SUMS = HERE / "onnxruntime-web.sha256"  # of the files that the site takes
LICENCES = ("LICENSE", "ThirdPartyNotices.txt")  # npm's package lacks them, Python's has them

BUDGET = 1_000_000  # bytes of the first visit, from a server that packs nothing
MORE = 24_000_000  # bytes of what comes along once it is chosen


@terminal.plain()
def main() -> int:
    """Build the site; 1 if that cannot be, with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.web.build", description="Put the static site together."
    )
    parser.add_argument("--out", type=Path, default=Path("build/site"), help="folder to write")
    out = parser.parse_args().out
    try:
        build(out)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    visit, rest = _size(first(out)) / 1e6, _size(lazy(out)) / 1e6
    print(f"{out}: {len(_files(out))} files, {visit:.2f} MB and, once chosen, {rest:.1f} MB")
    return 0


def build(out: Path) -> None:
    """Write the site to `out`, in the place of what an earlier build wrote there.

    Raises:
        FileNotFoundError: npm, or a file that belongs into the site, is not to be had.
        FileExistsError: `out` is there and no site.
        ValueError: A file of onnxruntime-web is another one than it was, or the site is too large.
        RuntimeError: npm cannot fetch the package.
    """
    if out.exists() and not (out / "sw.js").is_file():
        raise FileExistsError(f"{out} is there already and no site; name another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        site = Path(folder) / "site"
        site.mkdir()
        _write_page(site)
        write_runtime(site / "ort")
        content.write_models(site / "models")
        content.write_examples(site / "examples")
        write_worker(site)
        for what, files, limit in (
            ("first visit", first(site), BUDGET),
            ("rest", lazy(site), MORE),
        ):
            if _size(files) > limit:
                raise ValueError(
                    f"the {what} must be at most {limit:,} bytes, got {_size(files):,}"
                )
        if out.exists():
            out.rename(Path(folder) / "old")
        site.rename(out)


def _write_page(site: Path) -> None:
    for source in SOURCES.glob("[!.]*"):
        shutil.copy(source, site)
    join.write(site)
    for name in SHARED:
        shutil.copy(STATIC / name, site)
    shutil.copy(ROOT / "LICENSE", site)
    shutil.copy(ROOT / "NOTICE", site / "NOTICE.txt")  # which any server says is text
    shutil.copytree(ROOT / "LICENSES", site / "LICENSES")
    template = Template((STATIC / "pad.html").read_text(encoding="utf-8"))
    label = "Drawing pad: draw with mouse, finger or pen"
    pad = template.substitute(label=label, hint="Draw a digit here", camera="", files="")
    page = (SOURCES / "index.html").read_text(encoding="utf-8")
    (site / "index.html").write_text(page.replace("<!-- pad.html -->", pad), encoding="utf-8")


def write_runtime(folder: Path) -> None:
    """Write onnxruntime-web to a new folder, as any server hands it out right.

    Its largest file is packed, which the page unpacks; its modules are called .js, because a server
    that does not know .mjs gives them a type that no browser runs.
    """
    folder.mkdir()
    with tarfile.open(_fetch()) as package:
        for expected, name in map(str.split, ORT_SUMS.read_text(encoding="ascii").splitlines()):
            member = package.extractfile(f"package/dist/{name}")
            content = member.read() if member else b""
            _check(f"{name} of {ORT} {ORT_VERSION}", content, expected)
            if name.endswith(".wasm"):
                name, content = f"{name}.gz", gzip.compress(content, mtime=0)
            (folder / name.replace(".mjs", ".js")).write_bytes(content)
    for name in LICENCES:
        shutil.copy(Path(onnxruntime.__file__).parent / name, folder)


def _fetch() -> Path:
    """Where the package lies, after npm has fetched it if it was not there."""
    pack = PACKS / f"{ORT}-{ORT_VERSION}.tgz"
    if pack.is_file():
        return pack
    PACKS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PACKS) as folder:
        tools.npm_pack(ORT, ORT_VERSION, Path(folder)).rename(pack)
    return pack


def _check(name: str, content: bytes, expected: str) -> None:
    got = hashlib.sha256(content).hexdigest()
    if got != expected:
        raise ValueError(
            f"{name} must have the sha256 {expected}, got {got}; remove {PACKS} and try again"
        )


def write_worker(site: Path) -> None:
    """Write the service worker, which knows every other file by the hash of its content."""
    worker = site / "sw.js"
    hashes = {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in _files(site)
        if path != worker
    }
    files = json.dumps(hashes, indent=2)
    later = json.dumps([path.relative_to(site).as_posix() for path in lazy(site)])
    version = hashlib.sha256(files.encode()).hexdigest()[:16]
    script = (SOURCES / "sw.js").read_text(encoding="utf-8")
    script = script.replace("const FILES = {};", f"const FILES = {files};")
    script = script.replace("const LAZY = [];", f"const LAZY = {later};")
    script = script.replace('const VERSION = "";', f'const VERSION = "{version}";')
    worker.write_text(script, encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def lazy(site: Path) -> list[Path]:
    """The files that are fetched only once they are chosen, or what is chosen needs them."""
    return sorted(set(_files(site)) - set(first(site)))


def first(site: Path) -> list[Path]:
    """The files of the first visit."""
    return [
        path for path in _files(site) if content.of_first_visit(path.relative_to(site).as_posix())
    ]


def _size(files: list[Path]) -> int:
    return sum(path.stat().st_size for path in files)


if __name__ == "__main__":
    sys.exit(main())
