"""`python -m demo`: open the demo in a browser on this machine."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demo.environment import (
    find_address,
    forget_gradios_variables,
    speak_directly_to,
    temporary_folder,
)
from vae_onnx import terminal

PORT = 7860


@terminal.plain()
def main(argv: Sequence[str] | None = None) -> int:
    """Serve the demo; 1 if it cannot start, with the reason on stderr in one line."""
    options = vars(make_parser().parse_args(argv))
    try:
        _serve(**options)
    except KeyboardInterrupt:
        return 0
    except ModuleNotFoundError as error:
        return _told(f"{error}; `make demo` installs what the demo needs")
    except (OSError, ValueError, RuntimeError) as error:
        return _told(str(error))
    except Exception as error:  # of Gradio, or of what is below it
        return _told(
            f"the demo could not start ({type(error).__name__}: {error}); docs/demo.md says what "
            "it takes from the environment"
        )
    return 0


def _told(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 1


def _serve(host: str, port: int | None, root_path: str | None, **options: Any) -> None:
    _print_anywhere()
    _end_on_signals()
    address = find_address(host, port or _port_of_environment())
    prefix = _checked_prefix(root_path)
    forget_gradios_variables()
    speak_directly_to(address)
    with temporary_folder():
        try:
            from demo.app import launch  # takes seconds: not before the cheap checks above

            launch(address, root_path=prefix, **options)
        finally:
            _ignore_signals()  # while the temporary files are deleted


def _print_anywhere() -> None:
    """Let no terminal end the demo: Gradio prints signs that not every encoding has."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _signals() -> list[signal.Signals]:
    """What asks the demo to end; one that is ignored, as `nohup` does, stays ignored."""
    known = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    return [one for one in known if one and signal.getsignal(one) != signal.SIG_IGN]


def _end_on_signals() -> None:
    """Let `kill` and `docker stop` end the demo as Ctrl-C does: it deletes its temporary files."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    for one in _signals():
        signal.signal(one, end)


def _ignore_signals() -> None:
    for one in _signals():
        signal.signal(one, signal.SIG_IGN)


def make_parser() -> argparse.ArgumentParser:
    """What `python -m demo` takes."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Draw a digit in a browser."
    )
    # Gradio's own variables give the defaults: a Space sets them.
    parser.add_argument(
        "--host",
        default=os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1",
        help="address to listen on; 0.0.0.0 for the whole network (default: %(default)s)",
    )
    parser.add_argument("--port", type=_port, help=f"default: GRADIO_SERVER_PORT, or else {PORT}")
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="folder of models of your own, to show before the bundled ones: the OUT/models of "
        "`python -m export all` (a VAE and an AE of two latent dimensions, others beside them), or "
        "whatever vae_onnx.torch.export or vae_onnx.adopt wrote",
    )
    parser.add_argument(
        "--device", default="auto", help="what to run the models on: auto, cpu, cuda, ..."
    )
    parser.add_argument(
        "--share", action="store_true", help="a public link, through Gradio's servers"
    )
    parser.add_argument(
        "--root-path",
        default=os.environ.get("GRADIO_ROOT_PATH"),
        metavar="PREFIX",
        help="the prefix below which a proxy in front of the demo serves it, such as /demo",
    )
    parser.add_argument(
        "--mcp",
        action="store_true",
        help="serve the endpoints as MCP tools, too; needs `pip install 'gradio[mcp]'`",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f"expected 1 to 65535, got {text}")
    return int(text)


def _port_of_environment() -> int:
    text = os.environ.get("GRADIO_SERVER_PORT") or str(PORT)
    try:
        return _port(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"GRADIO_SERVER_PORT: {error}; unset it, or give --port") from error


def _checked_prefix(prefix: str | None) -> str | None:
    """The prefix as Gradio takes it.

    Raises:
        ValueError: It is none.
    """
    if not prefix or prefix == "/":
        return None
    if not prefix.startswith(("/", "http://", "https://")) or any(map(str.isspace, prefix)):
        raise ValueError(
            f"--root-path (or GRADIO_ROOT_PATH) is {prefix!r}; expected a path such as /demo, or "
            "the whole address that begins with https://"
        )
    return prefix.rstrip("/")


if __name__ == "__main__":
    sys.exit(main())
