"""Colour emoji as a folder of pictures to train on: OUT/{train,validation,test}/CATEGORY/CODE.png.

    python -m export.data.emoji --source emoji-datasource-google-16.0.0.tgz --out data/emoji

The pictures are those of Noto Emoji (Google, Apache License 2.0) in the npm package
emoji-datasource-google; `make emoji` fetches it. They are divided by concept: all skin tones and
genders of one emoji are on one side, so that what is tested with is really unseen.
"""

import argparse
import json
import sys
import tarfile
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from export.data.layout import PARTS, Part, part_of
from export.errors import DataError, UserError
from vae_onnx import terminal

PICTURES: Final = "img/google/64"  # of the package: squares of 64 pixels
INDEX: Final = "emoji.json"
LEFT_OUT: Final = "component"  # its category: bare patches of skin, which nobody types alone

# Code points that make no other concept: skin tones, what joins code points and how they are
# shown, and the signs of genders.
_SHADES: Final = frozenset(["1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff", "200d", "fe0f"])
_GENDERS: Final = frozenset(["2640", "2642"])
_PEOPLE: Final = frozenset(["1f468", "1f469"])  # man and woman
_PERSON: Final = "1f9d1"
_COUPLES: Final = {  # the same with a skin tone each
    "1f9d1-2764-1f48b-1f9d1": "1f48f",
    "1f9d1-2764-1f9d1": "1f491",
    "1f46c": "1f46b",
    "1f46d": "1f46b",
    "1f9d1-1f91d-1f9d1": "1f46b",
}
# The concepts to test with, once drawn: one in eight.
_TEST: Final = frozenset(Path(__file__).with_name("emoji_test.txt").read_text("utf-8").split())


def concept(code: str) -> str:
    """What an emoji shows, whoever does it: the code of its plainest form, or nearly.

    Args:
        code: Its code points, as files are named: 1f469-1f3fb-200d-1f680.
    """
    kept = [point for point in code.split("-") if point not in _SHADES] or [code]
    couple = _COUPLES.get("-".join(kept))
    if couple:
        return couple
    kept = [_PERSON if point in _PEOPLE else point for point in kept if point not in _GENDERS]
    plain = "-".join(kept) or code
    # Kisses of a man or a woman are beside those of nobody in particular, on the other side.
    return plain if "1f48b" in kept else _COUPLES.get(plain, plain)


def part(code: str) -> Part:
    """Where an emoji belongs; of the concepts that are not tested with one in ten validates."""
    name = concept(code)
    if name in _TEST:
        return "test"
    return "train" if zlib.crc32(name.encode()) % 10 else "validation"


def sort(source: Path, out: Path) -> dict[Part, int]:
    """Write the pictures into folders; return how many each part has.

    Args:
        source: The package of npm, packed (.tgz) or not, or a folder that holds CATEGORY/CODE.png,
            perhaps in parts already.
        out: Folder to write; there must be nothing.

    Raises:
        FileExistsError: `out` is there.
        FileNotFoundError: `source` is not.
        DataError: `source` is none of these, or damaged.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already; remove it, or give another --out")
    if not source.exists():
        raise FileNotFoundError(f"{source} is missing; `make emoji` fetches it")
    out.parent.mkdir(parents=True, exist_ok=True)
    counts: Counter[Part] = Counter()
    # Beside it first: nobody trains on what was cut off half way.
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as beside:
        for category, code, content in _pictures(source):
            place = Path(beside, "emoji", part(code), category, f"{code}.png")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            counts[part(code)] += 1
        if not counts:
            raise _no_source(source)
        Path(beside, "emoji").rename(out)
    return {part: counts[part] for part in PARTS}


def _pictures(source: Path) -> Iterator[tuple[str, str, bytes]]:
    """Category, code and content of each picture."""
    if source.is_file():
        yield from _packed(source)
    elif (source / INDEX).is_file():
        categories = _categories((source / INDEX).read_bytes(), source)
        for path in sorted((source / PICTURES).glob("*.png")):
            if path.stem in categories:
                yield categories[path.stem], path.stem, path.read_bytes()
    else:
        for path in sorted(source.glob("**/*.png")):
            if part_of(path.parent.name) or path.parent == source:
                raise _no_source(source)
            yield path.parent.name, path.stem, path.read_bytes()


def _packed(source: Path) -> Iterator[tuple[str, str, bytes]]:
    """The same from the .tgz, which is gone through once: its index may come last."""
    index, contents = b"", {}
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                name = member.name.partition("/")[2]  # below package/
                if name == INDEX or (name.startswith(f"{PICTURES}/") and name.endswith(".png")):
                    file = archive.extractfile(member)
                    contents[Path(name).stem] = file.read() if file else b""
            index = contents.pop(Path(INDEX).stem, b"")
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(
            f"{source} cannot be unpacked ({error}); remove it and fetch it again with `make emoji`"
        ) from error
    categories = _categories(index, source)
    for code, content in contents.items():
        if code in categories:
            yield categories[code], code, content


def _categories(index: bytes, source: Path) -> Mapping[str, str]:
    """The category of each code, as a name of a folder."""
    found = {}
    try:
        entries: list[dict[str, Any]] = json.loads(index)
        for entry in entries:
            category = entry["category"].lower().replace("&", "and").replace(" ", "-")
            for one in (entry, *entry.get("skin_variations", {}).values()):
                found[one["image"].removesuffix(".png")] = category
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_source(source) from error
    return {code: category for code, category in found.items() if category != LEFT_OUT}


def _no_source(source: Path) -> DataError:
    return DataError(
        f"{source} must be the package emoji-datasource-google of npm, with {INDEX} and "
        f"{PICTURES}, or a folder of CATEGORY/CODE.png; `make emoji` fetches the first"
    )


def main(arguments: list[str] | None = None) -> int:
    """Sort the pictures and say how many there are of each part; 1 if that cannot be done."""
    parser = argparse.ArgumentParser(
        prog="python -m export.data.emoji",
        description="Sort colour emoji into train/, validation/ and test/.",
    )
    parser.add_argument(
        "--source",
        type=Path,
        required=True,
        help="emoji-datasource-google of npm, packed or not, or a folder of CATEGORY/CODE.png",
    )
    parser.add_argument("--out", type=Path, default=Path("data/emoji"), help="folder to write")
    given = parser.parse_args(arguments)
    with terminal.plain():
        try:
            counts = sort(given.source, given.out)
        except (UserError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        told = ", ".join(f"{count:,} {part}" for part, count in counts.items())
        print(f"{given.out}: {told} pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
