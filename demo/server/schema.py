"""How an endpoint takes its values and tells what it refuses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gradio.components.api_component import Api

import vae_onnx
from demo.page.pictures import PictureError
from demo.server.words import no_room, refusal


def value(label: str, default: Any, **schema: Any) -> Api:
    """A parameter with its JSON schema, passed on as it came: our functions check it.

    Gradio's parts for people say too little of what they take, and one of them no JSON schema.
    """
    return Api(default, schema, label)


def lists(depth: int) -> dict[str, Any]:
    """The JSON schema of numbers in lists in lists."""
    inside: dict[str, Any] = lists(depth - 1) if depth > 1 else {"type": "number"}
    return {"type": "array", "items": inside}


def told(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its refusals as messages of Gradio instead of tracebacks."""

    @functools.wraps(fn)
    def inner(*arguments: Any) -> Any:
        try:
            return fn(*arguments)
        except (PictureError, vae_onnx.VaeOnnxError, ValueError, TypeError) as error:
            raise refusal(str(error)) from error
        except OSError as error:
            raise refusal(no_room(error)) from error

    return inner
