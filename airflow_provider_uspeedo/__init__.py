# SPDX-License-Identifier: Apache-2.0
"""Apache Airflow provider for USpeedo: texts a table of people, each of them at most once."""

__version__ = "0.1.0"
