"""Photographs of every kind, good and bad, all of one scene."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from case import HEIGHT, WIDTH, Array, Case, adam7, case, chunk, cuts, flips, png, rows, turned
from foreign import foreign
from PIL import Image

LOSSY = 3.0


def scene() -> Array:
    """Smooth, so that lossy formats hold it well; unlike itself in any mirror; RGB."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    spot = 90 * np.exp(-((x - 12) ** 2 + (y - 9) ** 2) / 60)
    return np.stack([x * 3 + 20, y * 4 + 10 + spot / 2, 220 - x - y - spot], -1).astype(np.uint8)


SCENE = scene()
GREY = np.repeat(SCENE[..., :1], 3, axis=2)
FORMATS: dict[str, dict[str, Any]] = {
    "jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    "progressive": {"format": "JPEG", "quality": 95, "subsampling": 0, "progressive": True},
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP", "lossless": True},
    "lossy-webp": {"format": "WEBP", "quality": 95},
    "tiff": {"format": "TIFF"},
    "tiff-lzw": {"format": "TIFF", "compression": "tiff_lzw"},
    "tiff-deflate": {"format": "TIFF", "compression": "tiff_adobe_deflate"},
    "bmp": {"format": "BMP"},
    "ppm": {"format": "PPM"},
    "gif": {"format": "GIF"},
}


def saved(picture: Image.Image | Array, **settings: Any) -> bytes:
    """The file that Pillow writes."""
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, **settings)
    return file.getvalue()


def whole(name: str) -> tuple[bytes, Array]:
    """The scene in a format, and what it must be read as; a GIF has 256 colours."""
    if name != "gif":
        return saved(SCENE, **FORMATS[name]), SCENE
    picture = Image.fromarray(SCENE).quantize(256)
    return saved(picture, format="GIF"), np.array(picture.convert("RGB"))


def tolerance(name: str) -> float:
    return LOSSY if name in ("jpeg", "progressive", "lossy-webp") else 0.0


def photographs() -> Iterator[Case]:
    for number, name in enumerate(FORMATS):
        content, truth = whole(name)
        yield case(f"{name}-whole", "image", content, "used", truth, tolerance=tolerance(name))
        yield from damaged(name, content, truth, number)
    yield from modes()
    yield from moving()
    yield from oriented()
    yield from foreign("image")


