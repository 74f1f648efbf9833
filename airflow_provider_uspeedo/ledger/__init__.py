# SPDX-License-Identifier: Apache-2.0
"""The record of which recipients were sent to: a SQL database that decides every race."""
