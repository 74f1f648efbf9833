# SPDX-License-Identifier: Apache-2.0
"""The record of who was texted: a SQL database that decides every race."""
