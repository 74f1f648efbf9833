# SPDX-License-Identifier: Apache-2.0
"""Operations on a ledger. Nothing here sends."""
