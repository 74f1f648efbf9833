# SPDX-License-Identifier: Apache-2.0
"""Operations on a ledger: show, resolve, stop, suppress, migrate, prune, forget. Nothing here sends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin import grants, stop
from airflow_provider_uspeedo.ledger.admin.decision_admin import DecisionAdmin
from airflow_provider_uspeedo.ledger.admin.prune import Pruner
from airflow_provider_uspeedo.ledger.admin.reports import (
    CampaignLine,
    CampaignOverview,
    Forgotten,
    Pruning,
    Stopping,
)
from airflow_provider_uspeedo.ledger.admin.suppression_admin import SuppressionAdmin
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.version import Migration

TABLE = "uspeedo_results"


class LedgerAdmin(DecisionAdmin, SuppressionAdmin):
    """A ledger, open for what a person does; the command ``airflow-uspeedo`` calls these methods.

    Use it in a ``with`` block, or call :meth:`close`. Every method but :meth:`list_campaigns`, :meth:`migrate`,
    :meth:`suppress_add`, :meth:`suppress_import` and :meth:`suppress_list` raises
    :class:`~airflow_provider_uspeedo.errors.ConfigurationError` where there is no ledger or no such campaign.
    All raise :class:`~airflow_provider_uspeedo.errors.LedgerError` for a ledger of another version (but
    :meth:`migrate`), and :class:`~airflow_provider_uspeedo.errors.LedgerUnavailable` if its database does not answer.

    :param ledger: an open one; it is closed with this.
    """

    def __init__(self, ledger: LedgerQueries) -> None:
        super().__init__(ledger)
        self._stops = stop.StopMarks(ledger)

    # -- showing ------------------------------------------------------------------------------------------------

    def list_campaigns(self, limit: int = 50) -> list[CampaignLine]:
        """The newest campaigns, the newest first; none where there is no ledger yet."""
        if limit < 1:
            raise ConfigurationError("limit must be at least 1.")
        if not self.ledger.exists():
            return []
        return self._snapshots.read(lambda connection: self._overviews.campaigns(connection, limit))

    def show(self, campaign_id: str) -> CampaignOverview:
        """All that the ledger counts of one campaign, in one snapshot."""
        self._must_exist()
        return self._snapshots.read(
            lambda connection: self._overviews.show(connection, self._find(connection, campaign_id).campaign_no)
        )

    # -- stopping -----------------------------------------------------------------------------------------------

    def stop(self, campaign_id: str, *, by: str) -> Stopping:
        """Lets no further request of a campaign begin, in any process; stopping it again changes nothing."""
        campaign, name = self._unpruned(campaign_id, "stop"), stop.checked_name(by)
        changed = self._stops.stop(campaign.campaign_no, name)
        return self._stopping(campaign_id, changed)

    def resume(self, campaign_id: str) -> Stopping:
        """Lets a stopped campaign go on with its next attempt; clear its task for that."""
        campaign = self._unpruned(campaign_id, "resume")
        changed = self._stops.resume(campaign.campaign_no)
        return self._stopping(campaign_id, changed)

    def _stopping(self, campaign_id: str, changed: bool) -> Stopping:
        def read(connection: Connection) -> Stopping:
            number = self._find(connection, campaign_id).campaign_no
            return self._stops.report(connection, campaign_id, number, changed)

        return self._snapshots.read(read)

    # -- the tables ---------------------------------------------------------------------------------------------

    @staticmethod
    def ddl(dialect: Literal["sqlite", "postgresql", "mysql"], *, results_table: str = TABLE) -> str:
        """The statements that create a ledger, for databases where workers may not. ``mysql`` is MariaDB, too."""
        return creation.script(dialect, results_table)

    @staticmethod
    def grants(
        dialect: Literal["postgresql", "mysql"],
        role: Literal["worker", "reader", "administrator"],
        user: str,
        *,
        results_table: str = TABLE,
    ) -> str:
        """The statements that give ``user`` the least rights on a ledger that is there.

        :param role: a *worker* runs campaigns; a *reader* sees the results relation, and nothing behind it; an
            *administrator* does all that this class does, except creating and migrating: that is the tables' owner.
        :param user: a role of PostgreSQL; an account of MySQL or MariaDB, ``name`` or ``name@host``.
        """
        return grants.script(dialect, role, user, results_table)

    def migrate(self) -> Migration:
        """Brings a ledger that an older version of this package made to the version of this one.

        Needs the rights of the tables' owner. May be repeated, also after it was killed in the middle. Better wait for
        attempts of the older version: one that still runs settles what it has sent, and fails at its next claim; its
        retry goes on. The results relation is made anew, or created if it is not there; if the ledger has others, run
        this once for each ``results_table``.
        """
        file = self._database.file
        if file is not None and not file.exists():
            raise ConfigurationError(f"There is no ledger here yet ({self.absence()}): the first campaign creates one.")
        return creation.migrate(self._database, self.ledger.tables, self.ledger.rows, self.ledger.results_name)

    # -- deleting -----------------------------------------------------------------------------------------------

    def prune(
        self,
        *,
        older_than: timedelta,
        campaign_ids: Iterable[str] | None = None,
        with_unknown: bool = False,
        dry_run: bool = False,
    ) -> list[Pruning]:
        """Deletes the recipients of old campaigns and the rows they read; a tombstone with the counts stays.

        A pruned campaign can never be run again: without its recipients it would send to all of them once more.
        Repeated after a crash it deletes what was left over.

        :param older_than: campaigns of which no attempt began or ended for so long.
        :param campaign_ids: only these; all otherwise.
        :param with_unknown: also campaigns with unknown outcomes or requests in flight: they can never be resolved
            afterwards. Such campaigns are left alone otherwise.
        :param dry_run: report what would be pruned, and delete nothing.
        :returns: one entry per old campaign, pruned or not; and one per campaign named in ``campaign_ids``.
        """
        if older_than < timedelta(0):
            raise ConfigurationError("older_than must not be negative.")
        self._must_exist()
        pruner = Pruner(self.ledger, with_unknown=with_unknown)
        names = None if campaign_ids is None else {name: self._found(name) for name in campaign_ids}
        return pruner.prune(older_than, names, dry_run=dry_run)

    def forget(self, phone: str, *, default_region: str | None = None) -> Forgotten:
        """Blanks a phone and the user ids beside it in every campaign of a ledger; may be repeated.

        What stays is the recipient's key, so that the same campaign does not send to the phone again. Where the phone
        makes the key, the key is a hash of it: a reader of the key who guesses the phone can tell that they belong
        together. :meth:`prune` deletes keys, too. A later run over a table that still holds the phone writes it again:
        remove it there first. Backups of the database, and its own logs, are its owner's to clean.

        :param phone: in any spelling.
        :param default_region: reads a phone without a country code, and finds it written so, such as ``"HK"``.
        :raises ConfigurationError: the text is no phone.
        """
        from airflow_provider_uspeedo.ledger.admin.forget import Forgetting, Phone  # heavy: every country's numbers

        self._must_exist()
        return Forgetting(self.ledger).forget(Phone(phone, default_region))
