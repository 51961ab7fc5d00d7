"""The exchange over a real connection: the token, the answer, and everything that is no answer."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from datasync_api.counters import Counters
from datasync_api.report import ExchangeRequest, Progress
from datasync_operator.exchange import Exchange, token_for

KEY = b"k" * 32
RATES = (None, -1, 1, 10_485_760)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], Awaitable[Exchange]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A runner's endpoint on loopback that answers as told."""
    runners: list[web.AppRunner] = []
    exchanges: list[Exchange] = []

    async def start(answer: Answer) -> Exchange:
        app = web.Application()
        app.router.add_post("/v1/exchange", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        exchange = Exchange(KEY, runner.addresses[0][1])
        exchanges.append(exchange)
        return exchange

    yield start
    for exchange in exchanges:
        await exchange.close()
    for runner in runners:
        await runner.cleanup()


def progress(uid: str) -> str:
    return Progress(
        execution_uid=uid, phase="Transferring", counters=Counters(), totals_final=False
    ).model_dump_json(by_alias=True)


async def test_the_runner_is_asked_with_the_executions_own_token_and_told_its_rate(
    serve: Serve,
) -> None:
    seen: list[tuple[str, ExchangeRequest]] = []

    async def answer(request: web.Request) -> web.Response:
        body = ExchangeRequest.model_validate_json(await request.read())
        seen.append((request.headers["Authorization"], body))
        return web.Response(text=progress("uid-1"))

    exchange = await serve(answer)
    for rate in RATES:
        told = await exchange.ask("127.0.0.1", "uid-1", bytes_per_second=rate)
        assert told is not None
        assert told.phase == "Transferring"
    bearer = f"Bearer {token_for(KEY, 'uid-1')}"
    assert seen == [
        (bearer, ExchangeRequest(execution_uid="uid-1", bytes_per_second=rate)) for rate in RATES
    ]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, progress("uid-of-another")),
        (200, "not json"),
        (200, "{}"),
        (401, "no"),
        (409, "no"),
        (302, ""),
        (500, progress("uid-1")),
    ],
)
async def test_what_is_no_answer(serve: Serve, status: int, text: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers={"Location": "/elsewhere"})

    exchange = await serve(answer)
    assert await exchange.ask("127.0.0.1", "uid-1", bytes_per_second=None) is None


async def test_nobody_there_is_no_answer() -> None:
    exchange = Exchange(KEY, 1)
    assert await exchange.ask("127.0.0.1", "uid-1", bytes_per_second=None) is None
    await exchange.close()


def test_tokens_differ_by_execution_and_by_installation() -> None:
    tokens = {token_for(KEY, "a"), token_for(KEY, "b"), token_for(b"other", "a")}
    assert len(tokens) == 3
    assert token_for(KEY, "a") == token_for(KEY, "a")
