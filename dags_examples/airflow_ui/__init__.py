# SPDX-License-Identifier: Apache-2.0
"""``make airflow-ui``: Airflow to click through, with this package from its wheel, a sandbox and the examples."""
