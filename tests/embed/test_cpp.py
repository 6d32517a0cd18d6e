"""demo/embed/cpp, built with CMake against OpenVINO's wheel."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import openvino
import pytest
from PIL import Image

import vae_onnx
from demo.tools import need

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "cpp"
MODEL = vae_onnx.load("mnist-vae").folder
MAP, OPEN, COLOUR = (
    Path(__file__).parents[1] / "runtime" / "graphs" / name for name in ("map", "open", "colour")
)


# The model is found from the top of the repository, where the page's path begins.
PROGRAM = """#include <cstdio>
#include "vae.hpp"

int main()
{
    %s
    std::printf("%%zu %%.4f %%.4f\\n", x_recon.size(), mu[0], mu[1]);
}
"""


def lines_of_the_page() -> str:
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    return page.partition("```cpp\n")[2].partition("```")[0]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    build = tmp_path_factory.mktemp("cpp")
    (build / "page.cpp").write_text(PROGRAM % lines_of_the_page(), encoding="utf-8")
    found = f"-DOpenVINO_DIR={Path(openvino.__file__).parent / 'cmake'}"
    compiler = f"-DCMAKE_CXX_COMPILER={need('c++')}"
    for options in (
        ["-S", str(SOURCE), "-B", str(build), found, compiler],
        ["--build", str(build)],
    ):
        command = [need("cmake"), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    return build


@pytest.fixture(scope="session")
def library(built):
    library = ctypes.CDLL(str(built / "libhost.so"))
    library.load.restype = ctypes.c_void_p
    return library


@pytest.fixture
def vae(built):
    """Run the program; returns exit code, stdout and stderr."""

    def run(*arguments):
        command = [str(built / "demo" / "vae"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    return run


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


def sizes(array):
    return (ctypes.c_long * array.ndim)(*array.shape)


def test_the_lines_of_the_page(built):
    done = subprocess.run([built / "page"], cwd=ROOT, capture_output=True, text=True, check=True)
    model = vae_onnx.load("mnist-vae")
    pictures = model.decode([[0.5, -1.0]])
    size, *mu = map(float, done.stdout.split())
    assert size == pictures.size
    np.testing.assert_allclose(mu, model.encode(pictures)[0], atol=1e-3)


def test_it_equals_the_golden_vectors(library, golden, assert_agree):
    x, z, expected = (golden.tensors[name] for name in ("x", "z", "x_recon"))
    codes = {name: np.full_like(code, np.nan) for name, code in golden.codes.items()}
    first, *_, last = [*codes.values(), *codes.values()]  # an AE has but one
    x_recon = np.full_like(expected, np.nan)
    reconstructed = np.full_like(x, np.nan)

    model = ctypes.c_void_p(library.load(str(golden.folder).encode()))
    library.encode(model, pointer(x), sizes(x), pointer(first), pointer(last))
    library.decode(model, pointer(z), sizes(z), pointer(x_recon))
    library.reconstruct(model, pointer(x), sizes(x), pointer(reconstructed))
    library.unload(model)

    for name, code in codes.items():
        assert_agree(code, golden.codes[name])
    assert_agree(x_recon, expected)
    assert_agree(reconstructed, expected[: len(x)])


def test_the_program_decodes(vae, tmp_path):
    code, out, error = vae("decode", MODEL, tmp_path / "out.pgm", 0.5, -1)
    assert (code, out, error) == (0, "", "")
    picture = np.asarray(Image.open(tmp_path / "out.pgm"))
    expected = vae_onnx.load(MODEL).decode([[0.5, -1]])[0]
    assert np.abs(picture - 255 * expected).max() < 0.501


def test_the_program_reconstructs(vae, tmp_path):
    digit = vae_onnx.to_uint8(vae_onnx.load(MODEL).sample(1, np.random.default_rng(0)))[0]
    header = b"P5 # grey\n# by hand\n28\t28\n255\n"
    (tmp_path / "in.pgm").write_bytes(header + digit.tobytes())
    code, out, error = vae("reconstruct", MODEL, tmp_path / "in.pgm", tmp_path / "out.pgm")
    assert (code, error) == (0, "")
    model = vae_onnx.load(MODEL)
    np.testing.assert_allclose(np.array(out.split(), float), model.encode(digit)[0], atol=1e-4)
    picture = np.asarray(Image.open(tmp_path / "out.pgm"))
    assert np.abs(picture - 255 * model.reconstruct(digit)[0]).max() < 0.51


def test_the_program_takes_colours_of_any_size(vae, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (6, 10, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "in.ppm")
    code, out, error = vae("reconstruct", OPEN, tmp_path / "in.ppm", tmp_path / "out.ppm")
    assert (code, error) == (0, "")
    model = vae_onnx.load(OPEN)
    np.testing.assert_allclose(
        np.array(out.split(), float), model.encode(picture).ravel(), atol=1e-5
    )
    redrawn = np.asarray(Image.open(tmp_path / "out.ppm"))
    assert np.abs(redrawn - 255 * model.reconstruct(picture)[0]).max() < 0.51


def test_the_program_decodes_colours(vae, tmp_path):
    z = [1, 0, 0.4, 0.2, 0.6, 0.8]
    assert vae("decode", COLOUR, tmp_path / "out.ppm", *z) == (0, "", "")
    picture = np.asarray(Image.open(tmp_path / "out.ppm"))
    assert picture.tolist() == [[[255, 102, 153]], [[0, 51, 204]]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("decode", MAP, "out.pgm", 1), "the model's pictures have 4 channels, the files of this"),
        (("decode", OPEN, "out.pgm", 1), "z is a map of any size in this model"),
        (
            ("reconstruct", OPEN, "large.ppm", "out.pgm"),
            "is 7x5 pixels, the model takes multiples of 2: cut or scale it to 6x4",
        ),
        (
            ("reconstruct", OPEN, "thin.ppm", "out.pgm"),
            "is 1x4 pixels, the model takes multiples of 2",
        ),
        (("reconstruct", OPEN, "short.pgm", "out.pgm"), "no binary PPM (P6) of 8 bits"),
        (("decode", MODEL, "out.pgm", 1), "z has 2 numbers in this model, got 1"),
        (("decode", MODEL, "out.pgm", 1, "2x"), "finite numbers, got '2x'"),
        (("decode", MODEL, "out.pgm", "", 1), "finite numbers, got ''"),
        (("decode", MODEL, "out.pgm", "nan", 1), "finite numbers, got 'nan'"),
        (("decode", MODEL, "none/out.pgm", 1, 1), "cannot be written"),
        (("decode", "none", "out.pgm", 1, 1), "encoder.onnx is missing"),
        (("reconstruct", MODEL, "none.pgm", "out.pgm"), "none.pgm is missing, or no binary PGM"),
        (("reconstruct", MODEL, "ascii.pgm", "out.pgm"), "no binary PGM (P5) of 8 bits"),
        (("reconstruct", MODEL, "large.pgm", "out.pgm"), "is 280x14 pixels, the model takes 28x28"),
        (("reconstruct", MODEL, "short.pgm", "out.pgm"), "is truncated"),
    ],
)
def test_what_is_wrong_is_named(vae, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    Path("ascii.pgm").write_text("P2 1 1 255 0")
    Path("large.pgm").write_bytes(b"P5 280 14 255 " + bytes(280 * 14))
    Path("large.ppm").write_bytes(b"P6 7 5 255 " + bytes(105))
    Path("thin.ppm").write_bytes(b"P6 1 4 255 " + bytes(12))
    Path("short.pgm").write_bytes(b"P5 28 28 255 " + bytes(783))
    code, out, error = vae(*arguments)
    assert (code, out) == (1, "")
    assert error.startswith("error: ")
    assert message in error
    assert not Path("out.pgm").exists()


@pytest.mark.parametrize("arguments", [(), ("decode", "m", "o"), ("reconstruct", "m", "i"), ("x",)])
def test_wrong_use_shows_the_usage(vae, arguments):
    code, _, error = vae(*arguments)
    assert code == 2
    assert "usage: vae decode MODEL OUT.pgm Z..." in error
