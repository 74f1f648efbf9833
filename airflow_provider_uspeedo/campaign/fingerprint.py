# SPDX-License-Identifier: Apache-2.0
"""What a table is recognised by when a try meets it again: every cell that is read, and all that decides how.

Two tries with one fingerprint would record the same lines. Whatever may change a line is part of it, down to the
versions of the libraries that read; a difference that would not have mattered only costs the time of a full reading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from importlib.metadata import version

from airflow_provider_uspeedo import __version__
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.tables.digest import TableDigest


def fingerprint(order: CampaignConfig, spec: KeySpec, variables: Mapping[str, int], table: TableDigest) -> bytes | None:
    """16 bytes, or ``None`` if the table has no digest.

    :param variables: how many variables the templates have, as far as that is known.
    """
    digest = table.digest()
    if digest is None:
        return None
    how = {
        "versions": (__version__, version("phonenumbers"), version("pyarrow")),
        "columns": asdict(order.columns),
        "template_id": order.template_id,
        "sender_id": order.sender_id,
        "default_region": order.default_region,
        "keys": spec.to_json(),
        "variables": sorted(variables.items()),
        "slice": str(order.slice_),
    }
    return blake2b(json.dumps(how).encode() + digest, digest_size=16, person=b"uspeedo.reading").digest()
