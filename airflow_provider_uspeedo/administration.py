# SPDX-License-Identifier: Apache-2.0
"""What a person does with a ledger, as functions for a DAG or a Python shell; the command `airflow-uspeedo` is these.

Each opens the ledger that ``results_conn_id`` and ``results_table`` name, as the operator does with the same
arguments, and closes it again. All but :func:`list_campaigns` raise
:class:`~airflow_provider_uspeedo.errors.ConfigurationError` where there is no ledger or no such campaign,
:class:`~airflow_provider_uspeedo.errors.LedgerError` for a ledger of another version, and
:class:`~airflow_provider_uspeedo.errors.LedgerUnavailable` if its database does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from airflow_provider_uspeedo.ledger.admin.reports import (
    CampaignLine,
    CampaignOverview,
    Forgotten,
    Pruning,
    Stopping,
    UnknownCount,
)
from airflow_provider_uspeedo.ledger.store.version import Migration

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

__all__ = [
    "CampaignLine",
    "CampaignOverview",
    "Forgotten",
    "Migration",
    "Pruning",
    "Stopping",
    "UnknownCount",
    "count_unknown",
    "forget_phone",
    "ledger_ddl",
    "ledger_grants",
    "list_campaigns",
    "migrate_ledger",
    "prune_campaigns",
    "resolve_campaign",
    "resume_campaign",
    "show_campaign",
    "stop_campaign",
]

TABLE = "uspeedo_results"


def list_campaigns(
    *, limit: int = 50, results_conn_id: str | None = None, results_table: str = TABLE
) -> list[CampaignLine]:
    """The campaigns of a ledger, the newest first; none where there is no ledger yet."""
    with _keeper(results_conn_id, results_table, must_exist=False) as keeper:
        return keeper.campaigns(limit) if keeper.exists() else []


def show_campaign(
    campaign_id: str, *, results_conn_id: str | None = None, results_table: str = TABLE
) -> CampaignOverview:
    """All that the ledger counts of one campaign, in one snapshot."""
    with _keeper(results_conn_id, results_table) as keeper:
        return keeper.show(campaign_id)


def count_unknown(
    campaign_id: str,
    *,
    phones: Iterable[str] | None = None,
    results_conn_id: str | None = None,
    results_table: str = TABLE,
) -> UnknownCount:
    """About how many recipients :func:`resolve_campaign` with the same ``phones`` would decide."""
    with _keeper(results_conn_id, results_table) as keeper:
        return keeper.count_unknown(campaign_id, phones)


def resolve_campaign(
    campaign_id: str,
    *,
    as_sent: bool,
    by: str,
    phones: Iterable[str] | None = None,
    in_flight: bool = False,
    expected: int | None = None,
    results_conn_id: str | None = None,
    results_table: str = TABLE,
) -> int:
    """A person's word on the unknown outcomes of a campaign; returns of how many recipients it was said.

    :param as_sent: they were sent (shown *accepted*), or they were not (a later run texts them).
    :param by: who says so; it is kept with the outcome.
    :param phones: numbers that the vendor's console lists as sent, in any spelling with their country code; one that
        has none is read as one of the campaign's ``default_region``. Who is listed was sent; nothing follows for the
        others, so ``as_sent=False`` is refused. See :class:`UnknownCount` for what is left alone.
    :param in_flight: also say *not sent* of requests that were given to the network within the last minutes. Their
        answers may still come, and whoever they reach is texted twice.
    :param expected: the number that was agreed on: with another one nothing is decided.
    :raises ConfigurationError: nothing was decided, for the reason in the message.
    :raises CampaignHalted: the campaign is pruned: there is nothing left to decide on.
    """
    with _keeper(results_conn_id, results_table) as keeper:
        return keeper.resolve(
            campaign_id, as_sent=as_sent, by=by, phones=phones, in_flight=in_flight, expected=expected
        )


def stop_campaign(
    campaign_id: str, *, by: str, results_conn_id: str | None = None, results_table: str = TABLE
) -> Stopping:
    """Lets no further request of a campaign begin, in whichever process; stopping it again changes nothing."""
    with _keeper(results_conn_id, results_table) as keeper:
        return keeper.stop(campaign_id, by=by)


def resume_campaign(campaign_id: str, *, results_conn_id: str | None = None, results_table: str = TABLE) -> Stopping:
    """Lets a stopped campaign go on with its next try; clear its task for that."""
    with _keeper(results_conn_id, results_table) as keeper:
        return keeper.resume(campaign_id)


def ledger_ddl(dialect: Literal["sqlite", "postgresql", "mysql"], *, results_table: str = TABLE) -> str:
    """The statements that create a ledger, for those whose workers may not. ``mysql`` is MariaDB, too."""
    from airflow_provider_uspeedo.ledger.results import creation

    return creation.script(dialect, results_table)


def ledger_grants(
    dialect: Literal["postgresql", "mysql"],
    role: Literal["worker", "reader", "administrator"],
    user: str,
    *,
    results_table: str = TABLE,
) -> str:
    """The statements that give ``user`` the least rights on a ledger that is there.

    :param role: a *worker* runs campaigns; a *reader* sees the results relation, and nothing behind it; an
        *administrator* does all that this module does, except creating and migrating: that is the tables' owner.
    :param user: a role of PostgreSQL; an account of MySQL or MariaDB, ``name`` or ``name@host``.
    """
    from airflow_provider_uspeedo.ledger.admin import grants

    return grants.script(dialect, role, user, results_table)


def migrate_ledger(*, results_conn_id: str | None = None, results_table: str = TABLE) -> Migration:
    """Brings a ledger that an older version of this package made to the version of this one.

    Needs the rights of the tables' owner. May be repeated, also after it was killed in the middle, and while tries of
    the older version still run: they go on to their end, but do not notice a stop, so it is better to wait for them.
    The results relation is made anew, or created if it is not there; if the ledger has others, run this once for each
    ``results_table``.
    """
    with _keeper(results_conn_id, results_table, must_exist=False) as keeper:
        return keeper.migrate()


def prune_campaigns(
    *,
    older_than: timedelta,
    campaign_ids: Iterable[str] | None = None,
    with_unknown: bool = False,
    dry_run: bool = False,
    results_conn_id: str | None = None,
    results_table: str = TABLE,
) -> list[Pruning]:
    """Deletes whom old campaigns texted, and what they read; a tombstone with the counts stays.

    A pruned campaign can never be run again: with nobody known to be texted, it would text everyone once more.
    Repeated after a crash it deletes what was left over.

    :param older_than: campaigns of which no try began or ended for so long.
    :param campaign_ids: only these; all otherwise.
    :param with_unknown: also campaigns with outcomes that nobody knows or requests in flight: they can never be
        resolved afterwards. Such campaigns are left alone otherwise.
    :param dry_run: say what would be pruned, and delete nothing.
    :returns: one entry per old campaign, pruned or not; and one per campaign named in ``campaign_ids``.
    """
    with _keeper(results_conn_id, results_table) as keeper:
        names = None if campaign_ids is None else list(campaign_ids)
        return keeper.prune(older_than, names, with_unknown=with_unknown, dry_run=dry_run)


def forget_phone(
    phone: str,
    *,
    default_region: str | None = None,
    results_conn_id: str | None = None,
    results_table: str = TABLE,
) -> Forgotten:
    """Blanks a phone and the user ids beside it in every campaign of a ledger; may be repeated.

    What stays is the recipient's key, so that the same campaign does not text the phone again. Where the phone makes
    the key, the key is a hash of it: whoever has the key and guesses the phone can tell that they belong together.
    :func:`prune_campaigns` deletes keys, too. A later run over a table that still holds the phone writes it again:
    remove it there first. Backups of the database, and its own logs, are its owner's to clean.

    :param phone: in any spelling.
    :param default_region: reads a phone without a country code, and finds it written so, such as ``"HK"``.
    :raises ConfigurationError: the text is no phone.
    """
    with _keeper(results_conn_id, results_table) as keeper:
        return keeper.forget(phone, default_region)


@contextmanager
def _keeper(results_conn_id: str | None, results_table: str, *, must_exist: bool = True) -> Iterator[LedgerAdmin]:
    """The ledger, open for what a person does."""
    from airflow_provider_uspeedo.hooks.ledger_connection import open_ledger
    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

    ledger = open_ledger(results_conn_id, results_table)
    try:
        keeper = LedgerAdmin(ledger)
        if must_exist:
            keeper.must_exist()
        yield keeper
    finally:
        ledger.close()
