"""Label pictures: class numbers, which must come as they are stored or not at all."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from case import HEIGHT, WIDTH, Array, Case, adam7, case, chunk, cuts, flips, png, rows, turned
from foreign import foreign
from photographs import SCENE, saved
from PIL import Image

PART = "segmentation"


def classes() -> Array:
    """0 for void and classes 1 to 40, in patches."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return ((y // 6 * 11 + x // 8) % 41).astype(np.uint8)


LABELS = classes()


def label_pictures() -> Iterator[Case]:
    content = saved(LABELS, format="PNG")
    for how, cut in cuts(content):
        yield case(f"labels-{how}", PART, cut, "refused")
    for how, flipped in flips(content, 12, 99):
        yield case(f"labels-{how}", PART, flipped, "refused")
    yield from ways_to_store()
    yield from changed_values()
    yield from wrong_values()
    yield from foreign(PART)


def ways_to_store() -> Iterator[Case]:
    """Class numbers that come as they are."""
    picture = Image.fromarray(LABELS)
    palette = picture.copy()
    palette.putpalette([value * 7 % 256 for value in range(768)])
    exif = Image.Exif()
    exif[0x0112] = 6
    lossless = {
        "labels-whole": saved(picture, format="PNG"),
        "labels-of-palette": saved(palette, format="PNG"),
        "labels-transparent": saved(palette, format="PNG", transparency=bytes(range(41))),
        "labels-interlaced": png(WIDTH, HEIGHT, 8, 0, adam7(LABELS), interlaced=1),
        "labels-gif": saved(palette, format="GIF"),
        "labels-bmp": saved(picture, format="BMP"),
        "labels-tiff": saved(picture, format="TIFF", compression="tiff_lzw"),
        "labels-pgm": saved(picture, format="PPM"),
        "labels-orientation-6": saved(Image.fromarray(turned(LABELS, 6)), format="PNG", exif=exif),
        "labels-16-bit": saved(LABELS.astype(np.uint16), format="PNG"),
        "labels-void-255": saved(np.where(LABELS == 0, np.uint8(255), LABELS), format="PNG"),
    }
    for name, content in lossless.items():
        truth = np.where(LABELS == 0, 255, LABELS) if name == "labels-void-255" else LABELS
        yield case(name, PART, content, "used", truth)
    yield case("labels-smaller", PART, saved(LABELS[::2, ::2].copy(), format="PNG"), "used", LABELS[::2, ::2])
    yield case("labels-stretched", PART, saved(LABELS[:30].copy(), format="PNG"), "used", LABELS[:30])


def changed_values() -> Iterator[Case]:
    """Class numbers that a decoder would scale, cut or mix."""
    four = (LABELS % 16)[:, ::2] << 4 | (LABELS % 16)[:, 1::2]
    yield case("labels-4-bit-grey", PART, png(WIDTH, HEIGHT, 4, 0, rows(four)), "refused")
    deep = np.repeat(LABELS.astype(">u2")[..., None], 3, axis=2)
    yield case("labels-16-bit-rgb", PART, png(WIDTH, HEIGHT, 16, 2, rows(deep)), "refused")
    yield case("labels-pgm-to-40", PART, b"P5 64 48 40\n" + LABELS.tobytes(), "refused")
    palette = chunk(b"PLTE", bytes(range(48)))
    yield case("labels-4-bit-palette", PART, png(WIDTH, HEIGHT, 4, 3, rows(four), palette), "used", LABELS % 16)
    frames = [Image.fromarray(LABELS), Image.fromarray(LABELS[::-1].copy())]
    yield case("labels-moving", PART, saved(frames[0], format="PNG", save_all=True, append_images=frames[1:]), "refused")  # fmt: skip


def wrong_values() -> Iterator[Case]:
    """Pictures that are read as they are, and are no labels of this image."""
    wrong = {
        "labels-id-41": np.where(LABELS == 7, np.uint8(41), LABELS),
        "labels-id-254": np.where(LABELS == 7, np.uint8(254), LABELS),
        "labels-16-bit-id-1000": np.where(LABELS == 7, np.uint16(1000), LABELS.astype(np.uint16)),
        "labels-turned": turned(LABELS, 6),
        "labels-rgb": SCENE,
        "labels-rgba": np.dstack([SCENE, LABELS]),
    }
    for name, array in wrong.items():
        yield case(name, PART, saved(array, format="PNG"), "used", array, sample="refused")
    text = chunk(b"tEXt", b"Comment\0" + struct.pack(">I", 7))
    yield case("labels-with-text", PART, png(WIDTH, HEIGHT, 8, 0, rows(LABELS), text), "used", LABELS)
