"""What the functions that answer in words and a picture have in common: how they are shown."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from gradlab_widgets.picture import escaped

__all__ = ["figure_html", "paragraph", "table_html"]


def figure_html(svg: str, described: str) -> str:
    """A drawing as an image with alternative text, which untrusted notebooks show as well."""
    encoded = base64.b64encode(svg.encode()).decode()
    return (
        f'<img src="data:image/svg+xml;base64,{encoded}" alt="{escaped(described)}" '
        'style="max-width: 100%">'
    )


def paragraph(text: str, *, strong: bool = False) -> str:
    """A paragraph of plain text.

    >>> paragraph("a < b")
    '<p>a &lt; b</p>'
    """
    inside = escaped(text)
    return f"<p><strong>{inside}</strong></p>" if strong else f"<p>{inside}</p>"


def table_html(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """A table of plain text; the first cell of each row is its heading.

    >>> table_html(["node"], [["sin"]]).count("<th")
    3
    """
    head = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{escaped(row[0])}</th>'
        + "".join(f"<td>{escaped(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    title = f"<caption>{escaped(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
