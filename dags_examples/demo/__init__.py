# SPDX-License-Identifier: Apache-2.0
"""``make demo``: 5,000 made-up people are texted through Airflow, by way of a sandbox on this machine."""
