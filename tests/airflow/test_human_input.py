# SPDX-License-Identifier: Apache-2.0
"""Where Airflow cannot ask a person, importing the operator says so, and what to use instead."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from tests.airflow.resolving import CAN_ASK

MODULE = "airflow_provider_uspeedo.operators.resolve"


@pytest.mark.skipif(CAN_ASK, reason="this Airflow can ask a person")
def test_an_older_airflow_says_what_to_use_instead() -> None:
    """As an ImportError, which a DAG file can catch, and as Airflow's own error for a missing feature."""
    from importlib import import_module

    from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

    with pytest.raises(ImportError, match=r"needs Airflow 3\.1 or newer; this is .*`airflow-uspeedo resolve`") as error:
        import_module(MODULE)
    assert isinstance(error.value, AirflowOptionalProviderFeatureException)


@pytest.mark.skipif(not CAN_ASK, reason="the module cannot be imported")
@pytest.mark.parametrize(
    ("airflow", "standard", "why"),
    [
        ("2.11.2", "1.21.0", r"needs Airflow 3\.1 or newer; this is 2\.11\.2"),
        ("3.0.6", "1.21.0", r"needs Airflow 3\.1 or newer; this is 3\.0\.6"),
        ("3.1.8", "1.12.0", r"needs apache-airflow-providers-standard 1\.12\.1 or newer; it is 1\.12\.0"),
        ("3.3.2", None, r"needs apache-airflow-providers-standard 1\.12\.1 or newer; it is not installed"),
        ("3.1.0rc1", "1.12.1", ""),
        ("3.10.0", "2.0.0", ""),
    ],
)
def test_versions_are_compared_as_versions(
    monkeypatch: pytest.MonkeyPatch, airflow: str, standard: str | None, why: str
) -> None:
    """3.10 is newer than 3.1, and a provider that is too old is named."""
    from airflow_provider_uspeedo.operators import human_input

    def version(name: str) -> str:
        found = airflow if name == "apache-airflow" else standard
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(human_input, "version", version)
    if not why:
        human_input.refuse_without_human_input()
        return
    with pytest.raises(human_input.HumanInputUnavailable, match=why) as error:
        human_input.refuse_without_human_input()
    assert "airflow-uspeedo resolve" in str(error.value)
