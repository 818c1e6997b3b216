"""Where and how precisely to compute."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import Tensor

from mstasks.errors import UsageError

Precision = Literal["float32", "bfloat16"]


def choose_device(name: str) -> torch.device:
    """The device that a recipe asks for; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        UsageError: If it is not there.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    device = torch.device(name)
    if not available[device.type] or (device.index or 0) >= max(torch.cuda.device_count(), 1):
        here = ", ".join(kind for kind, there in available.items() if there)
        raise UsageError(f"device: {name!r} is not available on this machine. Available: {here}. Try device=auto.")
    return device


def make_repeatable(device: torch.device) -> None:
    """Ask CUDA for kernels that give the same bits in every run, where torch has them; it warns where it has not."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Autocast to bfloat16 if asked for, else nothing."""
    context: AbstractContextManager[None] = torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"
    )
    return context


def as_input(images: Tensor, device: torch.device) -> Tensor:
    """uint8 images (B, 3, H, W) as the network takes them: float32 in [0, 1], channels last, on the device."""
    # Elsewhere than from page-locked memory, it may be too early to use the memory again when this returns.
    images = images.to(device, non_blocking=device.type == "cuda", memory_format=torch.channels_last)
    return images.to(torch.float32).div_(255)
