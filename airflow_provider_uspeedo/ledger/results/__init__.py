# SPDX-License-Identifier: Apache-2.0
"""What the ledger says: the status of every row, the results relation, and the queries behind a report."""
