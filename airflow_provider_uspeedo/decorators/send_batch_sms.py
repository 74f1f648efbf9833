# SPDX-License-Identifier: Apache-2.0
"""``@task.send_batch_sms``: a function returns the table, and the same task sends it."""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, cast

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    DecoratedOperator,
    TaskDecorator,
    task_decorator_factory,
)

from airflow_provider_uspeedo.core.what_to_do import what_to_do
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows
from airflow_provider_uspeedo.operators.mapped_rows import hidden_arguments
from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

NAME = "@task.send_batch_sms"
TABLE_ARGUMENTS = ("recipients", "sql", "sql_conn_id", "parameters", "sql_hook_params")
"""Arguments of the operator that say where the table is; here the function does."""


class ReturnedTable(HiddenRows):
    """Stands for the table before the function was called."""

    def __init__(self) -> None:
        super().__init__(None)

    def __str__(self) -> str:
        return "<what the function returns>"

    __repr__ = __str__


class _SendBatchSMSDecoratedOperator(DecoratedOperator, SendBatchSMSOperator):
    """The operator behind ``@task.send_batch_sms``.

    The function is called once in each attempt, and again when a deferred task goes on, as a table is read again. What
    it returns goes to the campaign and nowhere else: the XCom of the task is the operator's summary.

    :param python_callable: the function; it returns what the operator takes as ``recipients``.
    :param op_args: its positional arguments. Airflow renders them, and shows them.
    :param op_kwargs: its named arguments, likewise.
    """

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in SendBatchSMSOperator.template_fields if name not in TABLE_ARGUMENTS[1:]),
    )
    template_fields_renderers: ClassVar[dict[str, str]] = dict(DecoratedOperator.template_fields_renderers)
    template_ext: Sequence[str] = ()
    custom_operator_name = NAME

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        refused = [name for name in TABLE_ARGUMENTS if kwargs.pop(name, None) is not None]
        if refused:
            raise ConfigurationError(
                f"{NAME} sends the table that its function returns: remove {', '.join(refused)}, or use "
                "SendBatchSMSOperator."
            )
        if inspect.iscoroutinefunction(python_callable):
            raise ConfigurationError(f"{NAME} needs a plain function, not an async one.")
        # All are given, so that none comes from default_args.
        kwargs |= {**dict.fromkeys(TABLE_ARGUMENTS), "recipients": ReturnedTable()}
        super().__init__(python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, **kwargs)

    def execute(self, context: Any) -> Any:
        """Calls the function, and sends what it returns.

        :raises AirflowException: a retry can succeed.
        :raises AirflowFailException: it needs manual action.
        """
        self._call(context)
        # Not DecoratedOperator's: in Airflow 3.0 it fails after everything was sent.
        return SendBatchSMSOperator.execute(self, context)

    def execute_complete(self, context: Any, event: Any = None) -> dict[str, Any]:
        """Goes on once the hours allow it: the function is called again."""
        self._call(context)
        return super().execute_complete(context, event)

    def _call(self, context: Any) -> None:
        """The function's table becomes the operator's; what the function raises is the user's and stays as it is."""
        # Not merged into the context, as Airflow's own decorators do: the operator needs its own parts of it.
        named = _determine_kwargs(self.python_callable, self.op_args, ChainMap(dict(self.op_kwargs), context))
        table = self.python_callable(*self.op_args, **named)
        if table is None:
            raise AirflowFailException(
                f"The function of {NAME} returned None: return the table, which may be empty. Nothing was sent. "
                f"{what_to_do('refused-before-sending')}"
            )
        self.recipients = table


def send_batch_sms_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """The decorator, which Airflow knows as ``@task.send_batch_sms``.

    :param python_callable: the function; it returns a table, as the operator takes it for ``recipients``: a DataFrame,
        an Arrow table, a list of dicts, or a path.
    :param kwargs: the arguments of
        :class:`~airflow_provider_uspeedo.operators.sms.SendBatchSMSOperator`, but for those that say where the table
        is; and those of every task.
    """
    kwargs.setdefault("multiple_outputs", False)  # the XCom is the summary, never split by an annotation
    made: Any = task_decorator_factory(
        python_callable=python_callable,
        decorated_operator_class=_SendBatchSMSDecoratedOperator,
        **hidden_arguments(kwargs),
    )
    if python_callable is not None:
        return cast("TaskDecorator", _hiding(made))

    def decorate(function: Callable[..., Any]) -> Any:
        return _hiding(made(function))

    return cast("TaskDecorator", decorate)


def _hiding(decorator: Any) -> Any:
    decorator.__class__ = _hiding_class(decorator.__class__)
    return decorator


@cache
def _hiding_class(decorator: Any) -> Any:
    """The class of what Airflow's factory returns; what ``override`` gets by value is hidden, too."""

    class HidingDecorator(decorator):  # type: ignore[misc]
        def override(self, **kwargs: Any) -> Any:
            return super().override(**hidden_arguments(kwargs))

    return HidingDecorator


def _determine_kwargs(function: Callable[..., Any], args: Collection[Any], context: Mapping[str, Any]) -> Any:
    """The named arguments of a function, among them the parts of the context that it asks for."""
    try:
        from airflow.sdk.bases.decorator import determine_kwargs
    except ImportError:  # Airflow 2.11 and 3.0
        from airflow.utils.operator_helpers import determine_kwargs  # type: ignore[no-redef, attr-defined, unused-ignore]

    return determine_kwargs(function, args, context)
