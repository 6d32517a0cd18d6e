"""What each tab makes of a model that is shown by itself."""

import base64
import io
import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from demo import single
from demo.library.models import Library
from demo.library.single import Single
from demo.page.pictures import PictureError, png_url
from demo.single import explore, facts, frame, words

from .conftest import photo, write_card

PICTURE = {"kind": "picture", "data": png_url(photo())}


def opened(source: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def decoded(source: str) -> np.ndarray:
    return np.asarray(opened(source))


@pytest.fixture(params=["faces", "maps", "open"])
def model(library: Library, request: pytest.FixtureRequest) -> Single:
    return library.singles[request.param]


def test_they_come_first_and_the_digits_stay(library: Library, strangers: Path) -> None:
    assert library.titles == ["faces", "maps", "open", "MNIST", "Fashion-MNIST", "Emoji"]
    assert Library(strangers / "maps").titles[0] == "maps"  # the folder of one model
    assert Library().titles == ["MNIST", "Fashion-MNIST", "Emoji"]


def test_a_picture_is_brought_to_the_models_size(model: Single) -> None:
    shapes = {
        fit: frame.read(PICTURE, model, fit).picture.shape for fit in ("crop", "pad", "stretch")
    }
    assert set(shapes.values()) == {
        {"faces": (1, 64, 64, 3), "maps": (1, 6, 4, 4), "open": (1, 200, 300, 3)}[model.name]
    }


def test_the_fit_is_seen(library: Library) -> None:
    faces = library.singles["faces"]
    crop, pad, stretch = (
        frame.read(PICTURE, faces, fit).picture[0] for fit in ("crop", "pad", "stretch")
    )
    assert pad[:10].max() == pad[-10:].max() == 0
    assert np.abs(crop - stretch).max() > 0.05
    assert crop[:10].max() > 0.05


@pytest.mark.parametrize(
    "value",
    [7, {"kind": "picture"}, {"kind": "test", "number": 99}, {"kind": "drawing", "data": "x"},
     {"kind": "picture", "data": "data:image/png;base64,bm90aGluZw=="}],
)  # fmt: skip
def test_whatever_else_comes_is_refused(library: Library, value: object) -> None:
    with pytest.raises(PictureError):
        frame.read(value, library.singles["faces"])
    with pytest.raises(PictureError, match="fit must be stretch, crop, pad, got"):
        frame.read(PICTURE, library.singles["faces"], ["crop"])


def test_a_hand_may_draw_for_a_small_grey_model(tmp_path: Path) -> None:
    shutil.copytree(vae_onnx.load("mnist-vae").folder, tmp_path / "own" / "digits")
    write_card(tmp_path / "own" / "digits", image_shape=[1, 28, 28])
    digits = Library(tmp_path / "own").singles["digits"]
    stroke = np.zeros((280, 280), np.uint8)
    stroke[40:240, 120:150] = 255
    seen = frame.read({"kind": "drawing", "data": png_url(Image.fromarray(stroke))}, digits)
    assert seen is not None
    np.testing.assert_array_equal(seen.picture, vae_onnx.drawing_to_x(stroke)[:, 0])
    assert not frame.offers(digits)["still"]
    assert explore.planes(digits) == ["z[0]", "z[1]"]
    for tab in (single.LookTab, single.ExploreTab, single.GenerateTab):
        assert tab(Library(tmp_path / "own"), single.UseTab()).values("digits")


def test_a_large_picture_of_any_size_is_reduced(library: Library) -> None:
    value = {"kind": "picture", "data": png_url(photo(size=(1500, 1000)))}
    seen = frame.read(value, library.singles["open"])
    assert seen is not None
    assert seen.picture.shape == (1, 418, 626, 3)
    assert "reduced to 627 x 418" in seen.notes[0]


def look(library: Library, name: str) -> dict[str, Any]:
    tab = single.LookTab(library, single.UseTab())
    names = ("message", "pair", "measured", "use")
    return dict(zip(names, tab.look(PICTURE, "crop", name), strict=True))


def test_nats_where_there_is_a_likelihood_and_never_else(library: Library) -> None:
    told = {
        name: {figure["name"] for figure in look(library, name)["measured"]["figures"]}
        for name in ("faces", "maps", "open")
    }
    assert told["open"] == {"PSNR", "mean squared error"}
    assert told["maps"] == told["open"] | {"ELBO"}
    assert len(told["faces"]) == 3
    assert "no nats" in look(library, "open")["measured"]["about"]


def test_original_and_reconstruction_are_the_runtimes(library: Library, model: Single) -> None:
    pair = look(library, model.name)["pair"]
    seen = decoded(pair["seen"])
    assert list(seen.shape[:2]) == [int(side) for side in pair["size"].split()[2::-2]]
    redrawn = vae_onnx.to_uint8(model.model.reconstruct(seen))[0]
    np.testing.assert_array_equal(decoded(pair["redrawn"]), redrawn)


def test_a_map_of_codes_is_shown_as_maps_and_not_as_numbers(library: Library) -> None:
    measured = look(library, "maps")["measured"]
    assert measured["numbers"] is None
    assert len(measured["maps"]) == 4
    assert "4 x 3 x 2 = 24 numbers" in measured["code"]
    assert look(library, "faces")["measured"]["numbers"].count("±") >= 6


def test_the_plane_of_a_flat_code(library: Library) -> None:
    faces, tab = library.singles["faces"], single.ExploreTab(library, single.UseTab())
    peek, shown = tab.walk({"x": 100, "y": 0}, "z[2]", "z[4]", "faces")
    z = np.array(json.loads(shown["z"]))[0]
    middle, std = (0, 1) if faces.has_prior else (m.ravel() for m in faces.statistics)
    expected = np.zeros(len(z)) + middle
    expected[[2, 4]] += 3 * (np.ones(len(z)) * std)[[2, 4]]
    np.testing.assert_allclose(z, expected, atol=1e-4)
    np.testing.assert_array_equal(decoded(peek["src"]), decoded(shown["picture"]))
    for value, right in (({"x": "far"}, "z[0]"), ({"x": 1, "y": 1}, "z[99]"), (None, None)):
        assert len(tab.walk(value, right, "z[1]", "faces")) == 2


@pytest.mark.parametrize("name", ["maps", "open"])
def test_there_is_no_plane_of_a_map(library: Library, name: str) -> None:
    told, *others = single.ExploreTab(library, single.UseTab()).values(name)
    assert "no plane to walk on: the code of a picture is a map" in told
    assert others[2:] == [None, None, None, ""]


def test_the_principal_plane_of_codes_beside_the_model(strangers: Path, tmp_path: Path) -> None:
    shutil.copytree(strangers / "faces", tmp_path / "m" / "faces")
    dim = vae_onnx.load(strangers / "faces").latent_dim
    z = np.random.default_rng(0).normal(size=(50, dim)) * [9, *[1] * (dim - 1)]
    np.savez(tmp_path / "m" / "faces" / "latents.npz", z=z, labels=np.zeros(50, np.uint8))
    library = Library(tmp_path / "m")
    faces = library.singles["faces"]
    assert explore.planes(faces)[0] == explore.PRINCIPAL
    plane = explore.plane_of(faces, explore.PRINCIPAL, None)
    assert plane is not None
    np.testing.assert_allclose(plane.at(np.array([50, 50])), z.mean(axis=0), atol=1e-4)
    assert np.abs(plane.axes[0]).argmax() == 0


def test_samples_are_the_runtimes(library: Library) -> None:
    tab = single.GenerateTab(library, single.UseTab())
    for name in ("faces", "maps"):
        model = library.singles[name].model
        message, sheets, _ = tab.sample(6, 3, 1.0, name)
        assert message is None
        expected = vae_onnx.tile(model.sample(6, np.random.default_rng(3)), 6)
        got = decoded(sheets[0]["src"]).astype(int)
        assert np.abs(got - vae_onnx.to_uint8(expected)).max() <= 1
    assert tab.sample(999, 0, 1.0, "faces")[0] == "count must be 1 to 24, got 999."
    cold = decoded(tab.sample(2, 0, 0.0, "faces")[1][0]["src"])
    np.testing.assert_array_equal(cold[:, :64], cold[:, 64:])


def test_what_has_any_size_is_not_drawn_but_walked(library: Library) -> None:
    tab = single.GenerateTab(library, single.UseTab())
    head, controls, *_ = tab.values("open")
    assert "nothing says how large" in head
    assert controls["visible"] is False
    other = {"kind": "picture", "data": png_url(photo(1, (120, 90)))}
    message, walks, shown = tab.interpolate(PICTURE, other, "crop", 3, "open")
    assert message is not None  # reduced
    strip = decoded(walks[0]["strip"])
    assert strip.shape[1] == 3 * decoded(shown["picture"]).shape[1] / 2  # a sheet of 2 by 2


def test_facts_say_that_there_is_no_history(model: Single) -> None:
    told = facts.facts(model)
    assert told["pictures"] == words.pictures(model)
    assert ("prior" in told) == ("prior" in model.model.metadata)


def test_the_code_of_the_use_tab_runs(
    library: Library, model: Single, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for part in ("encoder", "decoder"):
        Path(f"{part}.onnx").symlink_to(model.folder / f"{part}.onnx")
    generate = single.GenerateTab(library, single.UseTab())
    reconstructed = look(library, model.name)["use"]
    walked = generate.interpolate(PICTURE, PICTURE, "crop", 2, model.name)[2]
    for shown in (reconstructed, walked):
        expected = decoded(shown["picture"]).astype(int)
        if shown.get("seen"):
            Image.fromarray(decoded(shown["seen"])).save("seen.png")
        Path("latents.json").write_text(shown["z"])
        for one, made in zip(shown["codes"][:2], ("picture.png", "picture-0.png"), strict=True):
            code = one["code"]
            assert max(map(len, code.splitlines())) < 110
            Path("program.py").write_text(code)
            runpy.run_path("program.py")
            got = np.asarray(Image.open(made)).astype(int)
            height, width = got.shape[:2]
            assert np.abs(got - expected[:height, :width]).max() <= 1
