"""Exact behaviour, on graphs small enough to work out by hand."""

import json
import threading
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import vae_onnx

PICTURE = np.array([[0.25, 0.5], [0.75, 1.0]], np.float32)  # mu (or z) above log_var


def test_what_a_model_is_comes_from_its_graphs(tiny_vae, tiny_ae, graphs):
    assert (tiny_vae.kind, tiny_vae.latent_dim, tiny_vae.image_shape) == ("vae", 2, (1, 2, 2))
    assert (tiny_ae.kind, tiny_ae.latent_dim, tiny_ae.image_shape) == ("ae", 2, (1, 2, 2))
    assert dict(tiny_vae.metadata) == {"name": "tiny-vae", "kind": "vae"}
    assert tiny_vae.folder == graphs / "vae"
    assert repr(tiny_ae) == "<tiny-ae: ae, latent_dim 2, image_shape (1, 2, 2)>"


def test_encode(tiny_vae, tiny_ae):
    for model in (tiny_vae, tiny_ae):
        z = model.encode(PICTURE)
        np.testing.assert_array_equal(z, [[0.25, 0.5]])
        assert z.dtype == np.float32


def test_posterior(tiny_vae):
    posterior = tiny_vae.posterior(PICTURE)
    np.testing.assert_array_equal(posterior.mu, [[0.25, 0.5]])
    np.testing.assert_array_equal(posterior.log_var, [[0.75, 1.0]])


def test_posterior_sample_is_mu_plus_sigma_eps(tiny_vae):
    posterior = tiny_vae.posterior(np.stack([PICTURE, PICTURE]))
    eps = np.random.default_rng(3).standard_normal((2, 2), np.float32)
    z = posterior.sample(np.random.default_rng(3))
    np.testing.assert_allclose(z, [0.25, 0.5] + np.exp([0.375, 0.5]) * eps, rtol=1e-6)
    assert z.dtype == np.float32


def test_decode(tiny_ae):
    pictures = tiny_ae.decode([[0.25, -0.5], [2, 0]])
    np.testing.assert_array_equal(pictures, [[[0.25, 0], [0, 0.5]], [[1, 0], [0, 0]]])
    np.testing.assert_array_equal(tiny_ae.decode([0.25, -0.5]), pictures[:1])


def test_reconstruct(tiny_vae, tiny_ae):
    expected = [[[0.25, 0.5], [0, 0]]]
    np.testing.assert_array_equal(tiny_ae.reconstruct(PICTURE), expected)
    np.testing.assert_array_equal(tiny_vae.reconstruct(PICTURE), expected)
    drawn = tiny_vae.reconstruct(PICTURE, np.random.default_rng(0))
    z = tiny_vae.posterior(PICTURE).sample(np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, tiny_vae.decode(z))


def test_sample(tiny_vae):
    z = np.random.default_rng(5).standard_normal((7, 2), np.float32)
    pictures = tiny_vae.sample(7, np.random.default_rng(5))
    np.testing.assert_array_equal(pictures, tiny_vae.decode(z))


def test_interpolate_holds_both_ends(tiny_ae):
    a, b = np.zeros((2, 2), np.float32), PICTURE
    pictures = tiny_ae.interpolate(a, b, steps=3)
    np.testing.assert_array_equal(pictures[:, 0], [[0, 0], [0.125, 0.25], [0.25, 0.5]])


def test_grid_of_a_vae_stands_at_the_quantiles_of_its_prior(tiny_vae):
    q = NormalDist().inv_cdf(5 / 6)
    z = [[-q, q], [0, q], [q, q], [-q, 0], [0, 0], [q, 0], [-q, -q], [0, -q], [q, -q]]
    np.testing.assert_array_equal(tiny_vae.grid(3), tiny_vae.decode(z))


def test_grid_of_an_ae_spans_its_codes(tiny_ae):
    z = [[0, 0.75], [0.5, 0.75], [0, 0.25], [0.5, 0.25]]
    np.testing.assert_array_equal(tiny_ae.grid(2), tiny_ae.decode(z))


