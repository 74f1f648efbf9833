# SPDX-License-Identifier: Apache-2.0
"""Which language a page is in: that of Airflow's own pages, as a script noted it, else what the browser asks for."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.plugin.texts_chinese import CHINESE
from airflow_provider_uspeedo.plugin.texts_english import ENGLISH

COOKIE = "uspeedo_language"
LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "zh": CHINESE}
TAGS = {"en": "en", "zh": "zh-Hans"}


class Texts:
    """The texts of one language.

    :param language: a key of :data:`LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.tag = TAGS[language]
        self._texts = LANGUAGES[language]

    def __call__(self, key: str, *values: object) -> str:
        """A text, with values in it; numbers get thousands separators."""
        shown = (_Number(value) if isinstance(value, int) else str(value) for value in values)
        return self._texts[key].format(*shown)


class _Number(int):
    """A number in a text: ``{0:row}`` is the number with its noun, ``{0:is/are}`` one of the two words alone."""

    def __format__(self, words: str) -> str:
        one, slash, many = words.partition("/")
        if slash:
            return one if self == 1 else many
        return counted(int(self), one) if one else f"{int(self):,}"


def language_of(cookie: str | None, accept_language: str | None) -> str:
    """The language of a page.

    >>> language_of(None, "fr, zh-CN;q=0.8, en;q=0.7")
    'zh'
    """
    if cookie in LANGUAGES:
        return str(cookie)
    asked = []
    for place, part in enumerate((accept_language or "").split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            asked.append((-float(weight or 1), place, tag.partition("-")[0].lower()))
        except ValueError:
            continue
    return next((tag for _, _, tag in sorted(asked) if tag in LANGUAGES), "en")
