# SPDX-License-Identifier: Apache-2.0
"""The runbook that came with the package: for the command and for web pages: also where only the wheel is installed.

There is one text in each language, ``docs/runbook.md`` and ``docs/zh/runbook.md``. A wheel carries copies inside the
package; a checkout has the files themselves.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib.resources import files

from airflow_provider_uspeedo.core.runbook_sections import RunbookSection, RunbookText, read_runbook
from airflow_provider_uspeedo.errors import ConfigurationError

PACKAGE = "airflow_provider_uspeedo"
FILES = {"en": ("runbook.md",), "zh": ("zh", "runbook.md")}
"""Below the package in a wheel, below ``docs`` in a checkout."""


@cache
def runbook(language: str = "en") -> RunbookText:
    """The whole runbook; it is read once.

    :param language: ``en`` or ``zh``.
    :raises ConfigurationError: this installation has none.
    """
    package, file = files(PACKAGE), FILES[language]
    for place in (package.joinpath(*file), package.joinpath("..", "docs", *file)):
        if place.is_file():
            return read_runbook(place.read_text(encoding="utf-8"))
    raise ConfigurationError(
        f"The file {'/'.join(file)} is missing in the package {PACKAGE}: install the package again."
    )


def runbook_section(name: str, language: str = "en") -> RunbookSection:
    """One section: its title, its Markdown, and what it is about in a sentence.

    :param name: as messages name it, such as ``not-sent``; the words of the English title do, too.
    :param language: ``en`` or ``zh``.
    :raises ConfigurationError: there is no such section; it names those that are like it.
    """
    sections = runbook(language).sections
    wanted = "-".join(name.strip().lstrip("#").lower().replace("_", " ").split())
    if wanted in sections:
        return sections[wanted]
    like = difflib.get_close_matches(wanted, sections, n=3, cutoff=0.5)
    like += [one for one in sections if one not in like and wanted and wanted in one][:3]
    meant = f" Did you mean {' or '.join(like)}?" if like else ""
    raise ConfigurationError(f"The runbook has no section {wanted!r}.{meant} Without a name, all are listed.")
