"""A header compiled into a program or a library, whose functions take arrays."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from demo.tools import need
from export.c99 import header
from vae_onnx import Posterior

HOST = Path(__file__).with_name("host.c")
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-Wcast-qual"]
C99 = ["cc", "-std=c99", *STRICT, "-Wdouble-promotion", "-Wstrict-prototypes"]
CPP = ["c++", "-std=c++11", *STRICT, "-x", "c++"]
SANITIZERS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compiled(compiler, path, model, out, *options):
    """Compile tests/export/c99/host.c around a header; returns the file."""
    name = header.prefix(model)
    defined = [f'-DHEADER="{path}"', f"-DPREFIX={name}", f"-DSIZES={name.upper()}"]
    defined += ["-DVAE"] if model.kind == "vae" else []
    compile_by(compiler, *options, *defined, str(HOST), "-o", str(out), "-lm")
    return out


def compile_by(compiler, *arguments, **options):
    """Run a compiler, which is the name of a tool and what it is always given."""
    name, *always = compiler
    subprocess.run([need(name), *always, *arguments], check=True, timeout=300, **options)


class Library:
    """The functions of a header on arrays."""

    def __init__(self, path, model, folder):
        options = ["-O3", "-shared", "-fPIC"]
        self.library = ctypes.CDLL(str(compiled(C99, path, model, folder / "host.so", *options)))
        self.model = model
        self.pixels = int(np.prod(model.image_shape))

    def encode(self, x):
        """Encode x (N, ...) to a Posterior, or for an AE to z."""
        x = np.ascontiguousarray(x, np.float32)
        mu, log_var = np.full((2, len(x), self.model.latent_dim), np.nan, np.float32)
        self.library.encode(pointer(x), len(x), pointer(mu), pointer(log_var))
        return Posterior(mu, log_var) if self.model.kind == "vae" else mu

    def decode(self, z):
        """Decode z (N, latent_dim) to x_recon (N, pixels)."""
        z = np.ascontiguousarray(z, np.float32)
        x_recon = np.full((len(z), self.pixels), np.nan, np.float32)
        self.library.decode(pointer(z), len(z), pointer(x_recon))
        return x_recon


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)
