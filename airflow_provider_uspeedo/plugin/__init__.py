# SPDX-License-Identifier: Apache-2.0
"""The page "SMS campaigns" in Airflow's web interface, from Airflow 3.1 on."""
