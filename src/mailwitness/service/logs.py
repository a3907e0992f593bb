"""The service's own log: one JSON object a line, in which no text can begin a line or turn one about."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from mailwitness.errors import UsageError
from mailwitness.inert import inert

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor

TEXT_LIMIT = 4000


def open_log(part: str, level: str = "info") -> FilteringBoundLogger:
    """Return the log of a part of the service; it goes to standard error, which systemd or the container keeps.

    Raises UsageError where structlog is not installed.
    """
    try:
        import structlog  # noqa: PLC0415 - an extra
    except ImportError as cause:
        raise UsageError(
            "the service needs structlog, which is not installed",
            remedy="pip install 'mailwitness[live]', or make setup-service",
        ) from cause
    first: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    last: list[Processor] = [
        structlog.processors.format_exc_info,
        _escaped,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    of_library = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*first, lambda _logger, _method, event: {"part": part, **event}],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler(sys.stderr)  # what libraries say, in the same form
    handler.setFormatter(of_library)
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    log: FilteringBoundLogger = structlog.get_logger().bind(part=part)
    return log


def _escaped(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {inert(str(name)): _inert(value) for name, value in event.items()}


def _inert(value: object) -> Any:  # noqa: ANN401 - what JSON takes
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, dict):
        return {inert(str(name)): _inert(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_inert(inner) for inner in value]
    return inert(str(value)[:TEXT_LIMIT])
