"""The steps of the Dockerfile, and a stranger's path, in bare roots of Debian; each is timed.

`make test-root` runs it, as root on a Debian with mmdebstrap: no Docker is needed. The steps are
read from the Dockerfile itself. The roots have the network as this machine has it: its names, its
certificates and what PIP_* variables say; --bind shows them folders of packages besides.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parents[1]
SUITE = "bookworm"
SYSTEM = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
READY = 120  # seconds that the demo has to answer
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # that this machine trusts
NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", CERTIFICATES)


@dataclass
class Stage:
    """A root, and what the Dockerfile has said of it so far."""

    root: Path
    folder: str = "/"
    user: str = "0"
    environment: dict[str, str] = field(default_factory=lambda: dict(SYSTEM))
    health: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)


class Steps:
    """What was done, and how long it took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Time what is done within, and say so."""
        start = time.monotonic()
        yield
        self.seconds[what] = time.monotonic() - start
        print(f"{self.seconds[what]:7.1f} s  {what}", flush=True)


def inside(
    stage: Stage, command: list[str], binds: list[Path], *, read_only: bool = False
) -> list[str]:
    """Return the command line that runs a command in a root, with mounts of its own."""
    root = shlex.quote(str(stage.root))
    mounts = [f"mount --bind {root} {root}"]
    mounts += [f"mkdir -p {root}{bind} && mount --bind {bind} {root}{bind}" for bind in binds]
    if read_only:
        mounts.append(f"mount -o remount,bind,ro {root}")
    mounts += [f"mount -t {kind} {kind} {root}/{place}" for kind, place in
               (("proc", "proc"), ("tmpfs", "tmp"))]  # fmt: skip
    mounts.append(f"mount --bind /dev {root}/dev")
    variables = [f"{name}={value}" for name, value in stage.environment.items()]
    network = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("PIP_")]
    network.append(f"NODE_EXTRA_CA_CERTS={CERTIFICATES}")
    script = f"cd {shlex.quote(stage.folder)} && exec {shlex.join(command)}"
    change = ["chroot", f"--userspec={stage.user}:{stage.user}", str(stage.root)]
    chrooted = shlex.join(
        [*change, "/usr/bin/env", "-i", *variables, *network, "/bin/sh", "-ec", script]
    )
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec",
            " && ".join([*mounts, f"exec {chrooted}"])]  # fmt: skip


def run(command: list[str]) -> None:
    """Run a command; what it says is told if it fails."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if ended.returncode:
        sys.exit(ended.stdout.decode(errors="replace")[-4000:])


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, comments left out and lines joined."""
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def build(dockerfile: str, base: Path, folder: Path, binds: list[Path], steps: Steps) -> Stage:
    """Do as a Dockerfile says; return its last stage."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder)
    for name, rest in instructions(dockerfile):
        if name == "FROM":
            image, _, called = rest.partition(" AS ")
            assert image.startswith(f"debian:{SUITE}-"), (
                f"the base of the test is {SUITE}, not {image}"
            )
            stage = stages[called] = Stage(unpack(base, folder / (called or "final")))
        elif name == "RUN":
            with steps.timed(f"RUN {rest[:60]} ..."):
                run(inside(stage, ["sh", "-ec", rest], binds))
        elif name == "WORKDIR":
            stage.folder = rest
            (stage.root / rest[1:]).mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            _copy(rest.split(), stages, stage)
        elif name == "ENV":
            _set(stage, rest)
        elif name == "USER":
            stage.user = rest
        elif name == "HEALTHCHECK":
            stage.health = json.loads(rest.partition("CMD ")[2])
        elif name == "ENTRYPOINT":
            stage.entry = json.loads(rest)
        else:
            assert name == "EXPOSE", f"tests/bare_root.py does not know {name}"
    return stage


def _set(stage: Stage, told: str) -> None:
    for name, value in (each.split("=", 1) for each in shlex.split(told)):
        stage.environment[name] = re.sub(r"\$(\w+)", lambda m: stage.environment[m[1]], value)


def _copy(words: list[str], stages: dict[str, Stage], stage: Stage) -> None:
    origin = (
        stages[words.pop(0).removeprefix("--from=")].root
        if words[0].startswith("--from=")
        else None
    )
    *sources, target = words
    place = stage.root / (target if target.startswith("/") else f"{stage.folder}/{target}").lstrip(
        "/"
    )
    for source in sources:
        if origin is None:
            assert source == ".", "the whole context is copied, as .dockerignore leaves it"
            copy_sources(place)
        else:
            shutil.copytree(origin / source.lstrip("/"), place, symlinks=True, dirs_exist_ok=True)


