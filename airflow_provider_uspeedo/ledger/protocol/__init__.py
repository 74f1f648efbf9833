# SPDX-License-Identifier: Apache-2.0
"""The guarantee: claim, mark sending, settle, resolve. Each method is one transaction or part of one."""
