"""Reading .npy files that someone else made: nothing in them is executed, nothing is allocated on their word alone."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mstasks.data.files import open_file, quoted

MAX_BYTES = 256 << 20
"""An array may hold so many bytes: the depths of 8000 x 6000 pixels with some room."""


def read_array(path: Path) -> NDArray[Any]:
    """An array of numbers or booleans of an .npy file.

    Raises:
        ValueError: If the file cannot be opened, holds anything else, such as pickled objects, is damaged, is shorter
            or longer than its header says, or would take more than `MAX_BYTES`; the text names it.
    """
    with open_file(path) as file:
        try:
            _check_header(file)
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
        except (OSError, EOFError, ValueError, TypeError, SyntaxError, OverflowError, MemoryError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{quoted(path)} cannot be read as an .npy array of numbers: {reason}") from error


def _check_header(file: BinaryIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a header in the style of Python 2, which is read all the same
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError(f"it is of format version {version[0]}.{version[1]}, which numpy does not know")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.kind not in "fiub":
        raise ValueError(f"it holds {'pickled objects' if dtype.hasobject else dtype}, not numbers")
    wanted, held = math.prod(shape) * dtype.itemsize, os.fstat(file.fileno()).st_size - file.tell()
    if wanted > MAX_BYTES:
        raise ValueError(f"its header says {shape}, {dtype}, which is more than {MAX_BYTES >> 20} MiB")
    if wanted != held:
        raise ValueError(f"its header says {shape}, {dtype}, which is {wanted} bytes. Found {held}")
