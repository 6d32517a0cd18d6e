"""The hosts of the graphs side by side: C99, C++ on OpenVINO, Python, Node, a browser.

python tests/bench/hosts.py prints its section of docs/benchmarks.md alone.
"""

import ctypes
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino
import web
from tqdm import tqdm

import vae_onnx
from demo.tools import need
from export.c99 import header, reading
from export.c99.int8 import Rounded, rounded, to_int8
from export.c99.weights import Network
from export.markdown import table
from vae_onnx.command.bench import alternate

PEAK = """
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **words)
{
    struct rusage usage;
    int status;
    if (count > 1 && fork() == 0) {
        execv(words[1], words + 1);
        _exit(127);
    }
    wait4(-1, &status, 0, &usage);
    fprintf(stderr, "%ld", usage.ru_maxrss);
    return status != 0;
}
"""
MODEL = "mnist-vae"
ROUNDS = 15
TESTS = Path(__file__).parents[1]
CODE = f"import vae_onnx; vae_onnx.load({MODEL!r}).decode([[0.5, -1]])"


def section() -> str:
    """Return the section; builds what it measures."""
    model = vae_onnx.load(MODEL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hosts = {
            "C99, float32": build_c(folder, "float32"),
            "C99, int8": build_c(folder, "int8"),
            "C++, OpenVINO": build_cpp(folder),
        }
        z = np.random.default_rng(0).standard_normal((1, model.latent_dim), np.float32)
        x = np.fromfile(TESTS / "golden" / MODEL / "x.f32", "<f4")[: np.prod(model.image_shape)]
        x = x.reshape(1, *model.image_shape)
        decode = {name: decode_call(library, z) for name, (library, _) in hosts.items()}
        encode = {name: encode_call(library, x) for name, (library, _) in hosts.items()}
        decode["Python, vae_onnx"] = lambda: model.decode(z)
        encode["Python, vae_onnx"] = lambda: model.encode(x)
        programs = {name: program for name, (_, program) in hosts.items()}
        programs["Python, vae_onnx"] = [sys.executable, "-c", CODE]
        call = alternate({"ctypes": decode_call(hosts["C99, float32"][0], z[:0])}, ROUNDS)[
            "ctypes"
        ].p50
        decoded, encoded = alternate(decode, ROUNDS), alternate(encode, ROUNDS)
        rows = [
            [
                name,
                microseconds(decoded[name].p50),
                microseconds(encoded[name].p50),
                f"{peak_memory(program, folder) / 1e6:.0f} MB",
            ]
            for name, program in programs.items()
        ]
    for host in reversed(web.measure()[1]):
        times = [microseconds(host.milliseconds(call) / 1000) for call in ("decode 1", "encode 1")]
        rows.append([f"JavaScript, {host.name}", *times, f"{host.megabytes():.0f} MB"])
    head = [f"`{MODEL}`, one row, one thread", "decode", "encode a digit", "peak memory"]
    return f"""## Hosts of the graphs

Median time of one call from Python, of which {microseconds(call)} are ctypes' in those of C and
C++, and the most memory that a small program with the model takes. C99 is what
`python -m export c-source` writes, compiled by `gcc -O3` for any x86-64 processor; it passes over
inputs that are 0, as most pixels of a digit are. OpenVINO computes in float32 on one thread. Those
of JavaScript are measured from JavaScript: Node's memory beside what Node takes by itself, and
WebAssembly's in the browser.

{table(head, rows)}

{int8_section()}"""


def int8_section() -> str:
    """What int8 costs each bundled model of dense layers, and what it saves."""
    rows = []
    dense = [name for name in vae_onnx.models() if "mnist" in name]  # no convolutions in C
    for name in tqdm(dense, desc="int8", disable=None):
        model = vae_onnx.load(name)
        exact = reading.read(model)
        ours = to_int8(model, exact)
        nearest = replace(
            exact,
            encoder=(rounded(exact.encoder[0]),),
            decoder=(exact.decoder[0], rounded(exact.decoder[1])),
        )
        _, before, after = header.losses(model, exact, ours)
        _, _, plain = header.losses(model, exact, nearest)
        sizes = [f"{size(weights) / 1e6:.2f} MB" for weights in (exact, ours)]
        changes = [f"{loss - before:+.3f}" for loss in (after, plain)]
        rows.append([f"`{name}`", f"{before:.3f}", *changes, *sizes])
    head = ["C99", "float32", "int8", "to the nearest", "weights in float32", "in int8"]
    return f"""Nats per image on the complete test sets: -ELBO of a VAE, reconstruction loss of an
AE; what int8 adds to it, as `python -m export c-source --precision int8` states it; and what it
would add if each weight were rounded to the nearest step.

{table(head, rows)}"""


def size(network: Network) -> int:
    """Bytes of all weights."""
    layers = network.named().values()
    return sum(
        layer.steps.nbytes + layer.scale.nbytes + layer.bias.nbytes
        if isinstance(layer, Rounded)
        else layer.weight.nbytes + layer.bias.nbytes
        for layer in layers
    )


def build_c(folder: Path, precision: str) -> tuple[ctypes.CDLL, list[str]]:
    """The header of the model as a library, and as a program."""
    model = vae_onnx.load(MODEL)
    written = header.write(MODEL, folder / precision / "model.h", precision)
    name = header.prefix(model)
    command = [need("cc"), "-std=c99", "-O3", f'-DHEADER="{written}"', f"-DPREFIX={name}", "-DVAE"]
    command += [f"-DSIZES={name.upper()}", str(TESTS / "export" / "c99" / "host.c")]
    library, program = written.with_name("host.so"), written.with_name("host")
    subprocess.run([*command, "-shared", "-fPIC", "-o", str(library), "-lm"], check=True)
    subprocess.run([*command, "-DPROGRAM", "-o", str(program), "-lm"], check=True)
    golden = TESTS / "golden" / MODEL
    inputs = [str(golden / "x.f32"), str(golden / "z.f32")]
    return ctypes.CDLL(str(library)), [str(program), *inputs, str(written.parent)]


class Cpp:
    """The library of tests/embed/cpp with the functions of those of C."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        library.load.restype = ctypes.c_void_p
        ours = vae_onnx.load(MODEL)
        model = ctypes.c_void_p(library.load(str(ours.folder).encode()))

        def shape(count: int, row: tuple[int, ...]) -> ctypes.Array:
            return (ctypes.c_long * (1 + len(row)))(count, *row)

        self.decode = lambda z, count, *outputs: library.decode(
            model, z, shape(count, ours.latent_shape), *outputs
        )
        self.encode = lambda x, count, *outputs: library.encode(
            model, x, shape(count, ours.image_shape), *outputs
        )


def build_cpp(folder: Path) -> tuple[Cpp, list[str]]:
    found = f"-DOpenVINO_DIR={Path(openvino.__file__).parent / 'cmake'}"
    compiler = f"-DCMAKE_CXX_COMPILER={need('c++')}"
    build = folder / "cpp"
    for options in (
        ["-S", str(TESTS / "embed" / "cpp"), "-B", str(build), found, compiler],
        ["--build", str(build)],
    ):
        subprocess.run([need("cmake"), *options], check=True, stdout=subprocess.DEVNULL)
    program = [str(build / "demo" / "vae"), "decode", str(vae_onnx.load(MODEL).folder)]
    return Cpp(build / "libhost.so"), [*program, str(folder / "out.pgm"), "0.5", "-1"]


def decode_call(library, z):
    x_recon = np.empty((len(z), 784), np.float32)
    arguments = pointer(z), len(z), pointer(x_recon)
    # The arrays stay alive with the function.
    return lambda _keep=(z, x_recon): library.decode(*arguments)


def encode_call(library, x):
    mu, log_var = np.empty((2, len(x), 2), np.float32)
    arguments = pointer(x), len(x), pointer(mu), pointer(log_var)
    return lambda _keep=(x, mu, log_var): library.encode(*arguments)


def pointer(array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def peak_memory(command: list[str], folder: Path) -> int:
    """Bytes that a program had in memory at most, on Linux."""
    launcher = folder / "peak"
    if not launcher.exists():
        subprocess.run(
            [need("cc"), "-x", "c", "-", "-o", str(launcher)], check=True, input=PEAK, text=True
        )
    # A program's peak counts from the process that it was started from: this one is large.
    told = subprocess.run([str(launcher), *command], check=True, stderr=subprocess.PIPE, text=True)
    return 1024 * int(told.stderr)


def microseconds(value: float) -> str:
    return f"{1e6 * value:.1f} µs"


if __name__ == "__main__":
    print(section())
