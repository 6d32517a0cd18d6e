"""`python -m demo`: open the demo in a browser on this machine."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the demo; 1 if it cannot start, with the reason on stderr."""
    arguments = _parser().parse_args(argv)
    try:
        _check_address(arguments.host, arguments.port)
        from demo.app import launch  # takes seconds: not before the cheap check above

        launch(arguments.host, arguments.port, share=arguments.share, models=arguments.models)
    except ModuleNotFoundError as error:
        print(f"error: {error}; `make demo` installs what the demo needs", file=sys.stderr)
        return 1
    except (OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


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
        "instead of the bundled ones: a VAE and an AE of 28x28 pixels and two latent dimensions",
    )
    parser.add_argument(
        "--share", action="store_true", help="a public link, through Gradio's servers"
    )
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 2**16:
        raise argparse.ArgumentTypeError(f"expected 1 to 65535, got {port}")
    return port


def _check_address(host: str, port: int) -> None:
    """Fail early, and say what to do; Gradio would look for the port only after loading."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise OSError(
            f"cannot listen on {host}, port {port} ({error.strerror}); "
            "choose another with --host or --port"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
