"""Operations: declarations only, one block each. Importing this package makes them exist."""

from __future__ import annotations

from gradlab.ops import compare, convert, creation, pointwise, reduce, shape
