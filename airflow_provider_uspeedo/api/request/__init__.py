# SPDX-License-Identifier: Apache-2.0
"""Builds HTTP requests: checks what is to be sent, writes it and signs it; pure."""
