"""`python -m demo.tools NAME...`: find programs, and fetch what is missing."""

from __future__ import annotations

import argparse
import sys

from demo.tools.programs import TOOLS, need


def main() -> int:
    """Find or fetch what is named, and print where each is; 1 if one is not to be had."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.tools", description="Find programs, and fetch what is missing."
    )
    parser.add_argument("names", nargs="+", choices=TOOLS, metavar="NAME", help=", ".join(TOOLS))
    try:
        for name in parser.parse_args().names:
            print(f"{name}: {need(name)}", flush=True)
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
