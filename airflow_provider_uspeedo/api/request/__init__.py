# SPDX-License-Identifier: Apache-2.0
"""From groups of targets to an HTTP request; pure."""
