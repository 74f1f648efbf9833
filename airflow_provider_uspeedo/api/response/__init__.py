# SPDX-License-Identifier: Apache-2.0
"""Reads HTTP responses: the outcome of each target, receipts, templates, or the error that the response means; pure."""