def copy_sources(place: Path) -> None:
    """Copy what a clone of this repository has."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=HERE, capture_output=True, check=True)  # fmt: skip
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (HERE / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HERE / name, place / name)


def unpack(base: Path, root: Path) -> Path:
    """Make a root of the base."""
    root.mkdir(parents=True)
    subprocess.run(["tar", "-xf", base, "-C", root], check=True)
    for name in NETWORK:
        if Path(name).exists():
            (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, root / name[1:])
    return root


def try_demo(stage: Stage, binds: list[Path], steps: Steps, port: int) -> None:
    """Start what the image would, read-only and as its user, until it says that it is well."""
    stage.environment["GRADIO_SERVER_PORT"] = str(port)
    command = inside(stage, stage.entry, binds, read_only=True)
    socket.create_server(("", port)).close()  # nobody else may answer
    health = [part.replace("7860", str(port)) for part in stage.health]
    with steps.timed("the demo, from its start to its first picture, read-only and as no root"):
        log = stage.root.with_suffix(".log")
        with log.open("wb") as file:
            running = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            until = time.monotonic() + READY
            while subprocess.run(inside(stage, health, binds), capture_output=True).returncode:
                assert running.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < until, "the demo does not answer"
                time.sleep(1)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/grids/mnist-vae.png") as answer:
                assert answer.read(4) == b"\x89PNG"
            told = Path(f"/proc/{_innermost(running.pid)}/status").read_text()
            told = dict(re.findall(r"^(\w+):\s+(\d+)", told, re.MULTILINE))
            assert told["Uid"] == stage.user, f"it runs as {told['Uid']}"
            print(f"{int(told['VmRSS']) >> 10:7} MB of memory", flush=True)
        finally:
            os.kill(
                _innermost(running.pid), signal.SIGKILL
            )  # who changed its user hears no other end
            running.wait()


def _innermost(process: int) -> int:
    """The last process below another one."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return _innermost(int(children[0])) if children else process


def walk(base: Path, folder: Path, binds: list[Path], steps: Steps) -> None:
    """Go the way of a stranger who has a clone and Debian: to a picture, and to a page."""
    stage = Stage(unpack(base, folder / "stranger"), "/home/clone")
    copy_sources(stage.root / "home/clone")
    able = [(f"README: {line}", f"PATH=$PWD/.venv/bin:$PATH; {line}") for line in _readme()]
    path = [
        ("apt install python3-venv make", APT),
        ("pip install '.[images]'", f"python3 -m venv .venv && {PIP} '.[images]'"),
        ("vae-onnx grid: the first picture", ".venv/bin/vae-onnx grid mnist-vae -o first.png"),
        ("a drawing and some digits to try it on", f".venv/bin/python -c {shlex.quote(DATA)}"),
        *able,
        ("pip install onnx, for a finished graph of one's own", f"{PIP} onnx"),
        ("vae_onnx.adopt: a folder of one's own", f".venv/bin/python -c {shlex.quote(ADOPT)}"),
        ("make site, and the page of docs/your-model.md", f"make --silent site && {PAGE}"),
    ]
    for what, command in path:
        with steps.timed(what):
            run(inside(stage, ["sh", "-ec", command], binds))
    for made in (
        "first.png",
        "grid.png",
        "recon.png",
        "page/vae.js",
        "page/models/mine/decoder.onnx",
    ):
        assert (stage.root / "home/clone" / made).stat().st_size > 100, made


APT = "apt-get update -qq && apt-get install -qq --yes --no-install-recommends python3-venv make"
PIP = ".venv/bin/pip install --quiet"
ADOPT = """
import shutil, numpy as np, vae_onnx
folder = vae_onnx.load("emoji-vae").folder
with np.load("tests/runtime/images.npz") as archive:
    pictures = archive["emoji"]
vae_onnx.adopt("models/mine", folder / "encoder.onnx", folder / "decoder.onnx", pictures)
print(vae_onnx.load("models/mine"))
"""
PAGE = "mkdir page && cp -r build/site/vae.js build/site/runtime.js build/site/ort models page/"
DATA = """
import numpy as np
from PIL import Image
with np.load("tests/runtime/images.npz") as archive:
    digits = archive["mnist"]
np.save("digits.npy", digits)
Image.fromarray(digits[0]).resize((280, 280)).save("drawing.png")
"""


def _readme() -> list[str]:
    """The commands of README that a stranger can type who has a drawing and some digits."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^(vae-onnx .*?)(?: +#.*)?$", text, re.MULTILINE)
    able = [line for line in lines if not re.search(r"faces|mine|data/|codes", line)]
    assert len(able) >= 4, able
    return able


def main() -> int:
    """Build, try and walk; the timings go to --out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bind", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument(
        "--base", type=Path, help="a tar file of the bare root; made if it is not there"
    )
    parser.add_argument("--port", type=int, default=7867)
    parser.add_argument("--out", type=Path, default=HERE / "build" / "root.json")
    options = parser.parse_args()
    steps = Steps()
    with tempfile.TemporaryDirectory(prefix="bare-root-") as name:
        folder = Path(name)
        base = options.base or folder / "base.tar"
        if not base.exists():
            with steps.timed(f"mmdebstrap {SUITE}"):
                command = ["mmdebstrap", "--quiet", "--variant=minbase", SUITE, base]
                subprocess.run(command, check=True)
        stage = build((HERE / "Dockerfile").read_text(), base, folder, options.bind, steps)
        try_demo(stage, options.bind, steps, options.port)
        walk(base, folder, options.bind, steps)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(steps.seconds, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
