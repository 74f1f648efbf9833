# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: none of them judges how fast the machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# In a fresh clone the first draw of a text builds Hypothesis's tables of Unicode: seconds, on a busy machine.
settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
