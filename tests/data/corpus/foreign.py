"""Files that are no pictures, lie about their size, or unpack into too much; for photographs and labels alike."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from case import Case, case, chunk, png
from PIL import Image


def foreign(part: str) -> Iterator[Case]:
    prefix = "" if part == "image" else f"{part}-"
    for name, content in (no_pictures() | liars() | bombs()).items():
        yield case(f"{prefix}{name}", part, content, "refused")
    for name, picture in sizes().items():
        file = io.BytesIO()
        picture.save(file, format="PNG")
        truth = np.array(picture.convert("RGB") if part == "image" else picture)
        yield case(f"{prefix}{name}", part, file.getvalue(), "used", truth)
    if part == "image":  # the reader alone, because it takes its time
        million = png(8000, 5000, 8, 0, bytes(8001 * 5000))
        yield case("40-million", part, million, "used", sample=None)


def no_pictures() -> dict[str, bytes]:
    array, packed = io.BytesIO(), io.BytesIO()
    np.save(array, np.zeros((48, 64, 3), np.uint8))
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("picture.png", b"no picture")
    return {
        "empty": b"",
        "one-byte": b"\xff",
        "text": b"This is no picture.\n" * 20,
        "html": b"<!DOCTYPE html><html><title>404 Not Found</title></html>",
        "npy-file": array.getvalue(),
        "gzip": gzip.compress(b"no picture" * 99, mtime=0),
        "zip": packed.getvalue(),
        "pdf": b"%PDF-1.7\n%no picture\n",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\nshowpage\n",
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='48'/>",
        "zeros": bytes(5000),
        "git-lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    }


def liars() -> dict[str, bytes]:
    """Small files whose headers speak of much more than follows, or of nothing."""
    grey = Image.new("L", (64, 48), 77)
    files = {name: io.BytesIO() for name in ("JPEG", "BMP", "TIFF", "GIF", "WEBP")}
    for name, file in files.items():
        grey.save(file, format=name)
    content = {name: file.getvalue() for name, file in files.items()}
    jpeg, bmp, tiff, gif = (content[name] for name in ("JPEG", "BMP", "TIFF", "GIF"))
    frame = jpeg.index(b"\xff\xc0") + 5
    extended = b"VP8X" + struct.pack("<II", 10, 0) + (16383).to_bytes(3, "little") * 2
    entries = {tag: tiff.index(struct.pack("<HHI", tag, 4, 1)) + 8 for tag in (256, 257)}  # width and height
    return {
        "png-of-65500": png(65500, 65500, 8, 0, b""),
        "png-of-2-billion": png(2**31 - 1, 2**31 - 1, 8, 0, b""),
        "png-of-nothing": png(0, 0, 8, 0, b""),
        "png-of-more-rows": png(64, 4800, 8, 0, b"\0" * 65 * 48),
        "png-interlaced-of-more-rows": png(64, 4800, 8, 0, b"\0" * 65 * 48, interlaced=1),
        "png-of-17-bits": png(64, 48, 17, 0, b"\0" * 65 * 48),
        "png-of-colour-9": png(64, 48, 8, 9, b"\0" * 65 * 48),
        "png-without-pixels": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 0, 0, 0, 0)) + chunk(b"IEND", b""),
        "png-49-million": png(7000, 7001, 8, 0, bytes(7001 * 7001)),
        "jpeg-of-65500": jpeg[:frame] + struct.pack(">HH", 65500, 65500) + jpeg[frame + 4 :],
        "jpeg-of-5000": jpeg[:frame] + struct.pack(">HH", 5000, 5000) + jpeg[frame + 4 :],
        "jpeg-of-19000": jpeg[:frame] + struct.pack(">HH", 19000, 19000) + jpeg[frame + 4 :],
        "jpeg-twice-as-high": jpeg[:frame] + struct.pack(">H", 96) + jpeg[frame + 2 :],
        "jpeg-of-no-rows": jpeg[:frame] + struct.pack(">H", 0) + jpeg[frame + 2 :],
        "bmp-of-60000": bmp[:18] + struct.pack("<ii", 60000, 60000) + bmp[26:],
        "bmp-twice-as-high": bmp[:18] + struct.pack("<ii", 64, 96) + bmp[26:],
        "bmp-of-minus-1": bmp[:18] + struct.pack("<ii", -1, 48) + bmp[26:],
        "tiff-of-65535": tiff[: entries[256]] + struct.pack("<I", 65535) + tiff[entries[256] + 4 :],
        "tiff-of-2-billion": tiff[: entries[256]] + struct.pack("<I", 2**31) + tiff[entries[256] + 4 :],
        "tiff-twice-as-high": tiff[: entries[257]] + struct.pack("<I", 96) + tiff[entries[257] + 4 :],
        "gif-of-65535": gif[:6] + struct.pack("<HH", 65535, 65535) + gif[10:],
        "webp-of-16384": b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended,
        "ppm-of-100000": b"P6 100000 100000 255\n" + bytes(99),
        "ppm-of-digits": b"P6 " + b"9" * 5000,
        "ppm-short": b"P6 64 48 255\n" + bytes(999),
        "plain-ppm-short": b"P3 64 48 255\n1 2 3",
    }  # fmt: skip


def bombs() -> dict[str, bytes]:
    """Files that unpack into 32 MiB beside their pixels, or would be read byte by byte, or into millions of objects."""
    packed = zlib.compress(bytes(32 << 20), 9)
    strips = struct.pack("<2sHIHHHII", b"II", 42, 8, 1, 273, 4, 1_500_000, 64) + bytes(6_000_000)
    return {
        "text-bomb": png(64, 48, 8, 0, bytes(65 * 48), chunk(b"zTXt", b"note\0\0" + packed)),
        "profile-bomb": png(64, 48, 8, 0, bytes(65 * 48), chunk(b"iCCP", b"profile\0\0" + packed)),
        "million-parts": b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"") * 600_000,
        "million-strips": strips,
        "jpeg-zeros-from-its-header": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(30 << 20),
        "ppm-spaces": b"P6" + b" " * (30 << 20),
        "gif-zeros-behind": b"GIF89a" + bytes(30 << 20),
        "huge-part": png(64, 48, 8, 0, bytes(65 * 48), struct.pack(">I", 2**31 - 1) + b"tEXt" + bytes(100)),
    }


def sizes() -> dict[str, Image.Image]:
    """Odd, but pictures."""
    ramp = (np.arange(10_000) % 41).astype(np.uint8)
    return {
        "1x1": Image.new("L", (1, 1), 7),
        "1x10000": Image.fromarray(ramp[None]),
        "10000x1": Image.fromarray(ramp[:, None]),
    }