def damaged(name: str, content: bytes, truth: Array, seed: int) -> Iterator[Case]:
    for how, cut in cuts(content):
        # The last byte of a GIF only says that nothing follows.
        expected = "used" if (name, how) == ("gif", "cut-at-last-byte") else "refused"
        yield case(f"{name}-{how}", "image", cut, expected, truth, tolerance=tolerance(name))
    for how, flipped in flips(content, 6, seed):
        yield flipped_case(f"{name}-{how}", name, flipped, truth)
    if name not in ("bmp", "ppm", "tiff"):  # whose pixels may well be zero
        zeros = content[: len(content) // 2] + bytes(len(content))
        zero = f"{name}-rest-zero"
        # Zeros are as good as any data to a lossy WEBP.
        yield flipped_case(zero, name, zeros, truth) if name == "lossy-webp" else case(zero, "image", zeros, "refused")


def flipped_case(name: str, format: str, content: bytes, original: Array) -> Case:
    """PNG has checksums; other formats may only be read as another decoder reads them, or as if nothing were wrong."""
    if format == "png":
        return case(name, "image", content, "refused")
    other = decoded(content)
    return case(name, "image", content, "either", original if other is None else other, tolerance=tolerance(format))


def decoded(content: bytes) -> Array | None:
    """What OpenCV makes of the file."""
    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if found is None else found[..., ::-1].copy()


def modes() -> Iterator[Case]:
    """Kinds of pixels: what can be shown as RGB is used."""
    picture, grey = Image.fromarray(SCENE), Image.fromarray(SCENE[..., 0])
    deep = SCENE[..., 0].astype(np.uint16) * 257
    palette = picture.quantize(64)
    coloured = np.array(palette.convert("RGB"))
    lossless: dict[str, tuple[bytes, Array]] = {
        "grey-png": (saved(grey, format="PNG"), GREY),
        "alpha-png": (saved(np.dstack([SCENE, SCENE[..., 0]]), format="PNG"), SCENE),
        "grey-alpha-png": (saved(Image.merge("LA", (grey, grey)), format="PNG"), GREY),
        "alpha-webp": (saved(np.dstack([SCENE, SCENE[..., 0] | 1]), format="WEBP", lossless=True, exact=True), SCENE),
        "palette": (saved(palette, format="PNG"), coloured),
        "palette-one-transparent": (saved(palette, format="PNG", transparency=3), coloured),
        "palette-many-transparent": (saved(palette, format="PNG", transparency=bytes(range(0, 256, 4))), coloured),
        "rgb-one-transparent": (saved(picture, format="PNG", transparency=(1, 2, 3)), SCENE),
        "transparent-gif": (saved(palette, format="GIF", transparency=3), coloured),
        "one-bit": (saved(Image.fromarray(SCENE[..., 0] > 99), format="PNG"), np.where(GREY > 99, 255, 0)),
        "two-bit-grey": (png(4, 1, 2, 0, b"\0\x1b"), np.repeat([[[0], [85], [170], [255]]], 3, axis=2)),
        "16-bit-grey": (saved(deep, format="PNG"), GREY),
        "16-bit-grey-tiff": (saved(deep, format="TIFF"), GREY),
        "16-bit-pgm": (b"P5 64 48 65535\n" + deep.astype(">u2").tobytes(), GREY),
        "16-bit-rgb": (png(WIDTH, HEIGHT, 16, 2, rows((SCENE.astype(">u2") * 257).astype(">u2"))), SCENE),
        "plain-ppm": (b"P3 64 48 255\n" + " ".join(map(str, SCENE.ravel())).encode(), SCENE),
        "interlaced": (png(WIDTH, HEIGHT, 8, 2, adam7(SCENE), interlaced=1), SCENE),
        "more-rows-than-said": (png(WIDTH, HEIGHT, 8, 2, rows(SCENE) + bytes(32 << 20)), SCENE),
        "bmp-upside-down": (flipped_bmp(), SCENE),
        "big-tiff": (saved(SCENE, format="TIFF", big_tiff=True), SCENE),
    }
    for name, (content, truth) in lossless.items():
        yield case(name, "image", content, "used", truth)
    yield from lossy_modes(picture, grey)
    for kind in (np.int32, np.float32):
        yield case(f"tiff-of-{kind.__name__}", "image", saved(SCENE[..., 0].astype(kind), format="TIFF"), "refused")
    yield case("tiff-of-lab", "image", saved(picture.convert("LAB"), format="TIFF"), "used", SCENE, tolerance=LOSSY)
    run_length = b"BM" + struct.pack("<IIIIiiHHIIiiII", 1082, 0, 1078, 40, 48_000_000, 1, 1, 8, 1, 4, 0, 0, 256, 0)
    yield case("bmp-run-length-bomb", "image", run_length + bytes(1024) + b"\0\2\0\xff", "refused")


def lossy_modes(picture: Image.Image, grey: Image.Image) -> Iterator[Case]:
    cmyk = saved(Image.fromarray(np.dstack([255 - SCENE, np.zeros_like(SCENE[..., 0])]), "CMYK"), format="JPEG", quality=95)  # fmt: skip
    yield case("cmyk", "image", cmyk, "used", SCENE, tolerance=LOSSY)
    marker = cmyk.index(b"Adobe") + 11  # the byte that says whether the colours are turned into brightness and hue
    ycck = cmyk[:marker] + b"\2" + cmyk[marker + 1 :]
    yield case("ycck", "image", ycck, "used", decoded(ycck), tolerance=LOSSY)
    yield case("cmyk-tiff", "image", saved(Image.fromarray(np.dstack([255 - SCENE, np.zeros_like(SCENE[..., 0])]), "CMYK"), format="TIFF"), "used", SCENE)  # fmt: skip
    yield case("grey-jpeg", "image", saved(grey, format="JPEG", quality=95), "used", GREY, tolerance=LOSSY)
    yield case("tiff-of-jpeg", "image", saved(picture, format="TIFF", compression="jpeg", quality=95), "used", SCENE, tolerance=2 * LOSSY)  # fmt: skip
    jpeg = whole("jpeg")[0]
    yield case("jpeg-and-more", "image", jpeg + bytes(range(256)) * 1000, "used", SCENE, tolerance=LOSSY)
    comments = b"".join(b"\xff\xfe" + struct.pack(">H", 65535) + bytes(65533) for _ in range(64))
    yield case("jpeg-of-comments", "image", jpeg[:2] + comments + jpeg[2:], "used", SCENE, tolerance=LOSSY)
    half = jpeg[: len(jpeg) // 2] + b"\xff\xd9"
    yield case("jpeg-ends-early", "image", half, "refused")


def flipped_bmp() -> bytes:
    """A BMP whose height is negative, so that its first row is on top."""
    content = saved(SCENE[::-1].copy(), format="BMP")
    return content[:22] + struct.pack("<i", -HEIGHT) + content[26:]


def moving() -> Iterator[Case]:
    """More than one picture in a file: refused, but for a phone's second picture and an animation of one frame."""
    frames = [Image.fromarray(SCENE), Image.fromarray(GREY)]
    for format in ("GIF", "PNG", "WEBP", "TIFF"):
        content = saved(frames[0], format=format, save_all=True, append_images=frames[1:])
        yield case(f"moving-{format.lower()}", "image", content, "refused")
    control = chunk(b"acTL", struct.pack(">II", 1, 0)) + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 1, 0, 0))  # fmt: skip
    yield case("one-frame-png", "image", png(WIDTH, HEIGHT, 8, 2, rows(SCENE), control), "used", SCENE)
    bad_control = chunk(b"acTL", struct.pack(">II", 0, 0))
    yield case("no-frame-png", "image", png(WIDTH, HEIGHT, 8, 2, rows(SCENE), bad_control), "used", SCENE)
    phone = saved(frames[0], format="MPO", save_all=True, append_images=frames[1:], quality=95)
    yield case("mpo", "image", phone, "used", SCENE, tolerance=LOSSY)
    index = phone.index(b"MPF\0")
    yield case("mpo-bad-index", "image", phone[: index + 8] + b"\xff" * 30 + phone[index + 38 :], "used", SCENE, tolerance=LOSSY)  # fmt: skip


