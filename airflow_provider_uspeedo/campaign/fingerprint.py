# SPDX-License-Identifier: Apache-2.0
"""The fingerprint by which a later attempt recognises an unchanged table: every cell, and all settings that matter.

Two attempts with the same fingerprint record the same rows. Everything that may change a row is part of it, including
the versions of the libraries that read; a difference without an effect only costs the time of a full reading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

from airflow_provider_uspeedo import __version__
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.tables.digest import TableDigest


def fingerprint(
    config: CampaignConfig,
    spec: KeySpec,
    variables: Mapping[str, int],
    table: TableDigest,
    exclusions: tuple[Any, ...] = (),
    *,
    by_content: bool = False,
) -> bytes | None:
    """16 bytes, or ``None`` if the table has no digest.

    :param variables: the number of variables of each template, where it is known.
    :param by_content: the content of a recipient's rows decides which of them is sent, not their order.
    :param exclusions: what stands for the rules that suppress rows; see :class:`.row_exclusions.RowExclusions`.
    """
    digest = table.digest()
    if digest is None:
        return None
    how = {
        "versions": (__version__, version("phonenumbers"), version("pyarrow")),
        "columns": asdict(config.columns),
        "template_id": config.template_id,
        "sender_id": config.sender_id,
        "default_region": config.default_region,
        "bare_digits": config.bare_digits,
        "keys": spec.to_json(),
        "variables": sorted(variables.items()),
        "slice": str(config.slice_),
        **({"by_content": True} if by_content else {}),
        "exclusions": exclusions,
    }
    return blake2b(json.dumps(how).encode() + digest, digest_size=16, person=b"uspeedo.reading").digest()
