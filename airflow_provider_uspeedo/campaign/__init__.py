# SPDX-License-Identifier: Apache-2.0
"""Claim, send, settle: sends to each recipient of a table at most once. Start with :mod:`.campaign`."""
