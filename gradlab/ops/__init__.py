"""Operations: declarations only, one block each. Importing this package makes them exist."""

from __future__ import annotations

from gradlab.ops import (
    activation,
    along,
    arrange,
    compare,
    complexes,
    convert,
    creation,
    decompose,
    diagonals,
    index,
    join,
    linalg,
    loss,
    lu,
    masks,
    order,
    parts,
    pointwise,
    random,
    reduce,
    scatter,
    scatter_reduce,
    shape,
    solve,
    storage,
    view_forms,
    special,
)