def oriented() -> Iterator[Case]:
    """EXIF orientations, and metadata that is none."""
    for name, settings in FORMATS.items():
        for orientation in range(1, 9):
            if name in ("jpeg", "tiff", "tiff-lzw") or (name in ("png", "webp") and orientation in (3, 6, 8)):
                stored = Image.fromarray(turned(SCENE, orientation))
                exif = Image.Exif()
                exif[0x0112] = orientation
                extra = {"tiffinfo": {0x0112: orientation}} if name.startswith("tiff") else {"exif": exif}
                content = saved(stored, **settings, **extra)
                yield case(f"{name}-orientation-{orientation}", "image", content, "used", SCENE, tolerance=tolerance(name))  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = 6
    phone = saved(Image.fromarray(turned(SCENE, 6)), format="MPO", save_all=True, append_images=[Image.fromarray(GREY)], exif=exif, quality=95)  # fmt: skip
    yield case("mpo-orientation-6", "image", phone, "used", SCENE, tolerance=LOSSY)
    for name, metadata in {
        "nonsense": b"Exif\0\0nonsense" * 9,
        "cut": exif.tobytes()[:20],
        "orientation-9": exif.tobytes().replace(b"\x01\x12\0\3\0\0\0\1\0\6", b"\x01\x12\0\3\0\0\0\1\0\x09"),
        "orientation-of-text": exif.tobytes().replace(b"\x01\x12\0\3\0\0\0\1\0\6", b"\x01\x12\0\2\0\0\0\4top\0"),
    }.items():
        yield case(f"exif-{name}", "image", saved(SCENE, **FORMATS["jpeg"], exif=metadata), "used", SCENE, tolerance=LOSSY)  # fmt: skip
    yield case("portrait-without-exif", "image", saved(turned(SCENE, 6), format="PNG"), "used", turned(SCENE, 6), sample="refused")  # fmt: skip
