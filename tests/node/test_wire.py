"""Messages between processes, whole and in pieces."""

import asyncio
import socket

import pytest

from node.processes.wire import Stream, pack, receive, send


async def test_messages_arrive_in_order_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    stream = await Stream.over(ours)
    messages = [b"", {"a": 1}, b"x" * 100_000, None]
    wire = b"".join(map(pack, messages))
    sending = asyncio.to_thread(lambda: [theirs.sendall(wire[at : at + 4_099]) for at in range(0, len(wire), 4_099)])
    task = asyncio.create_task(sending)
    assert [await stream.receive(5) for _ in messages] == messages
    await task
    stream.send(("back", 1))
    assert await asyncio.to_thread(receive, theirs) == ("back", 1)
    send(theirs, "last")
    assert await stream.receive() == "last"
    theirs.close()
    with pytest.raises(EOFError):
        await stream.receive(5)
    with pytest.raises(EOFError):
        stream.send("nobody hears")
    stream.close()


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    stream = await Stream.over(ours)
    with pytest.raises(TimeoutError):
        await stream.receive(0.01)
    stream.close()
    theirs.close()


def test_a_process_hears_that_the_other_is_gone() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(pack("half")[:3])
    ours.close()
    with pytest.raises(EOFError):
        receive(theirs)
    theirs.close()
