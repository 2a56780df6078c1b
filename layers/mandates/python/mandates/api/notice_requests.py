"""The body of a notice."""

import datetime

import msgspec

from mandates.api.charge_requests import Amount, Currency, OwnReference


class NoticeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a business told its customer. `amount` is in minor units; `date` is the local day of the charge in
    the consent's time zone; `currency` is that of the terms if it is left out."""

    amount: Amount
    date: datetime.date
    reference: OwnReference
    currency: Currency | None = None
