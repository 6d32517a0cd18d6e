"""One picture in files of every kind that people bring: a dark 7 on white, 24x24."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

SIDE = 24


class Case(NamedTuple):
    """A file, and what must be read from it."""

    path: Path
    grey: np.ndarray  # (24, 24)
    exact: bool  # bit by bit; else by less than 4 levels on average
    note: str  # what one of the notes says, or "" where there is none


def seven() -> np.ndarray:
    grey = np.full((SIDE, SIDE), 255, np.uint8)
    grey[4:7, 5:18] = 0
    grey[4:20, 15:18] = 0
    return grey


def png(samples: np.ndarray, depth: int, kind: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Write a PNG that Pillow does not write: of 16 bits, and with chunks of one's own."""
    head = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, kind, 0, 0, 0)
    rows = samples.astype(">u2" if depth == 16 else np.uint8)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def tiff(data: bytes, bits: int, *entries: tuple[int, int, int, int]) -> bytes:
    """Write a TIFF of one strip: `entries` are (tag, type, count, value) beside those it needs."""
    known = [
        (256, 3, 1, SIDE), (257, 3, 1, SIDE), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, SIDE), (279, 4, 1, len(data)),
    ]  # fmt: skip
    told = {entry[0]: entry for entry in (*known, *entries)}
    body = b"".join(
        struct.pack("<HHI", *entry[:3]) + struct.pack("<HH" if entry[1] == 3 else "<I", *(
            (entry[3], 0) if entry[1] == 3 else (entry[3],)))
        for _, entry in sorted(told.items())
    )  # fmt: skip
    directory = struct.pack("<H", len(told)) + body + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def turned(grey: np.ndarray, orientation: int) -> np.ndarray:
    """How the pixels lie in a file whose EXIF says so."""
    flat = {2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose}
    more = {
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray({1: np.asarray, **flat, **more}[orientation](grey))


def exif(orientation: int) -> Image.Exif:
    told = Image.Exif()
    told[0x0112] = orientation
    return told


def write(folder: Path) -> list[Case]:
    """Write all of them."""
    cases = []
    for name, content, exact, note in _contents():
        path = folder / name
        path.write_bytes(content)
        cases.append(Case(path, seven(), exact, note))
    return cases


def _contents() -> Iterator[tuple[str, bytes, bool, str]]:
    yield from _modes()
    yield from _transparent()
    yield from _deep()
    yield from _turned()
    yield from _several()


def _modes() -> Iterator[tuple[str, bytes, bool, str]]:
    grey = Image.fromarray(seven())
    for mode in ("1", "L", "P", "RGB"):
        yield f"{mode}.png", saved(grey.convert(mode), "PNG"), True, ""
    yield "png-by-another-name.jpg", saved(grey, "PNG"), True, ""
    yield "grey.bmp", saved(grey, "BMP"), True, ""
    yield "grey.pgm", saved(grey, "PPM"), True, ""
    yield "grey.gif", saved(grey, "GIF"), True, ""
    yield "lossless.webp", saved(grey, "WEBP", lossless=True), True, ""
    yield "lossy.webp", saved(grey, "WEBP", quality=90), False, ""
    yield "grey.jpg", saved(grey, "JPEG", quality=95), False, ""
    yield "colour.jpg", saved(grey.convert("RGB"), "JPEG", quality=95), False, ""
    yield "print.jpg", saved(grey.convert("CMYK"), "JPEG", quality=95), False, "CMYK"
    yield "print.tif", saved(grey.convert("CMYK"), "TIFF"), True, "CMYK"
    jpeg = saved(grey.convert("RGB"), "TIFF", compression="jpeg", quality=95)
    yield "jpeg.tif", jpeg, False, ""
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(grey.convert("RGB"), *profiles, outputMode="LAB")
    yield "lab.tif", saved(lab, "TIFF"), False, "LAB"


def _transparent() -> Iterator[tuple[str, bytes, bool, str]]:
    """Black ink on nothing, by every way to say nothing."""
    said = "transparent counts as white paper"
    ink = 255 - seven()
    nothing = np.zeros_like(ink)
    la = Image.merge("LA", (Image.fromarray(nothing), Image.fromarray(ink)))
    yield "LA.png", saved(la, "PNG"), True, said
    yield "RGBA.png", saved(la.convert("RGBA"), "PNG"), True, said
    yield "opaque.png", saved(Image.fromarray(seven()).convert("RGBA"), "PNG"), True, ""
    yield "RGBA.tif", saved(la.convert("RGBA"), "TIFF"), True, said
    numbers = (ink // 255).astype(np.uint8)  # 1 is ink, 0 is nothing
    colours = (b"PLTE", bytes([9, 9, 9, 0, 0, 0]))
    yield "palette-key.png", png(numbers, 8, 3, colours, (b"tRNS", b"\0")), True, said
    yield "palette-alphas.png", png(numbers, 8, 3, colours, (b"tRNS", b"\0\xff")), True, said
    grey = np.where(ink, 0, 7).astype(np.uint8)
    yield "grey-key.png", png(grey, 8, 0, (b"tRNS", b"\0\x07")), True, said
    rgb = np.repeat(grey[:, :, None], 3, axis=2)
    yield "colour-key.png", png(rgb, 8, 2, (b"tRNS", b"\0\x07" * 3)), True, said
    deep = np.where(ink, 0, 60_000)
    yield "deep-key.png", png(deep, 16, 0, (b"tRNS", struct.pack(">H", 60_000))), True, said
    yield "webp-alpha.webp", saved(la.convert("RGBA"), "WEBP", lossless=True), True, said
    gif = Image.frombytes("P", (SIDE, SIDE), numbers)
    gif.putpalette([9, 9, 9, 0, 0, 0])
    yield "transparent.gif", saved(gif, "GIF", transparency=0), True, said


def _deep() -> Iterator[tuple[str, bytes, bool, str]]:
    ink = seven().astype(np.uint32)
    full, twelve = ink * 257, ink * 4095 // 255
    few, bits = "16 bits a pixel were reduced", "taken for 12 bits"
    yield "16.png", png(full, 16, 0), True, few
    yield "12-of-16.png", png(twelve, 16, 0), True, bits
    yield "8-of-16.png", png(ink, 16, 0), True, "taken for 8 bits"
    yield "sbit.png", png(ink * 1023 // 255, 16, 0, (b"sBIT", b"\x0a")), True, few
    yield "16-colour.png", png(np.dstack([full] * 3), 16, 2), True, "16 bits a channel"
    yield "16-little.tif", tiff(full.astype("<u2").tobytes(), 16), True, few
    yield "16-big.tif", saved(Image.fromarray(full.astype(">u2")), "TIFF"), True, few
    yield "12-of-16.tif", tiff(twelve.astype("<u2").tobytes(), 16), True, bits
    told = (ink * 1000 // 255).astype("<u2").tobytes()
    yield "white-is-1000.tif", tiff(told, 16, (341, 3, 1, 1000)), True, few
    pairs = twelve.reshape(-1, 2)
    packed = np.stack(
        [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1
    ).astype(np.uint8)
    yield "12.tif", tiff(packed.tobytes(), 12), True, few
    inverted = (65535 - full).astype("<u2").tobytes()
    yield "white-is-zero.tif", tiff(inverted, 16, (262, 3, 1, 0)), True, few
    yield "32.tif", saved(Image.fromarray(full.astype(np.int32)), "TIFF"), True, few
    yield "float.tif", saved(Image.fromarray((ink / 255).astype(np.float32)), "TIFF"), True, "Frac"
    pgm = b"P5 24 24 4095\n" + twelve.astype(">u2").tobytes()
    yield "12.pgm", pgm, True, few


def _turned() -> Iterator[tuple[str, bytes, bool, str]]:
    for orientation in range(1, 9):
        picture = Image.fromarray(turned(seven(), orientation))
        told = exif(orientation)
        yield f"turned-{orientation}.png", saved(picture, "PNG", exif=told), True, ""
        yield f"turned-{orientation}.jpg", saved(picture, "JPEG", quality=95, exif=told), False, ""
        webp = saved(picture, "WEBP", lossless=True, exif=told)
        yield f"turned-{orientation}.webp", webp, True, ""
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[0x0112] = orientation
        yield f"turned-{orientation}.tif", saved(picture, "TIFF", tiffinfo=tags), True, ""
        mpo = saved(
            picture, "MPO", quality=95, exif=told, save_all=True, append_images=[picture.rotate(9)]
        )
        yield f"turned-{orientation}.mpo", mpo, False, ""
    broken = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 3
    yield (
        "broken-exif.jpg",
        saved(Image.fromarray(seven()), "JPEG", quality=95, exif=broken),
        False,
        "",
    )
    yield "broken-exif.png", png(seven(), 8, 0, (b"eXIf", broken[6:])), True, ""


def _several() -> Iterator[tuple[str, bytes, bool, str]]:
    first, second = Image.fromarray(seven()), Image.fromarray(255 - seven())
    for form, name in (("GIF", "animated.gif"), ("PNG", "animated.png"), ("WEBP", "animated.webp")):
        options = {"lossless": True} if form == "WEBP" else {}
        content = saved(first, form, save_all=True, append_images=[second], **options)
        yield name, content, True, "first frame"
    yield "pages.tif", saved(first, "TIFF", save_all=True, append_images=[second]), True, "first"
