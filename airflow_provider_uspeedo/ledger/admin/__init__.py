# SPDX-License-Identifier: Apache-2.0
"""What a person does with a ledger. Nothing here sends."""
