"""`python -m demo`, watched: whatever it writes or connects to is noted, and the demo goes on.

Run as `python guarded.py NOTES ...`; NOTES gets one line for each file that is opened for writing
outside the temporary folder of the demo, and each address beyond this machine.
"""

import os
import sys
import tempfile
from pathlib import Path

LOCAL = ("127.0.0.1", "::1", "localhost", "0.0.0.0", None)

notes = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.dont_write_bytecode = True
tempfile.gettempdir()  # tries by a file whether it may write there


def note(text: str) -> None:
    os.write(notes, f"{text}\n".encode())


def watch(event: str, arguments: tuple) -> None:
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not writes or not isinstance(path, str) or path.startswith("/dev/"):
            return
        own = os.environ.get("GRADIO_TEMP_DIR")
        if own is None or not Path(path).resolve().is_relative_to(Path(own).resolve()):
            note(f"wrote {path}")
    elif event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in LOCAL:
            note(f"connected to {address}")
    elif event == "socket.getaddrinfo" and arguments[0] not in LOCAL:
        note(f"looked up {arguments[0]}")


sys.addaudithook(watch)

from demo.__main__ import main  # noqa: E402  (after the hook)

sys.exit(main())
