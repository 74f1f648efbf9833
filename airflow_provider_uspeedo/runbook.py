# SPDX-License-Identifier: Apache-2.0
"""The runbook that came with the package: for the command and for web pages: also where only the wheel is installed.

There is one text, ``docs/runbook.md``. A wheel carries a copy of it inside the package; a checkout has the file itself.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib.resources import files

from airflow_provider_uspeedo.core.runbook_sections import RunbookSection, RunbookText, read_runbook
from airflow_provider_uspeedo.errors import ConfigurationError

PACKAGE = "airflow_provider_uspeedo"
FILE = "runbook.md"


@cache
def runbook() -> RunbookText:
    """The whole runbook; it is read once.

    :raises ConfigurationError: this installation has none.
    """
    package = files(PACKAGE)
    for place in (package.joinpath(FILE), package.joinpath("..", "docs", FILE)):
        if place.is_file():
            return read_runbook(place.read_text(encoding="utf-8"))
    raise ConfigurationError(f"The file {FILE} is missing in the package {PACKAGE}: install the package again.")


def runbook_section(name: str) -> RunbookSection:
    """One section: its title, its Markdown, and what it is about in a sentence.

    :param name: as messages name it, such as ``not-sent``; the words of the title do, too.
    :raises ConfigurationError: there is no such section; it names those that are like it.
    """
    sections = runbook().sections
    wanted = "-".join(name.strip().lstrip("#").lower().replace("_", " ").split())
    if wanted in sections:
        return sections[wanted]
    like = difflib.get_close_matches(wanted, sections, n=3, cutoff=0.5)
    like += [one for one in sections if one not in like and wanted and wanted in one][:3]
    meant = f" Did you mean {' or '.join(like)}?" if like else ""
    raise ConfigurationError(f"The runbook has no section {wanted!r}.{meant} Without a name, all are listed.")
