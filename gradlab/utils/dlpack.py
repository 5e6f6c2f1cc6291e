"""Memory shared with other libraries by DLPack, under the names that PyTorch has for it here."""

from __future__ import annotations

from gradlab.ops.exchange import DLDeviceType, from_dlpack, to_dlpack

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]
