# SPDX-License-Identifier: Apache-2.0
"""Pure rules: no clock, network, file, environment, logger or Airflow."""