def test_colour_needs_no_change(graphs):
    model = vae_onnx.load(graphs / "colour")
    assert (model.image_shape, model.latent_dim) == ((3, 2, 1), 6)
    pictures = np.random.default_rng(0).random((4, 2, 1, 3), np.float32)
    np.testing.assert_array_equal(model.reconstruct(pictures), pictures)
    np.testing.assert_array_equal(
        model.encode(pictures), pictures.transpose(0, 3, 1, 2).reshape(4, 6)
    )
    with pytest.raises(ValueError, match="2-D latent space, this one has 6"):
        model.grid(2)


def test_encoder_and_decoder_stand_alone(graphs):
    encoder = vae_onnx.Encoder(graphs / "vae" / "encoder.onnx")
    decoder = vae_onnx.Decoder(str(graphs / "vae" / "decoder.onnx"))
    assert encoder.kind == "vae"
    assert encoder.metadata["name"] == decoder.metadata["name"] == "tiny-vae"
    np.testing.assert_array_equal(decoder.decode(encoder.encode(PICTURE))[0, 0], [0.25, 0.5])


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
def test_any_z_gives_pictures_or_a_typed_error(array):
    decoder = vae_onnx.Decoder(Path(__file__).parent / "graphs" / "ae" / "decoder.onnx")
    try:
        pictures = decoder.decode(array)
    except (TypeError, ValueError) as error:
        assert "z" in str(error)
    else:
        assert pictures.shape == (1 if array.ndim == 1 else len(array), 2, 2)
        assert np.isfinite(pictures).all()


@pytest.mark.parametrize(
    ("z", "error", "message"),
    [
        ([[1, 2, 3]], ValueError, r"\(N, 2\) with N >= 1, got \(1, 3\)"),
        (np.zeros((0, 2)), ValueError, r"got \(0, 2\)"),
        (0.5, ValueError, r"got \(\)"),
        ([[0, np.nan]], ValueError, "finite"),
        ([[0, 1e300]], ValueError, "finite in float32"),
        ([["a", "b"]], TypeError, "real numbers, got <U1"),
        ([[1j, 0]], TypeError, "real numbers, got complex"),
        ([[0, 1], [0]], ValueError, "same shape"),
    ],
)
def test_bad_z_is_named(tiny_ae, z, error, message):
    with pytest.raises(error, match=message):
        tiny_ae.decode(z)


def test_an_ae_has_no_posterior(tiny_ae):
    with pytest.raises(TypeError, match="no posterior"):
        tiny_ae.posterior(PICTURE)
    with pytest.raises(TypeError, match="no posterior"):
        tiny_ae.reconstruct(PICTURE, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.sample(0, np.random.default_rng(0)), ValueError, "at least 1, got 0"),
        (lambda m: m.sample(1.5, np.random.default_rng(0)), TypeError, "integer, got 1.5"),
        (lambda m: m.sample(1, 0), TypeError, r"Generator, got int; .*default_rng"),
        (lambda m: m.reconstruct(PICTURE, 0), TypeError, "Generator, got int"),
        (lambda m: m.grid(0), ValueError, "side must be at least 1"),
        (lambda m: m.interpolate(PICTURE, PICTURE, 1), ValueError, "steps must be at least 2"),
        (lambda m: m.interpolate([PICTURE] * 2, PICTURE, 2), ValueError, "one image each, got 2"),
        (
            lambda m: m.interpolate(PICTURE, PICTURE, 10**24),
            ValueError,
            "at most 10000000",
        ),
        (
            lambda m: m.sample(10**24, np.random.default_rng(0)),
            ValueError,
            "n must be at most 10000000",
        ),
        (lambda m: m.grid(10**9), ValueError, "side must be at most 10000, got 1000000000"),
    ],
)
def test_bad_arguments_are_named(tiny_vae, call, error, message):
    with pytest.raises(error, match=message):
        call(tiny_vae)


def test_what_does_not_become_an_array_is_named(tiny_vae):
    """As tensors of PyTorch on a GPU or with a gradient, whose libraries raise what they like."""

    class Tensor:
        def __array__(self, *_, **__):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    for call in (tiny_vae.encode, tiny_vae.decode, vae_onnx.to_uint8, vae_onnx.drawing_to_x):
        with pytest.raises(vae_onnx.InputTypeError, match="got Tensor: Can't call numpy"):
            call(Tensor())


