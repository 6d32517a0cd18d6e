"""What goes wrong around a call, between Gradio and our functions, told in our words.

Gradio answers with "an exception", and a traceback in the log, whatever is not a `gr.Error`: a
picture that was never uploaded, an address that it may not open, a disk that is full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import httpx
from pydantic import ValidationError
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction
    from gradio.state_holder import SessionState
    from starlette.requests import Request
    from starlette.responses import Response

PICTURE = (
    "an image is a file that was uploaded or, for a tool, a data: URL (data:image/png;base64,...) "
    "or an http address that the whole internet can open"
)
LATER = ("fit",)  # values that endpoints did not take at first: calls without them go on working


def refusal(message: str) -> gr.Error:
    """An error that every client shows, without a traceback in the log."""
    return gr.Error(message, print_exception=False)


def no_room(error: OSError) -> str:
    """What to say where the server cannot read or write its temporary files."""
    return (
        f"the server cannot keep files ({error.strerror or error}); whoever runs it makes room, or "
        "starts it with TMPDIR set to a folder that has some"
    )


class Page(gr.Blocks):
    """The page; its refusals are sentences for every client."""

    async def preprocess_data(
        self,
        block_fn: BlockFunction,
        inputs: list[Any],
        state: SessionState | None,
        explicit_call: bool = False,
    ) -> list[Any]:
        """As Gradio does, from what a client sent to what our function takes."""
        inputs = [*inputs, *_left_out(block_fn, len(inputs))]
        if len(inputs) != len(block_fn.inputs):
            names = ", ".join(str(getattr(one, "label", None)) for one in block_fn.inputs)
            raise refusal(
                f"/{block_fn.api_name} takes {len(block_fn.inputs)} values ({names}), "
                f"got {len(inputs)}"
            )
        try:
            values: list[Any] = await super().preprocess_data(
                block_fn, inputs, state, explicit_call
            )
        except gr.Error:
            raise
        except ValidationError as error:
            raise refusal(f"expected an image; {PICTURE}") from error
        except OSError as error:
            raise refusal(no_room(error)) from error
        except (ValueError, TypeError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise refusal(f"the image cannot be opened; {PICTURE}") from error
        return values

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: Any
    ) -> list[Any]:
        """As Gradio does, from what our function gives to what a client is sent."""
        try:
            return await super().postprocess_data(block_fn, predictions, state)
        except (OSError, ValueError) as error:  # Gradio wraps what its parts raise
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, OSError):
                raise
            raise refusal(no_room(cause)) from error


def _left_out(block_fn: BlockFunction, given: int) -> list[Any]:
    """Defaults of the last values of a call over plain HTTP, where these may be left out."""
    rest = block_fn.inputs[given:]
    if any(getattr(one, "label", None) not in LATER for one in rest):
        return []
    return [getattr(one, "value", None) for one in rest]


async def on_full_disk(_: Request, error: Exception) -> Response:
    """Answer an upload that cannot be kept: no longer with "Internal Server Error"."""
    assert isinstance(error, OSError)
    return JSONResponse({"detail": no_room(error)}, status_code=507)
