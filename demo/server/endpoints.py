"""What a program can ask for: one named endpoint for each thing that a person can do.

Every endpoint takes plain values, an image file and the name of a model, and gives an image or
JSON. Gradio documents them on its API page and, with `--mcp`, serves them as tools.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio import processing_utils, utils
from PIL import Image

from demo.library.asked import MAX_COUNT, draws, seed_of, whole
from demo.library.lane import DIGITS, Lane
from demo.library.models import Library
from demo.library.single import Single
from demo.page import pictures
from demo.page.pictures import PictureError
from demo.server import alone, paired
from demo.server.schema import lists, told, value
from demo.server.words import PICTURE
from vae_onnx import contract
from vae_onnx.pictures import fitting

MAX_SIDE = 30  # pictures a side of a grid
MAX_STEPS = 64  # of an interpolation
FORMS = ("png", "gif", "webp")
CONCURRENCY = 4  # calls worked on at once; measured in docs/benchmarks.md


class Endpoints:
    """The functions behind the endpoints; all work on the models of one library."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def models(self) -> list[dict[str, Any]]:
        """List the models: name, kind, data set, size of codes and of images, test figures."""
        lanes = map(paired.told, self.library.lanes.values())
        return [*lanes, *map(alone.told, self.library.singles.values())]

    def encode(self, image: str, model: str, fit: str = "crop") -> dict[str, Any]:
        """Encode an image: where it lies in the latent space of a model.

        For the models of MNIST it is a digit, which is found on its paper and centred.

        Args:
            image: A picture file; as a tool, a data: URL or a public http address of one.
            model: Name of a model, as /models lists them.
            fit: What becomes of other proportions: "crop" cuts the middle out, "pad" lays bars
                beside the image, "stretch" distorts it; the digits' and the clothes' models see
                all of it in any case.

        Returns:
            "z", a list of latent_dim numbers; "nearest", test images of the nearest codes; for a
            VAE also "sigma", how sure it is of each number, "elbo", the evidence lower bound of
            the image in nats, and "percentile", how many real test images are less probable. A
            model that is shown by itself has "mse" and "psnr" of its reconstruction, nats where it
            states a likelihood, and no test images; a map of codes is a list of lists of lists.
        """
        lane, x, notes = self._read(image, model, fit)
        told = {"model": lane.name, "kind": lane.kind, "notes": list(notes)}
        if isinstance(lane, Single):
            return told | alone.encoded(lane, x)
        return told | paired.encoded(lane, x)

    def decode(self, z: list[Any], model: str) -> Image.Image:
        """Decode places of the latent space to pictures.

        Args:
            z: One list of latent_dim numbers, or a list of such lists, at most 256.
            model: Name of a model.

        Returns:
            The picture, or all of them on one sheet.
        """
        lane = self._any(model)
        if isinstance(lane, Single):
            return pictures.sheet(lane.model.decode(alone.rows(lane, z)))
        try:
            rows = np.atleast_2d(np.array(z, np.float32))
        except (TypeError, ValueError) as error:
            raise PictureError("z must be a list of numbers, or a list of such lists") from error
        if len(rows) > MAX_COUNT:
            raise PictureError(f"z holds {len(rows)} rows; at most {MAX_COUNT} are taken")
        return pictures.sheet(lane.decode(rows))

    def reconstruct(
        self, image: str, model: str, seed: int | None = None, fit: str = "crop"
    ) -> Image.Image:
        """Encode an image and decode it again.

        Args:
            image: A picture file; as a tool, a data: URL or a public http address of one.
            model: Name of a model.
            seed: Given, z is drawn from the VAE's posterior; without or null, it is its mean.
            fit: "crop", "pad" or "stretch", as of /encode.

        Returns:
            What the model makes of the image.
        """
        lane, x, _ = self._read(image, model, fit)
        rng = None if seed is None else np.random.default_rng(seed_of(seed))
        return pictures.sheet(lane.model.reconstruct(x, rng))

    def sample(
        self, model: str, count: int = 16, seed: int = 0, temperature: float = 1.0
    ) -> Image.Image:
        """Decode draws from the prior N(0, temperature^2 I), or of where the codes lie.

        Args:
            model: Name of a model.
            count: How many pictures, 1 to 256.
            seed: The same seed gives the same pictures; 0 by default.
            temperature: 0 to 3; 1 is the prior itself, less stays nearer to its middle.

        Returns:
            The pictures on one sheet.
        """
        lane = self._any(model)
        if isinstance(lane, Single):
            z = alone.drawn(lane, count, seed, temperature)
            return pictures.sheet(lane.model.decode(z))
        return pictures.sheet(lane.decode(draws(lane, count, seed, temperature)))

    def interpolate(
        self,
        image_a: str,
        image_b: str,
        model: str,
        steps: int = 10,
        form: str = "png",
        fit: str = "crop",
    ) -> str:
        """Walk in a straight line through the latent space from one image to another.

        Args:
            image_a: A picture file; as a tool, a data: URL or a public http address of one.
            image_b: A picture file, as image_a.
            model: Name of a model.
            steps: How many pictures, 2 to 64, the two ends included.
            form: "png" for a strip, "gif" or "webp" for an animation.
            fit: "crop", "pad" or "stretch", as of /encode.

        Returns:
            The strip or the animation.
        """
        count = whole("steps", steps, 2, MAX_STEPS)
        if form not in FORMS:
            raise PictureError(f"form must be png, gif or webp, got {form!r}")
        lane, a, _ = self._read(image_a, model, fit)
        _, b, _ = self._read(image_b, model, fit)
        if isinstance(lane, Single):
            a, b = alone.ends(lane, a, b, count)
        frames = lane.model.interpolate(a, b, count)
        if form == "png":
            return _saved(pictures.png_bytes(pictures.sheet(frames, len(frames))), "png")
        return _saved(pictures.animation([*map(pictures.as_image, frames)], form), form)

    def grid(self, model: str, side: int = 15) -> Image.Image:
        """Decode a square grid of a latent space of two dimensions.

        Args:
            model: Name of a model with latent_dim 2.
            side: Pictures a side, 1 to 30.

        Returns:
            The pictures on one sheet; z[0] grows to the right, z[1] upwards.
        """
        lane, columns = self._any(model), whole("side", side, 1, MAX_SIDE)
        if isinstance(lane, Single):
            alone.check_count(lane, columns * columns)
        return pictures.sheet(lane.model.grid(columns), columns)

    def averages(self, model: str) -> dict[str, list[float]]:
        """Tell the mean code of the test images of each class, to calculate with and to decode.

        Args:
            model: Name of a model.

        Returns:
            A list of latent_dim numbers for each name of a class.
        """
        lane = self._any(model)
        averages = lane.averages()
        if not averages:
            raise PictureError(
                f"{lane.name} has no test set with names of classes: there are no averages of them"
            )
        return {name: z.tolist() for name, z in averages.items()}

    def directions(self, model: str) -> dict[str, Any]:
        """Tell the principal directions of a model's codes of the test images.

        Args:
            model: Name of a model.

        Returns:
            "mean", where they meet; "axes", one of length 1 a row, the one of largest spread first;
            "sigmas", the spread along each. mean + k * sigmas[i] * axes[i] can be decoded.
        """
        lane = self._any(model)
        if lane.directions is None:
            raise PictureError(f"{lane.name} has no codes beside its graphs: no directions of them")
        mean, axes, sigmas = lane.directions
        return {"mean": mean.tolist(), "axes": axes.tolist(), "sigmas": sigmas.tolist()}

    def build(self) -> None:
        """Add the endpoints to the `gr.Blocks` that is open; nothing of them is to be seen."""
        names = [*self.library.models]
        with gr.Group(visible=False):
            model = value("model", names[0], type="string", enum=names)
            image, image_a, image_b = (
                gr.File(label=label, type="filepath") for label in ("image", "image_a", "image_b")
            )
            picture = gr.Image(label="picture", format="png")
            answer = gr.JSON(label="answer")
            deepest = 4 if self.library.singles else 2  # maps of codes
            z = value("z", None, anyOf=[lists(depth) for depth in range(1, deepest + 1)])
            seed = value("seed", 0, type="integer")
            drawn_seed = value("seed", None, anyOf=[{"type": "integer"}, {"type": "null"}])
            count = value("count", 16, type="integer")
            temperature = value("temperature", 1.0, type="number")
            steps = value("steps", 10, type="integer")
            form = value("form", "png", type="string", enum=[*FORMS])
            fit = value("fit", "crop", type="string", enum=[*fitting.FITS])
            side = value("side", 15, type="integer")
            strip = gr.Image(label="strip or animation")
            inputs: dict[Callable[..., Any], tuple[list[Any], Any]] = {
                self.models: ([], answer),
                self.encode: ([image, model, fit], answer),
                self.decode: ([z, model], picture),
                self.reconstruct: ([image, model, drawn_seed, fit], picture),
                self.sample: ([model, count, seed, temperature], picture),
                self.interpolate: ([image_a, image_b, model, steps, form, fit], strip),
                self.grid: ([model, side], picture),
                self.averages: ([model], answer),
                self.directions: ([model], answer),
            }
            for fn, (takes, gives) in inputs.items():
                gr.Button().click(
                    told(fn),
                    takes,
                    gives,
                    api_name=fn.__name__,
                    api_description=inspect.getdoc(fn),
                    concurrency_limit=CONCURRENCY,
                    concurrency_id="programs",
                )

    def _any(self, model: str) -> Lane | Single:
        known = self.library.models
        if not isinstance(model, str) or model not in known:
            raise PictureError(f"no model is called {model!r}: {', '.join(known)}")
        return known[model]

    def _read(
        self, image: str | None, model: str, fit: str
    ) -> tuple[Lane | Single, Any, tuple[str, ...]]:
        lane, how = self._any(model), pictures.fit_of(fit)
        if image is None:
            raise PictureError(f"no image was given; {PICTURE}")
        ground = contract.ground(lane.model.metadata)
        picture = pictures.read(Path(image).read_bytes(), ground)
        if isinstance(lane, Single):
            seen = lane.read(picture, how)
            return lane, seen.picture, seen.notes
        digits = lane.dataset == DIGITS
        x, notes = pictures.picture_to_x(picture, lane.model, digits=digits, fit=how)
        return lane, x, notes


def _saved(data: bytes, suffix: str) -> str:
    """Write a file into Gradio's temporary folder; its path."""
    name = f"interpolation.{suffix}"
    return str(processing_utils.save_bytes_to_cache(data, name, utils.get_upload_folder()))
