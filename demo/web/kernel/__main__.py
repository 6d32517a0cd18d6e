"""`python -m demo.web.kernel`: compile kernel.c to WebAssembly, into demo/web/vae/binary.js.

The compiler is Zig's clang, `pip install --group kernel`: of one version it makes the same bytes
on every machine. The result is committed: who builds the site or copies vae.js has no compiler.
"""

from __future__ import annotations

import base64
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("kernel.c")
MODULE: Final = Path(__file__).parents[1] / "vae" / "binary.js"
TARGET: Final = ("--target=wasm32-freestanding", "-mcpu=generic+simd128+bulk_memory")
FLAGS: Final = ("-std=c99", "-O3", "-Wall", "-Wextra", "-Werror", "-nostdlib")
LINK: Final = ("--no-entry", "--strip-all", "--export=__heap_base", "-z,stack-size=4096")
TEXT: Final = """\
// @ts-check
// demo/web/kernel/kernel.c in WebAssembly. `python -m demo.web.kernel` writes this file.

export const KERNEL =
{lines};
"""
LINE: Final = 96  # characters, a multiple of 4


def compiled(source: Path = SOURCE) -> bytes:
    """Compile a C file to a WebAssembly module.

    Raises:
        RuntimeError: The compiler is missing, or takes the source for wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "kernel.wasm"
        link = ",".join(("-Wl", *LINK))
        command = [sys.executable, "-m", "ziglang", "cc", *TARGET, *FLAGS, link]
        result = subprocess.run(
            [*command, str(source), "-o", str(out)],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if result.returncode:
            remedy = "; `pip install --group kernel` installs the compiler"
            missing = "No module named ziglang" in result.stderr
            raise RuntimeError(result.stderr.strip() + (remedy if missing else ""))
        return out.read_bytes()


def module_of(binary: bytes) -> str:
    """Write a WebAssembly module as a module of JavaScript, which bundlers and `join` take."""
    text = base64.b64encode(binary).decode("ascii")
    lines = [f'  "{text[at : at + LINE]}"' for at in range(0, len(text), LINE)]
    return TEXT.format(lines=" +\n".join(lines))


def main() -> int:
    """Compile and write; 1 if that cannot be, with the reason on stderr."""
    try:
        binary = compiled()
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    MODULE.write_text(module_of(binary), encoding="utf-8", newline="\n")
    print(f"{MODULE}: {len(binary):,} bytes of WebAssembly")
    return 0


if __name__ == "__main__":
    sys.exit(main())
