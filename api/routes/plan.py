"""What a job would do and cost, without submitting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from api.auth import Caller, Viewer
from api.bodies import media_type, parse_json, read_body, unsupported
from api.openapi import plan_body
from api.schemas import BatchPlan, PlanTotal, PlanView
from api.services import Farm, Services
from api.submission import from_batch, from_job, planned, sized
from api.views import note_counts, plan_view
from shared.plan import Plan
from shared.store import queries
from shared.store.queries import Speed

router = APIRouter(prefix="/v1/plan", tags=["plan"])


@router.post("", openapi_extra=plan_body())
async def plan_jobs(
    request: Request,
    farm: Farm,
    who: Viewer,
    summary: Annotated[bool, Query(description="Of many jobs, only the total")] = False,
) -> PlanView | BatchPlan:
    """Plan a job, or `{"jobs": […]}`.

    With `width` and `height` beside a job's fields, its pictures need not be uploaded (nor named).
    """
    if media_type(request) != "application/json":
        raise unsupported(request, "application/json")
    body = await read_body(request, farm.settings.max_batch_bytes)
    return await run_in_threadpool(_plan, farm, who, body, summary)


def _plan(farm: Services, who: Caller, body: bytes, summary: bool) -> PlanView | BatchPlan:
    data = parse_json(body)
    is_batch = isinstance(data, Mapping) and "jobs" in data
    submission = sized(from_batch(data) if is_batch else from_job(data), farm.settings.max_side)
    plans = [job.plan for job in planned(farm, who, submission)]
    with farm.store.read() as session:
        speed = queries.speed(session)
    if not is_batch:
        return plan_view(plans[0], speed)
    return BatchPlan(total=_total(plans, speed), jobs=[] if summary else [plan_view(plan, speed) for plan in plans])


def _total(plans: Sequence[Plan], speed: Speed) -> PlanTotal:
    flops = sum(plan.flops for plan in plans)
    return PlanTotal(
        jobs=len(plans),
        mpit=sum(plan.mpit for plan in plans),
        flops=flops,
        peak_bytes=max(plan.peak_bytes for plan in plans),
        seconds=speed.seconds(flops, len(plans)),
        workers=speed.workers,
        notes=note_counts(plans),
    )
