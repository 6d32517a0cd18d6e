"""`python -m demo.web.build --out build/site`: put the static site together.

It holds the page, the models of the two switches with their maps, some test images, and
onnxruntime-web, which npm fetches at a pinned version. Whatever serves files serves it.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import onnxruntime

import vae_onnx
from demo import tools
from demo.library.latent_map import COLOURS, NEIGHBOURS, PRIOR_RADIUS, LatentMap
from demo.web import join
from vae_onnx import terminal

HERE = Path(__file__).parent
SOURCES = HERE / "site"
STATIC = HERE.parent / "page" / "static"
ROOT = HERE.parents[1]
PACKS = ROOT / "build" / "npm"
IMAGES = ROOT / "tests" / "runtime" / "images.npz"  # the first images of the test sets

DATASETS = ("mnist", "fashion-mnist")
KINDS = ("vae", "ae")
EXAMPLES = {"mnist": 1, "fashion-mnist": 3}  # of each class; clothes are chosen, not drawn
SHARED = ("pad.js", "parts.css", "favicon.png")

ORT = "onnxruntime-web"
ORT_VERSION = "1.30.0"
ORT_SUMS = HERE / "onnxruntime-web.sha256"  # of the files that the site takes
LICENCES = ("LICENSE", "ThirdPartyNotices.txt")  # npm's package lacks them, Python's has them

BUDGET = 18_000_000  # bytes in all: what a visitor's browser keeps


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
    print(f"{out}: {_size(out) / 1e6:.1f} MB in {len(_files(out))} files")
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
        _write_models(site / "models")
        _write_examples(site / "examples")
        write_worker(site)
        if _size(site) > BUDGET:
            raise ValueError(f"the site must hold at most {BUDGET:,} bytes, got {_size(site):,}")
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


def _write_models(folder: Path) -> None:
    folder.mkdir()
    shutil.copy(Path(vae_onnx.__file__).parent / "models" / "drawing.onnx", folder)
    for name in (f"{dataset}-{kind}" for dataset in DATASETS for kind in KINDS):
        model = vae_onnx.load(name)
        (folder / name).mkdir()
        for file in ("encoder.onnx", "decoder.onnx", "card.json"):
            shutil.copy(model.folder / file, folder / name)
        _write_map(folder / name, LatentMap.of(model))


def _write_map(folder: Path, latents: LatentMap) -> None:
    """Write map.json and latents.bin: z float32 (N, 2), then labels uint8 (N,)."""
    spots = latents.name_spots()
    classes = [
        {
            "name": name,
            "colour": COLOURS[label % len(COLOURS)],
            "spot": spots[label].round(2).tolist() if label in spots else None,
        }
        for label, name in enumerate(latents.class_names)
    ]
    window = latents.window
    told = {
        "count": len(latents.z),
        "window": {"left": window.left, "bottom": window.bottom, "side": window.side},
        "ticks": window.ticks(),
        "classes": classes,
        "prior_radius": PRIOR_RADIUS,
        "neighbours": NEIGHBOURS,
    }
    _write_json(folder / "map.json", told)
    numbers = latents.z.astype("<f4").tobytes() + latents.labels.tobytes()
    (folder / "latents.bin").write_bytes(numbers)


def _write_examples(folder: Path) -> None:
    """Write the first test images of each class of each data set, in the order of the classes."""
    folder.mkdir()
    with np.load(IMAGES, allow_pickle=False) as archive:
        images = {name.replace("_", "-"): archive[name] for name in archive.files}
    for dataset in DATASETS:
        latents = LatentMap.of(vae_onnx.load(f"{dataset}-{KINDS[0]}"))
        labels = latents.labels[: len(images[dataset])]
        first = [
            {"name": name, "pixels": base64.b64encode(image.tobytes()).decode("ascii")}
            for label, name in enumerate(latents.class_names)
            for image in images[dataset][labels == label][: EXAMPLES[dataset]]
        ]
        _, height, width = images[dataset].shape
        _write_json(folder / f"{dataset}.json", {"height": height, "width": width, "images": first})


def write_worker(site: Path) -> None:
    """Write the service worker, which knows every other file by the hash of its content."""
    worker = site / "sw.js"
    hashes = {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in _files(site)
        if path != worker
    }
    files = json.dumps(hashes, indent=2)
    version = hashlib.sha256(files.encode()).hexdigest()[:16]
    script = (SOURCES / "sw.js").read_text(encoding="utf-8")
    script = script.replace("const FILES = {};", f"const FILES = {files};")
    script = script.replace('const VERSION = "";', f'const VERSION = "{version}";')
    worker.write_text(script, encoding="utf-8")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, allow_nan=False) + "\n", encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


if __name__ == "__main__":
    sys.exit(main())
