# SPDX-License-Identifier: Apache-2.0
"""Makes the SVG of each diagram from its source beside it: ``make diagrams``. Needs Graphviz; building pages does not.

The SVG takes the colour of the text around it, so that it can be read on a light and a dark page, and is scaled down to
the width of the page. The first lines of a source are its title and its text alternative.
"""

from __future__ import annotations

import re
import subprocess
from hashlib import sha256
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent
FILL = "#f0f0f0"
"""Graphviz's ``gray94``, and what it writes for the nodes that get a shade of the text's colour."""
PIXELS_PER_POINT = 1.1
"""On a wide page, so that the text is about as large as that around it."""


def source_digest(source: str) -> str:
    """What an SVG says of the source that it was made from."""
    return sha256(source.encode()).hexdigest()


def described(source: str) -> tuple[str, str]:
    """The title and the text alternative of a source."""
    title, text = re.match(r"// title: (.+)\n// text: (.+)\n", source).groups()  # type: ignore[union-attr]
    return title, text


def to_page(svg: str, name: str, source: str) -> str:
    """The SVG of Graphviz as a part of a page.

    :param name: of the source, without its suffix.
    """
    title, text = described(source)
    width, height = re.search(r'viewBox="0(?:\.00)? 0(?:\.00)? ([\d.]+) ([\d.]+)"', svg).groups()  # type: ignore[union-attr]
    drawing = svg[svg.index("<g ") : svg.rindex("</svg>")]
    drawing = re.sub(r"<!--.*?-->\n|<title>.*?</title>\n", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r' (?:id|class)="[^"]*"', "", drawing)  # ids would be those of the other diagrams, too
    drawing = re.sub(r'<polygon fill="transparent"[^>]*/>\n', "", drawing)
    drawing = drawing.replace(f'fill="{FILL}"', 'fill="currentColor" fill-opacity="0.08"')
    drawing = drawing.replace('fill="white"', 'fill="none"').replace('="black"', '="currentColor"')
    drawing = drawing.replace("<text ", '<text fill="currentColor" ').replace(
        'font-family="Helvetica,sans-Serif"', 'font-family="Helvetica,Arial,sans-serif"'
    )
    return (
        f"<!-- Made by `make diagrams` from {name}.dot, sha256 {source_digest(source)} -->\n"
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{name}-title {name}-text"\n'
        f'  viewBox="0 0 {width} {height}" style="display: block; width: 100%; max-width: '
        f'{float(width) * PIXELS_PER_POINT:.0f}px; height: auto; margin: 1em auto">\n'
        f'<title id="{name}-title">{escape(title)}</title>\n'
        f'<desc id="{name}-text">{escape(text)}</desc>\n{drawing}</svg>\n'
    )


def main() -> None:
    """Make all of them."""
    for path in sorted(FOLDER.glob("*.dot")):
        source = path.read_text(encoding="utf-8")
        made = subprocess.run(["dot", "-Tsvg"], input=source, capture_output=True, check=True, text=True)  # noqa: S607
        path.with_suffix(".svg").write_text(to_page(made.stdout, path.stem, source), encoding="utf-8")


if __name__ == "__main__":
    main()
