"""How a graph is opened again: what its copies and pickles hold in the place of a session."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from vae_onnx.engine.device import Device
from vae_onnx.engine.providers import check_available
from vae_onnx.errors import GraphError, accessing
from vae_onnx.store import bundled


class Reopening(NamedTuple):
    """A file and the options that it was opened with.

    Attributes:
        place: Where the file is: absolute, or within the folder of the bundled models, which lies
            elsewhere on another machine.
        is_bundled: Which of the two.
        stamp: Size and time of the file as it was opened.
        device: What was asked for; another machine may fall back where this one did not.
        threads: Likewise; None is however many there are.
    """

    place: str
    is_bundled: bool
    stamp: tuple[int, int] | None
    device: Device
    threads: int | None

    @classmethod
    def of(cls, path: Path, device: Device, threads: int | None) -> Reopening:
        """Note how a file is opened; whether it is there is told elsewhere."""
        within = bundled.within(path)
        place = within or os.path.abspath(path)  # noqa: PTH100, resolve() would follow links
        return cls(place, within is not None, _stamp(path), device, threads)

    @property
    def path(self) -> Path:
        """The file, on this machine."""
        return bundled.file(self.place) if self.is_bundled else Path(self.place)

    def digest(self) -> str:
        """Return the sha256 of the file.

        Raises:
            FileMissingError: It is gone.
            GraphError: It is not that which was opened any more.
        """
        self.check_unchanged()
        return self._sha256()

    def check_unchanged(self) -> None:
        """Raise GraphError if the file is there, and not as it was opened."""
        if _stamp(self.path) not in (self.stamp, None):
            raise GraphError(
                f"{self.path} has changed since it was loaded, so that a copy or a pickle of this "
                "model would be another one; load the model again"
            )

    def check(self, digest: str) -> None:
        """See that the file is that of the digest, and that its device can be had here.

        Raises:
            FileMissingError: There is no such file here.
            GraphError: It is another one.
            DeviceError: There is no such device here.
        """
        if self.device.fallback is None:
            for provider, _ in self.device.providers:
                check_available(provider)
        if self._sha256() != digest:
            raise GraphError(
                f"{self.path} is not the file that was pickled; put that one in its place, or load "
                "the model that is there now"
            )

    def _sha256(self) -> str:
        remedy = "; a pickle names its files and does not hold them: copy the folder to there"
        import hashlib  # takes time, and few need it

        with accessing(self.path, remedy), self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns
