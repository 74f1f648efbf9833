# SPDX-License-Identifier: Apache-2.0
"""Makes the package's description of the README when it is built: a package index shows it without the files beside it.

A link to such a file becomes its text with the path in the source archive. Addresses stay links.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<path>[^)\s:#]+)(?:#[\w-]*)?\)")


def without_relative_links(text: str) -> str:
    """The text with the paths of files where it had links to them."""
    return _LINK.sub(lambda link: _named(link["text"], link["path"]), text)


def _named(text: str, path: str) -> str:
    return text if text == path else f"{text} (`{path}`)"


class ReadmeForIndex(MetadataHookInterface):
    """What ``[tool.hatch.metadata.hooks.custom]`` of pyproject.toml names."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Give the package its description."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": without_relative_links(text)}
