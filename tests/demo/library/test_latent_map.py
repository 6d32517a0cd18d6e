"""The map of the test set: where things are, exactly."""

import itertools
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import vae_onnx
from demo.library.latent_map import (
    COLOURS,
    NEIGHBOURS,
    PRIOR_RADIUS,
    LatentMap,
    Window,
    read_latents,
)


@pytest.fixture(scope="module", params=["mnist-vae", "mnist-ae"])
def bundled(request: pytest.FixtureRequest) -> LatentMap:
    return LatentMap.of(vae_onnx.load(request.param))


def two_clouds() -> LatentMap:
    """60 points around (-4, 0) labelled a, 60 around (4, 0) labelled b."""
    offsets = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32) * 0.1
    shift = np.array([4, 0], np.float32)
    z = np.concatenate([offsets - shift, offsets + shift])
    return LatentMap(z, np.repeat(np.array([0, 1], np.uint8), 60), ("a", "b"))


def test_left_bottom_is_left_bottom() -> None:
    window = Window(left=-2, bottom=10, side=4)
    corners = np.array([[-2, 10], [2, 14], [0, 12], [-3, 9]])
    places = [[0, 100], [100, 0], [50, 50], [-25, 125]]
    np.testing.assert_allclose(window.place(corners), places)


def test_window_shows_the_whole_prior_and_ignores_outliers() -> None:
    z = np.zeros((1000, 2), np.float32)
    z[0] = 1e6
    window = Window.around(z)
    assert window.side == pytest.approx(2 * PRIOR_RADIUS, rel=0.1)


@pytest.mark.parametrize("side", [0.003, 0.7, 6.4, 7, 31, 999])
def test_ticks_are_few_and_round(side: float) -> None:
    window = Window(left=-side / 3, bottom=-side / 3, side=side)
    ticks = window.ticks()
    assert 3 <= len(ticks) <= 7
    assert 0 in ticks
    assert all(float(f"{tick:.2g}") == pytest.approx(tick) for tick in ticks)


def test_nearest_class_counts_its_neighbours() -> None:
    latent_map = two_clouds()
    assert latent_map.nearest_class(np.array([-4, 0], np.float32)) == ("a", NEIGHBOURS, NEIGHBOURS)
    assert latent_map.nearest_class(np.array([99, 0], np.float32)) == ("b", NEIGHBOURS, NEIGHBOURS)


def test_a_map_of_few_images_counts_them_all_and_names_whom_it_shows() -> None:
    z = np.float32([[-4, 0], [4, 0], [4.5, 0]])
    few = LatentMap(z, np.array([0, 2, 2], np.uint8), ("a", "b", "c"))
    assert few.nearest_class(np.array([-4, 0], np.float32)) == ("c", 2, 3)
    assert list(few.name_spots()) == [0, 2]


def test_picture_has_the_colour_of_each_class_at_its_place() -> None:
    latent_map = two_clouds()
    pixels = np.asarray(latent_map.picture(side=200))
    for middle, colour in zip([[-4, 0], [4, 0]], COLOURS, strict=False):
        x, y = (latent_map.window.place(np.array(middle)) * 2).astype(int)
        near = pixels[y - 8 : y + 8, x - 8 : x + 8].reshape(-1, 4)
        opaque = near[near[:, 3] == 255]
        assert len(opaque) > 20
        assert {"#" + bytes(pixel[:3]).hex() for pixel in opaque} == {colour}
    assert pixels[:20, :, 3].max() == 0  # paper is transparent


def test_names_stand_at_the_medians_and_apart(bundled: LatentMap) -> None:
    spots = np.stack(list(bundled.name_spots().values()))
    assert spots.shape == (10, 2)
    assert ((spots >= 0) & (spots <= 100)).all()
    gaps = np.hypot(*(spots[:, None] - spots[None]).transpose(2, 0, 1)) + 100 * np.eye(10)
    assert gaps.min() > 5


@pytest.mark.parametrize("name", ["fashion-mnist-vae", "fashion-mnist-ae"])
def test_long_names_do_not_lie_on_each_other(name: str) -> None:
    latent_map = LatentMap.of(vae_onnx.load(name))
    spots = latent_map.name_spots()
    places = [(latent_map.class_names[label], spot) for label, spot in spots.items()]
    for (one, at), (other, there) in itertools.combinations(places, 2):
        wide = 1.8 * (len(one) + len(other)) / 2  # percent of the map's side, as set in 13 px
        assert abs(at[0] - there[0]) > wide or abs(at[1] - there[1]) > 5.5, (one, other)


def test_names_at_one_place_still_come_apart() -> None:
    z = np.zeros((3, 2), np.float32)
    same = LatentMap(z, np.arange(3, dtype=np.uint8), ("a", "b", "c"))
    for at, there in itertools.combinations(same.name_spots().values(), 2):
        assert np.abs(at - there).max() > 5


def test_bundled_maps_hold_the_test_set(bundled: LatentMap) -> None:
    assert bundled.z.shape == (10_000, 2)
    assert bundled.class_names == tuple("0123456789")
    assert np.bincount(bundled.labels).min() > 800
    places = bundled.window.place(bundled.z)
    assert ((places >= 0) & (places <= 100)).all(axis=1).mean() > 0.97


def test_vae_keeps_together_what_an_ae_scatters() -> None:
    vae, ae = (LatentMap.of(vae_onnx.load(name)) for name in ("mnist-vae", "mnist-ae"))

    def inside(latent_map: LatentMap) -> float:
        return float((np.hypot(*latent_map.z.T) < PRIOR_RADIUS).mean())

    assert inside(vae) > 0.8
    assert inside(vae) > 1.5 * inside(ae)


class Model:
    """Just what a map asks of a model."""

    def __init__(
        self, folder: Path, latent_dim: int = 2, metadata: dict[str, str] | None = None
    ) -> None:
        self.folder, self.latent_dim, self.metadata = folder, latent_dim, metadata or {}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"latent_dim": 16}, ValueError, "latent_dim 2"),
        ({}, ValueError, "class_names"),
        ({"metadata": {"class_names": "[]"}}, FileNotFoundError, r"latents\.npz is missing"),
    ],
)
def test_model_without_a_map_says_what_is_missing(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        LatentMap.of(cast(vae_onnx.Autoencoder, Model(tmp_path, **options)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
        (b"<html>Sign in</html>", "it is a page of the web"),
        (b"", "it is empty"),
        (b"PK\x03\x04 cut off", "get the model again"),
    ],
)
def test_what_stands_in_the_place_of_the_codes_is_named(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "latents.npz"
    path.write_bytes(content)
    with pytest.raises(vae_onnx.FileError, match=words):
        read_latents(path)
