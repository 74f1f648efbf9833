# SPDX-License-Identifier: Apache-2.0
"""Collects delivery receipts: asks for those that are not final, matches them with recipients, records them."""
