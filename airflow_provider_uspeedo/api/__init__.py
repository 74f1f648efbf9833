# SPDX-License-Identifier: Apache-2.0
"""The vendor's HTTP API: what is said, what is heard, and what a failure means."""
