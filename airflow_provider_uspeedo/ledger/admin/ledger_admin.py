# SPDX-License-Identifier: Apache-2.0
"""Operations on a ledger: show, resolve, stop, suppress, export, migrate, prune, forget. Nothing here sends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from types import TracebackType
from typing import Any, Literal, Self

from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin import grants, stop
from airflow_provider_uspeedo.ledger.admin.export_admin import ExportAdmin, OpenExportFile
from airflow_provider_uspeedo.ledger.admin.overview import Overviews, snapshots_of
from airflow_provider_uspeedo.ledger.admin.prune import Pruner
from airflow_provider_uspeedo.ledger.admin.reports import (
    CampaignLine,
    CampaignOverview,
    Forgotten,
    Pruning,
    Stopping,
    UnknownCount,
)
from airflow_provider_uspeedo.ledger.admin.suppression_admin import SuppressionAdmin
from airflow_provider_uspeedo.ledger.admin.unknown_outcomes import UnknownOutcomes
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.protocol.resolution import Decision
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.version import Migration

TABLE = "uspeedo_results"


class LedgerAdmin(SuppressionAdmin, ExportAdmin):
    """A ledger, open for what a person does; the command ``airflow-uspeedo`` calls these methods.

    Use it in a ``with`` block, or call :meth:`close`. Every method but :meth:`list_campaigns`, :meth:`migrate`,
    :meth:`suppress_add`, :meth:`suppress_import` and :meth:`suppress_list` raises
    :class:`~airflow_provider_uspeedo.errors.ConfigurationError` where there is no ledger or no such campaign.
    All raise :class:`~airflow_provider_uspeedo.errors.LedgerError` for a ledger of another version (but
    :meth:`migrate`), and :class:`~airflow_provider_uspeedo.errors.LedgerUnavailable` if its database does not answer.

    :param ledger: an open one; it is closed with this.
    :param open_file: opens the file of an export; ``None``: there are no exports.
    """

    def __init__(self, ledger: LedgerQueries, open_file: OpenExportFile | None = None) -> None:
        self.ledger = ledger
        self._open_file = open_file
        self._database, self._snapshots = ledger.database, snapshots_of(ledger.database)
        self._campaigns = Campaigns(ledger.tables)
        self._overviews = Overviews(ledger.tables, ledger.rows)
        self._unknown = UnknownOutcomes(ledger)
        self._stops = stop.StopMarks(ledger)
        self._is_there = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections to the database."""
        self.ledger.close()

    # -- showing ------------------------------------------------------------------------------------------------

    def list_campaigns(self, limit: int = 50) -> list[CampaignLine]:
        """The newest campaigns, the newest first; none where there is no ledger yet."""
        if limit < 1:
            raise ConfigurationError("limit must be at least 1.")
        if not self.ledger.exists():
            return []
        return self._snapshots.read(lambda connection: self._overviews.campaigns(connection, limit))

    def absence(self) -> str:
        """Why there is no ledger, as a clause; ``""`` if there is one.

        :raises LedgerError: there is one of another version.
        """
        if self.ledger.exists():
            return ""
        file = self.ledger.database.file
        if file is not None and not file.exists():
            return f"the file {file} does not exist"
        return f"the database has no tables of a ledger {str(self.ledger.results_name)!r}"

    def show(self, campaign_id: str) -> CampaignOverview:
        """All that the ledger counts of one campaign, in one snapshot."""
        self._must_exist()
        return self._snapshots.read(
            lambda connection: self._overviews.show(connection, self._find(connection, campaign_id).campaign_no)
        )

    # -- resolving ----------------------------------------------------------------------------------------------

    def count_unknown(self, campaign_id: str, *, phones: Iterable[str] | None = None) -> UnknownCount:
        """How many recipients :meth:`resolve` with the same ``phones`` would decide on, at this moment."""
        return self._unknown.count(self._unpruned(campaign_id, "resolve"), phones)

    def resolve(
        self,
        campaign_id: str,
        *,
        as_sent: bool,
        by: str,
        phones: Iterable[str] | None = None,
        request: str | None = None,
        in_flight: bool = False,
        expected: int | None = None,
    ) -> int:
        """Records a person's decision on the unknown outcomes of a campaign; returns of how many recipients.

        :param as_sent: they were sent (shown *accepted*), or they were not (a later run sends to them).
        :param by: who decides; it is kept with the outcome.
        :param phones: only these: numbers that the vendor's console lists as sent, in any spelling with their country
            code; one that has none is read as one of the campaign's ``default_region``. A listed number was sent;
            nothing follows for the others, so ``as_sent=False`` is refused. See :class:`UnknownCount` for what is left
            alone.
        :param request: only the recipients of this request of ours, by the id that the task's log gives; those that
            another request has by now are left alone.
        :param in_flight: also decide *not sent* on requests that were given to the network within the last minutes.
            Their answers may still come, and recipients that they reach get the message twice.
        :param expected: the number that was agreed on: with another one nothing is decided.
        :raises ConfigurationError: nothing was decided, for the reason in the message.
        :raises CampaignHalted: the campaign is pruned: there is nothing left to decide on.
        """
        if phones is not None and not as_sent:
            raise ConfigurationError(
                "A list of phones shows what was sent, and nothing about other recipients: with phones, as_sent must "
                "be True."
            )
        if phones is not None and request is not None:
            raise ConfigurationError("phones and request cannot be given together.")
        campaign, name = self._unpruned(campaign_id, "resolve"), stop.checked_name(by)
        chosen = None if phones is None else self._unknown.chosen(campaign, phones)
        only = None if request is None else self._unknown.request_id(campaign, request)
        return self._unknown.decide(campaign_id, campaign, Decision(as_sent, name, chosen, in_flight, expected, only))

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

    # -- the campaign that is named -----------------------------------------------------------------------------

    def _must_exist(self) -> None:
        """:raises ConfigurationError: there is no ledger; :raises LedgerError: it is of another version."""
        self._is_there = self._is_there or self.ledger.exists()
        if not self._is_there:
            raise ConfigurationError(
                f"There is no ledger here yet ({self.absence()}): no campaign has run with this results_conn_id and "
                "results_table."
            )

    def _find(self, connection: Connection, campaign_id: str) -> Any:
        return stop.known(self._campaigns.find, self.ledger.tables, connection, campaign_id)

    def _found(self, campaign_id: str) -> Any:
        self._must_exist()
        return self._database.read(lambda connection: self._find(connection, campaign_id))

    def _unpruned(self, campaign_id: str, what: str) -> Any:
        """:raises CampaignHalted: there is nothing left to ``what``."""
        found = self._found(campaign_id)
        stop.refuse_tombstone(campaign_id, found.pruned_at, what)
        return found
