"""The guarded link, against a real Redis that is killed, frozen, restarted and emptied, and against a lying peer."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from hotline.store import LAST_RETRY, Script, ScriptRefused, Store, StoreDown, load_script


def script(source: str) -> Script:
    return Script(source, hashlib.sha1(source.encode()).hexdigest())


ECHO = script("return cjson.encode({KEYS[1], ARGV[1]})")


async def echo(store: Store, word: str) -> None:
    assert await store.script(ECHO, [b"k"], [word.encode()]) == ["k", word]


async def seconds_until(store: Store, up: bool) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while store.up is not up:
        assert loop.time() - began < 10
        await asyncio.sleep(0.01)
    return loop.time() - began


async def test_a_script_that_redis_never_saw_is_loaded_and_answers(store, redis):
    await echo(store, "first")
    redis("SCRIPT", "FLUSH")
    await echo(store, "after a flush")
    redis("SCRIPT", "FLUSH")
    try:
        raise RuntimeError("something else")
    except RuntimeError:
        await echo(store, "while an error is being handled")


async def test_many_callers_share_the_link_and_each_gets_its_own_answer(store):
    await asyncio.gather(*(echo(store, f"word {n}") for n in range(500)))


async def test_reads_answer_in_bytes(store, redis):
    redis("HSET", "h", "a", "1", "b", "2")
    redis("SADD", "s", "m")
    assert await store.read("hgetall", b"h") == {b"a": b"1", b"b": b"2"}
    assert await store.read("hgetall", b"none") == {}
    assert await store.read("hmget", b"h", [b"a", b"c"]) == [b"1", None]
    assert await store.read("hget", b"h", b"b") == b"2"
    assert await store.read("get", b"none") is None
    assert await store.read("scard", b"s") == 1


async def test_answers_of_any_size_and_alphabet(store):
    big = script("return cjson.encode(string.rep(ARGV[1], 200000))")
    assert await store.script(big, [], ["жß€".encode()]) == "жß€" * 200_000


@pytest.mark.parametrize(
    "source", ["return redis.call('NOSUCH')", "error('on purpose')", "return 'not json'", "return 5", "return"]
)
async def test_a_script_that_fails_harms_only_its_own_caller(store, source):
    with pytest.raises(StoreDown, match=r"Redis (refused|did not answer)"):
        await store.script(script(source), [], [])
    await echo(store, "next")


async def test_what_redis_refuses_is_told_once_for_each_kind(server, connect):
    told: list[str] = []
    store = await connect(server.port, on_refused=told.append)
    direct = server.direct()
    write = [script(f"redis.call('SET', KEYS[1], '{n}') return 'true'") for n in range(3)]
    for text in ("error('on purpose')", "return nothing.at.all", "error('on purpose')"):
        with pytest.raises(ScriptRefused):
            await store.script(script(text), [], [])
    assert [said.partition(":")[0] for said in told] == ["ERR user_script", "ERR user_script"]
    told.clear()
    direct("CONFIG", "SET", "maxmemory", "1")
    for each in write:
        with pytest.raises(ScriptRefused, match="OOM command not allowed"):
            await store.script(each, [b"k"], [])
    assert told == ["OOM command not allowed when used memory > 'maxmemory'."]
    direct("CONFIG", "SET", "maxmemory", "0")
    direct("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(ScriptRefused, match="READONLY"):
        await store.script(write[0], [b"k"], [])
    assert len(told) == 2
    direct.close()


async def test_without_a_redis_the_answer_is_no_at_once_and_the_link_comes_with_it(server):
    server.kill()
    told: list[bool] = []
    store = Store("127.0.0.1", server.port, on_link=told.append)
    running = asyncio.create_task(store.run())
    try:
        with pytest.raises(StoreDown, match="not connected"):
            await store.read("get", b"x")
        assert not await store.wait_up(0.1)
        server.start()
        assert await store.wait_up(2 * LAST_RETRY + 1)
        await echo(store, "hello")
        assert told == [True]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert told == [True, False]


async def test_killed_under_calls_they_fail_at_once_and_after_its_restart_calls_work(server, connect):
    told: list[bool] = []
    store = await connect(server.port, deadline=10, on_link=told.append)
    busy = script("local t = 0 for i = 1, 3e8 do t = t + i end return cjson.encode(t)")
    calls = [asyncio.create_task(store.script(busy, [], [])) for _ in range(5)]
    await asyncio.sleep(0.05)
    began = asyncio.get_running_loop().time()
    server.kill()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, StoreDown) for outcome in outcomes), outcomes
    assert asyncio.get_running_loop().time() - began < 5
    assert not store.up
    server.start()
    assert await store.wait_up(2 * LAST_RETRY + 1)
    await echo(store, "after the restart")
    assert told == [True, False, True]


async def test_frozen_redis_is_given_up_after_the_deadline_and_nothing_is_sent_again(server, connect):
    store = await connect(server.port, deadline=1.0)
    count = script("return cjson.encode(redis.call('INCR', KEYS[1]))")
    await store.script(count, [b"n"], [])
    server.freeze()
    loop = asyncio.get_running_loop()
    began = loop.time()
    outcomes = await asyncio.gather(*(store.script(count, [b"n"], []) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(outcome, StoreDown) for outcome in outcomes)
    assert loop.time() - began < 5
    assert not store.up
    server.thaw()
    assert await store.wait_up(5)
    assert await store.script(count, [b"n"], []) <= 22  # what was sent once may have been done once


async def test_a_link_that_dies_silently_while_idle_is_noticed(server, connect):
    store = await connect(server.port, deadline=1.0)
    server.freeze()
    assert await seconds_until(store, up=False) < 6
    server.thaw()
    assert await store.wait_up(5)


async def test_a_cancelled_caller_does_not_disturb_the_others_answers(store):
    slow = script("local t = 0 for i = 1, 2e6 do t = t + i end return redis.error_reply('late and wrong')")
    await echo(store, "warm")
    with pytest.raises(StoreDown):
        await store.script(slow, [], [])
    call = asyncio.create_task(store.script(slow, [], []))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(*(echo(store, f"{n}") for n in range(10)))
    assert store.up


async def test_cancelled_while_connecting_or_connected_run_leaves_no_connection(server):
    for pause in (0, 0.001, 0.2):
        store = Store("127.0.0.1", server.port)
        running = asyncio.create_task(store.run())
        await asyncio.sleep(pause)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not store.up
    direct = server.direct()
    loop = asyncio.get_running_loop()
    began = loop.time()
    while len(direct("CLIENT", "LIST").splitlines()) > 1:
        assert loop.time() - began < 5
        await asyncio.sleep(0.02)
    direct.close()


PONG = b"+PONG\r\n"


@pytest.mark.parametrize(
    "answers",
    [
        [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        [b"\x00\xff\x16\x03\x01 what"],
        [b"-NOAUTH Authentication required.\r\n"],
        [PONG, b"garbage\r\n"],
        [PONG, b"$-1\r\n"],
        [PONG, b"*1\r\n$3\r\nabc\r\n"],
        [PONG, b":1\r\n:2\r\n:3\r\n"],
        [PONG, b"$3\r\nab"],
        [PONG, b"#t\r\n"],
        [PONG, b"-ERR no\r\n"],
        [PONG, b""],
    ],
)
async def test_a_peer_that_talks_nonsense_ends_in_storedown_and_stops_nothing(answers):
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            if not await reader.read(4096):
                break
            writer.write(answer)
        while await reader.read(4096):
            pass
        writer.close()

    listening = await asyncio.start_server(peer, "127.0.0.1", 0)
    store = Store("127.0.0.1", listening.sockets[0].getsockname()[1], deadline=0.2)
    running = asyncio.create_task(store.run())
    try:
        await store.wait_up(0.5)
        with pytest.raises(StoreDown):
            await store.script(ECHO, [b"k"], [b"v"])
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        listening.close()


def test_includes_are_put_in_place_and_equal_sources_have_redis_own_name(redis):
    joined = load_script("hotline.acd", "join")
    assert "-- include" not in joined.source
    assert redis("SCRIPT", "LOAD", joined.source).decode() == joined.sha
