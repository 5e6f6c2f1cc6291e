"""Operations: declarations only, one block each. Importing this package makes them exist."""

from __future__ import annotations

from gradlab.ops import (
    activation,
    arrange,
    compare,
    convert,
    creation,
    diagonals,
    index,
    join,
    linalg,
    loss,
    order,
    pointwise,
    random,
    reduce,
    scatter,
    shape,
)
