"""The settings of the guards: when they raise an alarm, and whom they call."""

from __future__ import annotations

from pydantic import Field

from fairlead.config.section import Section
from fairlead.config.values import Count, Number, RequiredSecret, Seconds, SecretAddress, Share


class Webhook(Section):
    url: SecretAddress = Field(
        description="Where alarms are posted to, as JSON. It is shown nowhere, for it may be a secret itself. Redirects are "
        "not followed."
    )
    secret: RequiredSecret = Field(description="What their signature is made with.")
    timeout: Seconds = Field(10, description="How long one delivery may take; it is tried four times.")


class Guards(Section):
    every: Seconds = Field(300, description="How often they look.")
    window: Seconds = Field(86_400, description="Of how long a time; drift is against as long a time before.")
    least: Count = Field(100, description="Requests that a window needs before anything is said of it.")
    quality_floor: Share | None = Field(
        None, description="An alarm below this average quality, expected or judged; by default none."
    )
    overhead: Number = Field(
        1, description="An alarm where routing's own calls cost more than this share of what routing saves; 0 never."
    )
    cache_share: Share | None = Field(
        None, description="An alarm below this share of cacheable prompt tokens read from caches; by default none."
    )
    drift: Number = Field(
        0.25, description="An alarm above this population stability index of models or tasks; 0 never."
    )
    webhook: Webhook | None = Field(None, description="Whom alarms are told beside the log and the audit.")
