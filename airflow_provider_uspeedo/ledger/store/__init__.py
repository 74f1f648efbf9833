# SPDX-License-Identifier: Apache-2.0
"""What the ledger is made of: its tables, the database, and what databases do differently."""
