"""`Embed`, the class for other people's pipelines, on batches as they hand them over."""

import io

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from vae_onnx.bulk import Embed


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def objects(values) -> np.ndarray:
    """An array of objects, one each."""
    made = np.empty(len(values), object)
    for at, value in enumerate(values):
        made[at] = value
    return made


FORMS = {
    "uint8": lambda x: x,
    "int64": lambda x: x.astype(np.int64),
    "flat": lambda x: x.reshape(-1, 784),
    "with a channel": lambda x: x[..., np.newaxis],
    "files": lambda x: objects([png(one) for one in x]),
    "dictionaries": lambda x: objects([{"bytes": png(one), "path": None} for one in x]),
    "arrays": lambda x: objects(list(x)),
    "lists": lambda x: objects([one.tolist() for one in x]),
    "pictures": lambda x: objects([Image.fromarray(one) for one in x]),
    "pictures with a palette": lambda x: objects([Image.fromarray(one).convert("P") for one in x]),
    "a list": lambda x: [Image.fromarray(one) for one in x],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_images(form, digits):
    given = {"image": FORMS[form](digits), "label": np.arange(100), "text": ["a"] * 100}
    made = Embed("mnist-vae")(given)
    q = vae_onnx.load("mnist-vae").posterior(digits)
    assert list(made) == ["label", "text", "mu", "log_var"]
    for name, expected in (("mu", q.mu), ("log_var", q.log_var)):
        assert made[name].dtype == np.float32
        np.testing.assert_array_equal(made[name], expected)
    np.testing.assert_array_equal(made["label"], np.arange(100))
    assert made["text"] == ["a"] * 100


def test_floats_and_another_column(digits):
    x = digits / 255
    made = Embed("mnist-ae", column="pixels", keep=True)({"pixels": x})
    assert list(made) == ["pixels", "z"]
    assert made["pixels"] is x or np.array_equal(made["pixels"], x)
    np.testing.assert_array_equal(made["z"], vae_onnx.load("mnist-ae").encode(x))
    with pytest.raises(vae_onnx.InputError, match=r"no column 'image', it has pixels; .*column="):
        Embed("mnist-ae")({"pixels": x})


def test_images_that_cannot_be_taken(digits):
    files = [png(one) for one in digits[:6]]
    files[1], files[4] = b"no picture", None
    batch = {"image": objects(files), "label": np.arange(6), "text": list("abcdef")}
    with pytest.raises(vae_onnx.InputError, match=r"2 of 6 images .* the first at 1: .*drop"):
        Embed("mnist-vae")(batch)
    made = Embed("mnist-vae", errors="drop")(batch)
    expected = vae_onnx.load("mnist-vae").encode(digits[[0, 2, 3, 5]])
    np.testing.assert_array_equal(made["mu"], expected)
    np.testing.assert_array_equal(made["label"], [0, 2, 3, 5])
    assert made["text"] == list("acdf")
    none = Embed("mnist-vae", errors="drop")({"image": objects([None, {}]), "label": np.arange(2)})
    assert {name: len(values) for name, values in none.items()} == dict.fromkeys(none, 0)
    with pytest.raises(vae_onnx.InputError, match="errors must be 'raise' or 'drop', got 'skip'"):
        Embed("mnist-vae", errors="skip")


def test_floats_out_of_range(digits):
    x = (digits[:5] / 255).astype(np.float32)
    x[2, 3, 3] = np.nan
    made = Embed("mnist-ae", errors="drop")({"image": x, "label": np.arange(5)})
    np.testing.assert_array_equal(made["label"], [0, 1, 3, 4])
    np.testing.assert_array_equal(made["z"], vae_onnx.load("mnist-ae").encode(x[[0, 1, 3, 4]]))


def test_the_elbo(digits):
    made = Embed("mnist-vae", elbo=True, draws=2, seed=7)({"image": digits})
    scores = vae_onnx.load("mnist-vae").score(digits, np.random.default_rng([7, 0]), draws=2)
    np.testing.assert_array_equal(made["elbo"], -scores.nats.astype(np.float32))
    with pytest.raises(vae_onnx.GraphError, match="leave --elbo out"):
        Embed("mnist-ae", elbo=True)


def test_pictures_are_brought_to_the_size(digits):
    large = Image.fromarray(digits[0]).resize((56, 56), Image.Resampling.NEAREST)
    made = Embed("mnist-ae", fit="stretch")({"image": [large]})
    assert made["z"].shape == (1, 2)
    with pytest.raises(vae_onnx.InputError, match="is 56x56 pixels, the model takes 28x28"):
        Embed("mnist-ae")({"image": [large]})


def test_an_array_and_its_negative(digits):
    dark = Embed("mnist-ae", invert=True)({"image": [Image.fromarray(255 - digits[0])]})
    np.testing.assert_array_equal(dark["z"], vae_onnx.load("mnist-ae").encode(digits[0]))


def test_maps_of_codes_and_any_size(graphs):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 6, 4, 4), np.uint8)
    made = Embed(str(graphs / "map"))({"image": images})
    assert made["mu"].shape == (3, 4, 3, 2)
    np.testing.assert_array_equal(made["mu"], vae_onnx.load(graphs / "map").encode(images))
    model = vae_onnx.load(graphs / "open")
    sizes = [(4, 6), (4, 6), (2, 8)]
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    made = Embed(str(graphs / "open"))({"image": objects(images)})
    assert made["z"].dtype == object
    for z, image in zip(made["z"], images, strict=True):
        np.testing.assert_array_equal(z, model.encode(image)[0])
    made = Embed(str(graphs / "open"))({"image": np.stack(images[:2])})
    np.testing.assert_array_equal(made["z"], model.encode(np.stack(images[:2])))
