# SPDX-License-Identifier: Apache-2.0
"""The column of numbers is found in what consoles export and spreadsheets save, and never guessed."""

from __future__ import annotations

import pytest

from airflow_provider_uspeedo.cli.sent_file import read_numbers
from airflow_provider_uspeedo.errors import ConfigurationError

NUMBERS = ["+85255311111", "(852)55312222"]


@pytest.mark.parametrize(
    ("lines", "encoding"),
    [
        (["{0}", "{1}"], "utf-8"),
        (["Phone", "{0}", "{1}"], "utf-8-sig"),
        (["id,Phone Number,cost", "1,{0},0.05", "2,{1},0.05"], "utf-8"),
        (["发送时间,手机号码,状态", "2026-11-22 03:00:00,{0},成功", "2026-11-22 03:00:00,{1},成功"], "gb18030"),
        (["time\tto\tstatus", "3:00\t{0}\tok", "3:00\t{1}\tok"], "utf-16"),
        (['"receiver";"text"', '"{0}";"Hello; ""you"""', '"{1}";"Hello"'], "utf-8"),
        (["2026-11-22 03:00:00,{0},ok", "2026-11-22 03:00:01,{1},ok"], "utf-8"),
        (["task number,phone", "1234567,{0}", "1234567,{1}"], "utf-8"),
    ],
    ids=["lines", "one column", "comma", "Chinese spreadsheet", "UTF-16 tabs", "quoted", "no heading", "plainer name"],
)
def test_the_numbers_are_found(tmp_path, lines, encoding):
    """Whatever the encoding, the delimiter and the language of the heading."""
    file = tmp_path / "export.csv"
    file.write_text("\n".join(lines).format(*NUMBERS), encoding=encoding)
    assert read_numbers(file) == NUMBERS


@pytest.mark.parametrize("column", ["second", "Second", "2"])
def test_the_column_may_be_named(tmp_path, column):
    """By its name or its number."""
    file = tmp_path / "export.csv"
    file.write_text("first,second\n1111111111,{}\n2222222222,{}\n".format(*NUMBERS))
    assert read_numbers(file, column) == NUMBERS


@pytest.mark.parametrize("column", ["third", "0", "3"])
def test_a_column_that_is_not_there_is_refused(tmp_path, column):
    """The message lists those that are."""
    file = tmp_path / "export.csv"
    file.write_text("first,second\n1,2\n")
    with pytest.raises(ConfigurationError, match=f"no column '{column}': its columns are first, second"):
        read_numbers(file, column)
