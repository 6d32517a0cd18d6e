"""The `vae-onnx` command, of which the doctor starts even where numpy or onnxruntime does not."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vae_onnx import doctor, terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 0 or 1 (2 for wrong usage, by argparse)."""
    with terminal.plain():
        try:
            status = _run(sys.argv[1:] if arguments is None else list(arguments))
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read has seen enough, as `head` has
            terminal.silence(sys.stdout)
            return 1
        except OSError as error:  # of files, it is told elsewhere
            terminal.silence(sys.stdout)
            print(f"vae-onnx: error: stdout cannot be written: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("vae-onnx: interrupted", file=sys.stderr)
            return 130  # as shells have it
    return status


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["doctor"]:
        return doctor.main(arguments[1:])
    try:
        from vae_onnx.command import parser
    except ImportError as error:
        print(f"vae-onnx: error: {error}; `vae-onnx doctor` says what to do", file=sys.stderr)
        return 1
    return parser.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
