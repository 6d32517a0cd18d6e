"""What the server answers beside Gradio: pictures of maps, test images, files of models, health.

All of it is read only, small, and known beforehand: no part of a path becomes a path on the disk.
The page asks for it by relative addresses, so that it works below any prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

import vae_onnx
from demo.page import pictures

if TYPE_CHECKING:
    from starlette.requests import Request

    from demo.library.models import Library

FILES = ("encoder.onnx", "decoder.onnx", "card.json")
GRID = 18  # decoded pictures a side behind a map
KEPT = {"Cache-Control": "private, max-age=3600"}


def routes(library: Library) -> list[Route]:
    """The routes for one library of models."""

    @cache
    def map_png(name: str) -> bytes:
        picture = library.lanes[name].map.picture()
        return pictures.png_bytes(picture.quantize(method=Image.Quantize.FASTOCTREE))

    @cache
    def grid_png(name: str) -> bytes:
        lane = library.lanes[name]
        return pictures.png_bytes(pictures.sheet(lane.decode(lane.map.window.cells(GRID)), GRID))

    def test_png(name: str, number: int) -> bytes:
        tests = library.lanes[name].tests
        if tests is None or number >= len(tests.images):
            raise KeyError(number)
        return pictures.png_bytes(Image.fromarray(tests.images[number]))

    def file(request: Request) -> Response:
        name, part = request.path_params["name"], request.path_params["file"]
        model = library.models.get(name)
        if model is None or part not in FILES:
            return _missing()
        return FileResponse(model.folder / part, filename=f"{name.replace('/', '-')}-{part}")

    return [
        Route("/health", partial(_health, library)),
        Route("/maps/{name:path}.png", _png(map_png)),
        Route("/grids/{name:path}.png", _png(grid_png)),
        Route("/tests/{name:path}/{number:int}.png", _png(test_png)),
        Route("/models/{name:path}/{file}", file),
    ]


def _health(library: Library, _: Request) -> Response:
    """Whether the demo can do its work: a picture comes out of the first model."""
    lane = library.first.vae
    pixels = lane.decode(np.zeros((1, lane.latent_dim), np.float32))
    return JSONResponse(
        {
            "status": "ok" if np.isfinite(pixels).all() else "broken",
            "version": vae_onnx.__version__,
            "device": lane.model.device,
            "models": [*library.models],
        }
    )


def _png(draw: Callable[..., bytes]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        try:
            png = draw(**request.path_params)
        except (KeyError, ValueError):
            return _missing()
        return Response(png, media_type="image/png", headers=KEPT)

    return answer


def _missing() -> Response:
    return JSONResponse({"detail": "there is no such thing"}, status_code=404)
