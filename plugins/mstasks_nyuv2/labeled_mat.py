"""The frames of `nyu_depth_v2_labeled.mat`: a MATLAB 7.3 file, which is HDF5, with every array transposed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mstasks import open_file, quoted

if TYPE_CHECKING:
    import h5py

_MAX_FRAME = 256 << 20
_ARRAYS = {
    "images": (4, "u", "uint8 (N, 3, W, H)"),
    "depths": (3, "f", "float32 (N, W, H)"),
    "labels": (3, "u", "uint16 (N, W, H)"),
}


@dataclass(frozen=True, slots=True)
class LabeledMat:
    """The arrays of the file, frame by frame.

    The file is opened for each frame, which takes a twentieth of the time that reading the frame takes: so nothing is
    shared with forked workers, nothing needs pickling, and a file on a network may come and go.

    Attributes:
        path: The file.
        count: How many frames it has.
    """

    path: Path
    count: int

    @classmethod
    def of(cls, path: Path) -> LabeledMat:
        """Look at shapes and types of the three arrays.

        Raises:
            ValueError: If the file is no HDF5 file, or its arrays are not as in the official file. If h5py is not
                installed.
        """
        with _Opened(path) as file:
            shapes = {name: _checked(file, name) for name in _ARRAYS}
        count, channels, width, height = shapes["images"]
        if channels != 3 or any(shapes[name] != (count, width, height) for name in ("depths", "labels")):
            found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise ValueError(
                f"{quoted(path)} must hold images (N, 3, W, H), depths and labels (N, W, H), as HDF5 lists them. "
                f"Found {found}."
            )
        return cls(path, count)

    def image(self, index: int) -> NDArray[np.uint8]:
        """RGB, uint8 (H, W, 3), of the frame at an index from 0."""
        return np.ascontiguousarray(self._read("images", index).transpose(2, 1, 0))

    def plane(self, name: str, index: int) -> NDArray[Any]:
        """`depths` in metres or `labels`, (H, W), of the frame at an index from 0."""
        return np.ascontiguousarray(self._read(name, index).T)

    def _read(self, name: str, index: int) -> NDArray[Any]:
        with _Opened(self.path, f"frame {index + 1} of '{name}' in ") as file:
            array: NDArray[Any] = file[name][index]
            return array


class _Opened:
    """An opened HDF5 file; what fails inside is an error that names the file."""

    def __init__(self, path: Path, what: str = "") -> None:
        self._path, self._what = path, what

    def __enter__(self) -> h5py.File:
        try:
            import h5py
        except ImportError as error:
            raise ValueError(
                f"{quoted(self._path)} is read with h5py, which is not installed. Run: pip install 'mstasks[nyuv2]'"
            ) from error
        open_file(self._path).close()
        try:
            self._file = h5py.File(self._path, "r")
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f"{quoted(self._path)} cannot be read as the official MATLAB 7.3 file, which is HDF5: {error}."
            ) from error
        return self._file

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._file.close()
        if isinstance(error, OSError | RuntimeError | KeyError | TypeError | MemoryError):
            raise ValueError(f"{self._what}{quoted(self._path)} cannot be read: {error}.") from error


def _checked(file: h5py.File, name: str) -> tuple[int, ...]:
    """The shape of a numeric array that lies in this very file and whose chunks are of bearable size."""
    import h5py

    dimensions, kind, wanted = _ARRAYS[name]
    place = quoted(Path(file.filename))
    if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file[name], h5py.Dataset):
        raise ValueError(f"{place} must hold the array '{name}', {wanted}. It holds: {', '.join(sorted(file)[:20])}.")
    array = file[name]
    if array.ndim != dimensions or array.dtype.kind != kind:
        raise ValueError(f"'{name}' in {place} must be {wanted}. Found {array.dtype} {array.shape}.")
    if array.is_virtual or array.external:
        raise ValueError(f"'{name}' in {place} lies in other files, which are not opened.")
    unit = max((array.shape[1:], array.chunks or ()), key=lambda shape: np.prod(shape, dtype=float))
    if np.prod(unit, dtype=float) * array.dtype.itemsize > _MAX_FRAME:
        raise ValueError(f"'{name}' in {place} is stored in parts of {unit}, more than {_MAX_FRAME >> 20} MiB each.")
    return tuple(array.shape)
