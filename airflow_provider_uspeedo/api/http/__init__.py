# SPDX-License-Identifier: Apache-2.0
"""One HTTP exchange, and what is certain about it afterwards."""
