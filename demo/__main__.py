"""`python -m demo`: open the demo in a browser on this machine."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from vae_onnx.command import terminal


@terminal.plain()
def main(argv: Sequence[str] | None = None) -> int:
    """Serve the demo; 1 if it cannot start, with the reason on stderr."""
    arguments = _parser().parse_args(argv)
    try:
        _check_address(arguments.host, arguments.port)
        _end_on_sigterm()
        from demo.app import launch  # takes seconds: not before the cheap check above

        options = vars(arguments)
        launch(options.pop("host"), options.pop("port"), **options)
    except ModuleNotFoundError as error:
        print(f"error: {error}; `make demo` installs what the demo needs", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    except (OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _end_on_sigterm() -> None:
    """Let `kill` and `docker stop` end the demo as Ctrl-C does: it deletes its temporary files."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Draw a digit in a browser."
    )
    # Gradio's own variables give the defaults: a Space sets them.
    parser.add_argument(
        "--host",
        default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        help="address to listen on; 0.0.0.0 for the whole network (default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("GRADIO_SERVER_PORT", "7860"),
        help="default: %(default)s",
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="folder of models of your own, the OUT/models of `python -m export all`, to show "
        "before the bundled ones: a VAE and an AE of two latent dimensions, and others beside them",
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


def _check_address(host: str, port: int) -> None:
    """Fail early, and say what to do; Gradio would look for the port only after loading."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]  # Python repeats the address
        raise OSError(
            f"cannot listen on {host}, port {port} ({why}); choose another with --host or --port"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
