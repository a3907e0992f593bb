"""Import by upload: evidence goes to the writer, which takes it into custody; the page tells what became of it."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio.to_thread
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from mailwitness.collect.interface import BATCH_BYTES, Batch, NotAcknowledged, NotTaken, Receipt
from mailwitness.faces.views.picture import Picture
from mailwitness.faces.web.page import Refused, Shown, reader_of, render
from mailwitness.faces.web.reader import Reader, Uploads

FILES = 50
NAME = 255


def form(picture: Picture, request: Request) -> Shown:  # noqa: ARG001 - every page takes it
    """Show the form."""
    return Shown("import.html", {"results": (), "can": request.app.state.uploads is not None, "limit": BATCH_BYTES})


async def upload(request: Request) -> Response:
    """Hand the files to the writer, one after the other, and show what became of each."""
    reader = await reader_of(request)
    if isinstance(reader, Response):
        return reader
    uploads: Uploads | None = request.app.state.uploads
    if uploads is None:
        raise Refused(409, "This console takes no uploads.", "Use `mailwitness import` on the server.")
    results = await _take(request, reader, uploads)
    return render(request, reader, Shown("import.html", {"results": results, "can": True, "limit": BATCH_BYTES}))


Result = tuple[str, int, Receipt | None, str]
"""Name, bytes, the writer's receipt, or why there is none."""


async def _take(request: Request, reader: Reader, uploads: Uploads) -> list[Result]:
    results: list[Result] = []
    try:
        async with request.form(max_files=FILES, max_fields=5) as said:
            zone = str(said.get("time_zone", "")).strip() or None
            files = [each for each in said.getlist("files") if isinstance(each, UploadFile) and each.filename]
            results += [await _one(request, reader, uploads, file, zone) for file in files]
    except MultiPartException as cause:
        raise Refused(400, f"The upload could not be read: {cause.message}") from cause
    if not results:
        raise Refused(400, "No file was chosen.", "Choose event logs, audit exports, or archives of these.")
    return results


async def _one(request: Request, reader: Reader, uploads: Uploads, file: UploadFile, zone: str | None) -> Result:
    name, size = (file.filename or "")[-NAME:], file.size or 0
    if size > BATCH_BYTES:
        return name, size, None, f"larger than {BATCH_BYTES >> 20} MiB: use `mailwitness import` on the server"
    batch = Batch(
        name=name,
        data=await file.read(),
        collector="upload",
        observed_origin=request.client.host if request.client else None,
        delivered_by=reader.name,
        received_at=datetime.now(UTC),
        time_zone=zone,
    )
    try:
        return name, size, await anyio.to_thread.run_sync(uploads.submit, batch), ""
    except (NotAcknowledged, NotTaken) as cause:
        return name, size, None, f"not taken in: {cause.what}"
