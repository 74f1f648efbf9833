# SPDX-License-Identifier: Apache-2.0
"""The names of paths, headers and JSON fields; no other file of the client spells them."""

from __future__ import annotations

from typing import Final

# Paths, below the base URL.
ACTION_PATH: Final = "/api"
REST_SEND_PATH: Final = "/api/v1/usms/SendBatchUSMSMessage"
REST_RECEIPTS_PATH: Final = "/api/v1/usms/USMSSendReceipt"
REST_TEMPLATES_PATH: Final = "/api/v1/usms/USMSTemplate"
REST_ID: Final = "id"

# Headers.
KEY_ID_HEADER: Final = "X-Access-Key-Id"
SIGNATURE_HEADER: Final = "X-Signature"
TIMESTAMP_HEADER: Final = "X-Timestamp"
NONCE_HEADER: Final = "X-Nonce"
VENDOR_REQUEST_ID_HEADER: Final = "X-Speedo-Request-Uuid"

# Actions.
SEND_BATCH: Final = "SendBatchUSMSMessage"
GET_RECEIPTS: Final = "GetUSMSSendReceipt"
QUERY_TEMPLATES: Final = "QueryUSMSTemplate"

# Requests.
ACTION: Final = "Action"
ACCOUNT_ID: Final = "AccountId"
TASK_CONTENT: Final = "TaskContent"
TEMPLATE_ID: Final = "TemplateId"
SENDER_ID: Final = "SenderId"
TARGET: Final = "Target"
PHONE: Final = "Phone"
TEMPLATE_PARAMS: Final = "TemplateParams"
EXTEND_CODE: Final = "ExtendCode"
USER_ID: Final = "UserId"
SESSION_NO_SET: Final = "SessionNoSet"

# Responses.
RET_CODE: Final = "RetCode"
MESSAGE: Final = "Message"
VENDOR_REQUEST_IDS: Final = ("ReqUuid", "RequestUuid")
SESSION_NO: Final = "SessionNo"
SUCCESS_COUNT: Final = "SuccessCount"
FAIL_CONTENT: Final = "FailContent"
FAILURE_DETAILS: Final = "FailureDetails"
FAILED_TARGET_PHONES: Final = "FailedTargetPhones"
FAILURE_REASON: Final = "FailureReason"
DATA: Final = "Data"

# Receipts.
RECEIPT_SET: Final = "ReceiptSet"
COST_COUNT: Final = "CostCount"
RECEIPT_RESULT: Final = "ReceiptResult"
RECEIPT_CODE: Final = "ReceiptCode"
RECEIPT_DESC: Final = "ReceiptDesc"
RECEIPT_TIME: Final = "ReceiptTime"
COUNTRY_CODE: Final = "CountryCode"
BREVITY_CODE: Final = "BrevityCode"

# Templates.
TEMPLATE_NAME: Final = "TemplateName"
TEMPLATE: Final = "Template"
PURPOSE: Final = "Purpose"
STATUS: Final = "Status"
REMARK: Final = "Remark"
ERR_DESC: Final = "ErrDesc"
CREATE_TIME: Final = "CreateTime"
INSTRUCTION: Final = "Instruction"
