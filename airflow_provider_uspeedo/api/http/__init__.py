# SPDX-License-Identifier: Apache-2.0
"""Sends one HTTP request, and knows whether it may have arrived if no response came."""
