# SPDX-License-Identifier: Apache-2.0
"""Calls the vendor's HTTP API: builds each request, sends it once, and reads what its response proves."""
