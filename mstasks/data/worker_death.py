"""When a loader process dies: telling that error from others, and ending after it. Imports no torch."""

from __future__ import annotations

from traceback import clear_frames


def is_worker_death(error: BaseException) -> bool:
    """Whether torch's loader says by this error that one of its processes is gone.

    A process that dies cannot say so. Torch notices, and interrupts whatever this process is doing.
    """
    return isinstance(error, RuntimeError) and "DataLoader worker" in str(error)


def release(error: BaseException) -> None:
    """Let go of what lives in the frames of an error that has been dealt with.

    Torch's iterator does, and with it the loader processes that are left: they ignore SIGTERM, and Python would wait
    for them for ever when it ends.
    """
    chained: BaseException | None = error
    while chained is not None:
        clear_frames(chained.__traceback__)
        chained = chained.__cause__ or chained.__context__
