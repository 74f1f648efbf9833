# SPDX-License-Identifier: Apache-2.0
"""The runbook's Markdown as HTML. The text is the package's own; HTML in it would be shown as text all the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

TABLE = '<div class="wide" role="group" tabindex="0"><table>\n', "</table></div>\n"
"""A table that is too wide scrolls, also by the keyboard."""
_BELOW_THE_TITLE = {"h3": "h2"}
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_MARKDOWN.add_render_rule("table_open", lambda *_: TABLE[0])
_MARKDOWN.add_render_rule("table_close", lambda *_: TABLE[1])


def html_of(markdown: str, anchors: Mapping[str, str]) -> Markup:
    """A section as HTML.

    :param anchors: what links within the runbook call a section, to the name that is its address here. Links to other
        documents, which are not here, lose their address.
    """
    tokens = _MARKDOWN.parse(markdown)
    _make_links_lead_here(tokens, anchors)
    environment: dict[str, Any] = {}
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, environment))  # noqa: S704 - it escapes texts


def _make_links_lead_here(tokens: Iterable[Token], anchors: Mapping[str, str]) -> None:
    is_here = True
    for token in tokens:
        if token.type == "link_open":
            address = unquote(str(token.attrs["href"]))
            address = address if address.startswith("https://") else anchors.get(address.removeprefix("#"), "")
            is_here = bool(address)
            token.attrs = {"href": address} if is_here else {}
        if token.type in ("link_open", "link_close") and not is_here:
            token.tag = "cite"
        token.tag = _BELOW_THE_TITLE.get(token.tag, token.tag)
        _make_links_lead_here(token.children or (), anchors)