def test_what_is_no_path_is_named(tiny_vae):
    for call in (tiny_vae.save, vae_onnx.Autoencoder, vae_onnx.Decoder):
        with pytest.raises(vae_onnx.InputTypeError, match=r"must be a path.* got int"):
            call(3)


def test_a_name_that_no_file_can_have():
    for call in (vae_onnx.load, vae_onnx.Decoder):
        with pytest.raises(vae_onnx.FileAccessError, match="cannot be read"):
            call("m" * 5000)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(FileNotFoundError) as error:
        vae_onnx.load("mnist-vea")
    assert "'mnist-vea'" in str(error.value)
    for name in vae_onnx.models():
        assert name in str(error.value)


def test_a_folder_without_graphs_says_what_writes_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"encoder\.onnx is missing.*python -m export onnx"):
        vae_onnx.load(tmp_path)


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        (
            "mixed_names",
            "encoder.onnx is of the model with name tiny-ae, decoder.onnx of that with other-ae",
        ),
        ("mixed_shapes", r"must agree on latent_shape, got \(2,\) and \(6,\)"),
    ],
)
def test_graphs_of_two_models_are_refused(graphs, folder, message):
    with pytest.raises(vae_onnx.GraphError, match=message):
        vae_onnx.load(graphs / folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("names", "input z and the outputs x_recon; it has .image: float"),
        ("static_batch", "dynamic batch"),
        ("rank", "float of rank 4"),
        ("dtype", "expected float of rank 2"),
        ("dynamic_size", "every other dimension fixed"),
    ],
)
def test_foreign_graphs_are_refused(graphs, name, message):
    with pytest.raises(vae_onnx.GraphError, match=message):
        vae_onnx.Decoder(graphs / "foreign" / f"{name}.onnx")


def test_a_graph_that_contradicts_itself_is_an_error(graphs):
    decoder = vae_onnx.Decoder(graphs / "foreign" / "contradiction.onnx")
    with pytest.raises(vae_onnx.GraphError, match=r"failed on z float32 \[3, 2\]"):
        decoder.decode(np.zeros((3, 2)))


def test_an_encoder_is_no_decoder(graphs):
    with pytest.raises(vae_onnx.GraphError, match="must have the input z"):
        vae_onnx.Decoder(graphs / "vae" / "encoder.onnx")
    with pytest.raises(vae_onnx.GraphError, match=r"outputs log_var, mu or z"):
        vae_onnx.Encoder(graphs / "vae" / "decoder.onnx")


@pytest.mark.parametrize("content", [b"", b"\x00" * 100])
def test_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "decoder.onnx"
    path.write_bytes(content)
    with pytest.raises(vae_onnx.GraphError, match=rf"{len(content)} bytes.* again"):
        vae_onnx.Decoder(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(tmp_path, share):
    content = (vae_onnx.load("mnist-vae").folder / "decoder.onnx").read_bytes()
    path = tmp_path / "decoder.onnx"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(vae_onnx.GraphError, match="not a complete ONNX graph"):
        vae_onnx.Decoder(path)


@pytest.mark.parametrize("told", [None, "[[0, 1]]", "{}", "not JSON", '[["a", "b"], [1, 2]]', "7"])
def test_an_unusable_latent_range_is_named(tiny_ae, told):
    for graph in (tiny_ae.encoder.graph, tiny_ae.decoder.graph):
        graph.metadata = {} if told is None else {"latent_range": told}
    with pytest.raises(vae_onnx.GraphError, match="latent_range"):
        tiny_ae.grid(2)


def test_a_relative_folder_goes_by_its_path(graphs, monkeypatch):
    monkeypatch.chdir(graphs)
    assert vae_onnx.load("vae").kind == "vae"
    assert vae_onnx.load("./ae").kind == "ae"


def test_threads_get_their_own_answers(tiny_ae):
    wrong = []

    def work(seed: int) -> None:
        z = np.random.default_rng(seed).random((3, 2), np.float32)
        for _ in range(200):
            if not np.array_equal(tiny_ae.decode(z)[:, 0], z):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_range_of_the_codes_round_trips(tiny_ae):
    low, high = tiny_ae.latent_range()
    assert [low.tolist(), high.tolist()] == json.loads(tiny_ae.metadata["latent_range"])
