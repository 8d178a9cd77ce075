"""Every error fairlead raises on purpose, in one tree.

    FairleadError
    ├── ConfigError            a configuration file is wrong; carries every problem found
    ├── StateError             the state directory cannot be used (locked, unreadable, not writable)
    └── RequestError           one request cannot be answered; becomes an HTTP answer
        ├── BadRequest         400  the request is malformed; names the field
        ├── Unauthenticated    401  no key, or a wrong one
        ├── PaymentRequired    402  budget spent, or the price is unknown and a budget applies
        ├── Forbidden          403  the key may not do this
        ├── NotFound           404  no such model, path or decision
        ├── MethodNotAllowed   405  the path exists, the method does not
        ├── RequestTimeout     408  the client took too long to send its request
        ├── Conflict           409  the same idempotency key is in use or unknown
        ├── TooLarge           413  the body exceeds the limit
        ├── UnsupportedMedia   415  the body is not JSON, or is compressed
        ├── Infeasible         422  no model satisfies the constraints; lists why each was rejected
        ├── KeyReused          422  the idempotency key belongs to another request
        ├── RateLimited        429  too many requests; says when to come back
        ├── HeadersTooLarge    431  the header block exceeds the limit
        ├── Internal           500  a defect of ours; the request id finds it in the log
        ├── UpstreamFailed     502  every attempt failed; lists them
        ├── Overloaded         503  shed, or not ready
        └── DeadlineExceeded   504  the deadline passed

A RequestError knows its HTTP status, a stable `code` for programs, the OpenAI error `type`, whether the
same request may be retried, and says in its message what the caller can do about it.
"""

from __future__ import annotations

from collections.abc import Sequence


class FairleadError(Exception):
    """The root: nothing below it is ever a surprise."""


class ConfigError(FairleadError):
    """A configuration is wrong. `problems` holds every finding, each as `FILE:LINE: message`; `warnings` what beside them is
    allowed and looks like a mistake, as far as that can be told."""

    def __init__(self, problems: Sequence[str], warnings: Sequence[str] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)


class StateError(FairleadError):
    """The state directory cannot be used."""


class RequestError(FairleadError):
    """One request cannot be answered."""

    status = 500
    code = "internal_error"
    type = "api_error"
    retry = False
    headers = b""
    """Further header lines of the answer."""
    request_id = ""
    """Of a request that was refused before it was whole: what the audit calls it."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code
        self.retry_after = retry_after


class BadRequest(RequestError):
    status = 400
    code = "invalid_request"
    type = "invalid_request_error"


class Unauthenticated(RequestError):
    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class PaymentRequired(RequestError):
    status = 402
    code = "budget_spent"
    type = "insufficient_quota"


class Forbidden(RequestError):
    status = 403
    code = "not_allowed"
    type = "permission_error"


class NotFound(RequestError):
    status = 404
    code = "not_found"
    type = "invalid_request_error"


class MethodNotAllowed(RequestError):
    """`allow` lists the methods the path takes, as the header Allow does."""

    status = 405
    code = "method_not_allowed"
    type = "invalid_request_error"

    def __init__(self, message: str, *, allow: str = "") -> None:
        super().__init__(message)
        self.allow = allow


class RequestTimeout(RequestError):
    status = 408
    code = "request_timeout"
    type = "invalid_request_error"
    retry = True


class Conflict(RequestError):
    status = 409
    code = "conflict"
    type = "invalid_request_error"


class TooLarge(RequestError):
    status = 413
    code = "request_too_large"
    type = "invalid_request_error"


class UnsupportedMedia(RequestError):
    status = 415
    code = "unsupported_media_type"
    type = "invalid_request_error"


class Infeasible(RequestError):
    status = 422
    code = "infeasible"
    type = "invalid_request_error"


class KeyReused(RequestError):
    status = 422
    code = "idempotency_key_reused"
    type = "idempotency_error"


class RateLimited(RequestError):
    status = 429
    code = "rate_limited"
    type = "rate_limit_error"
    retry = True


class HeadersTooLarge(RequestError):
    status = 431
    code = "headers_too_large"
    type = "invalid_request_error"


class Internal(RequestError):
    pass


class UpstreamFailed(RequestError):
    status = 502
    code = "upstream_failed"
    retry = True


class Overloaded(RequestError):
    status = 503
    code = "overloaded"
    type = "overloaded_error"
    retry = True


class DeadlineExceeded(RequestError):
    status = 504
    code = "deadline_exceeded"
    type = "timeout_error"
