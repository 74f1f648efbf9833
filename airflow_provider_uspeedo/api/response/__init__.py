# SPDX-License-Identifier: Apache-2.0
"""From an HTTP answer to what became of each target; pure."""
