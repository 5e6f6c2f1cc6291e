"""Operations: declarations only, one block each. Importing this package makes them exist."""

from __future__ import annotations

from gradlab.ops import (
    activation,
    compare,
    convert,
    creation,
    index,
    linalg,
    loss,
    pointwise,
    reduce,
    shape,
)
