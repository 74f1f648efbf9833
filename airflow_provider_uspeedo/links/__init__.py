# SPDX-License-Identifier: Apache-2.0
"""Links that Airflow shows beside a task instance."""
