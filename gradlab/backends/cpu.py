"""``gradlab.backends.cpu``: what the processor can do."""

from __future__ import annotations

from gradlab.backends import built


def get_cpu_capability() -> str:
    """The widest extension of the processor that NumPy uses, in PyTorch's words.

    >>> get_cpu_capability() in ("AVX512", "AVX2", "NEON", "DEFAULT")
    True
    """
    found = built.processor_extensions()
    for word, marks in {
        "AVX512": ("AVX512", "X86_V4"),
        "AVX2": ("AVX2", "X86_V3"),
        "NEON": ("NEON", "ASIMD"),
    }.items():
        if any(extension.startswith(marks) for extension in found):
            return word
    return "DEFAULT"
