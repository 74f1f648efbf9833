# SPDX-License-Identifier: Apache-2.0
"""Claim, send, settle: a table of people is texted, each of them at most once. Start with :mod:`.campaign`."""
