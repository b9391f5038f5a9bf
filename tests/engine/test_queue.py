"""The queue: each key once, one visit at a time, pauses that grow."""

import asyncio
import random

from controller.domain.records import Ref
from controller.engine.queue import BACKOFF_MAX_SECONDS, Queue

A, B = Ref("n", "a"), Ref("n", "b")


def queue() -> Queue:
    return Queue(dice=random.Random(7))


def test_a_ref_added_twice_is_visited_once() -> None:
    async def story() -> None:
        todo = queue()
        todo.add(A)
        todo.add(A)
        todo.add(B)
        assert [await todo.take(), await todo.take()] == [A, B]
        assert len(todo) == 0

    asyncio.run(story())


def test_a_ref_added_during_its_visit_is_visited_again_but_not_at_the_same_time() -> None:
    async def story() -> None:
        todo = queue()
        todo.add(A)
        await todo.take()
        todo.add(A)
        todo.add(B)
        assert await todo.take() == B
        todo.done(A)
        assert await todo.take() == A

    asyncio.run(story())


def test_a_timer_wakes_the_ref_and_the_earliest_of_several_counts() -> None:
    async def story() -> None:
        todo = queue()
        todo.add_after(A, 3600)
        todo.add_after(A, 0.01)
        todo.add_after(A, 60)
        assert await asyncio.wait_for(todo.take(), 5) == A

    asyncio.run(story())


def test_an_event_overtakes_the_timer_which_then_does_not_ring() -> None:
    async def story() -> None:
        todo = queue()
        todo.add_after(A, 0.02)
        todo.add(A)
        assert await todo.take() == A
        todo.done(A)
        await asyncio.sleep(0.05)
        todo.add(B)
        assert await todo.take() == B
        assert len(todo) == 0

    asyncio.run(story())


def test_pauses_grow_with_jitter_up_to_a_limit_and_success_forgets_them() -> None:
    async def story() -> None:
        todo = queue()
        pauses = [todo.back_off(A) for _ in range(40)]
        assert pauses[0] <= 0.1
        assert max(pauses) <= BACKOFF_MAX_SECONDS
        assert min(pauses[-20:]) >= BACKOFF_MAX_SECONDS / 2
        assert len(set(pauses[-20:])) == 20
        todo.succeed(A)
        assert todo.back_off(A) <= 0.1

    asyncio.run(story())


def test_a_worker_that_is_cancelled_as_it_is_woken_leaves_the_ref_to_another() -> None:
    async def story() -> None:
        todo = queue()
        first, second = asyncio.create_task(todo.take()), asyncio.create_task(todo.take())
        await asyncio.sleep(0)
        todo.add(A)
        first.cancel()
        assert await asyncio.wait_for(second, 5) == A

    asyncio.run(story())


def test_an_earlier_timer_overtakes_a_later_one_that_was_set_before() -> None:
    async def story() -> None:
        todo = queue()
        todo.add_after(A, 3600)
        todo.add_after(B, 0.01)
        assert await asyncio.wait_for(todo.take(), 5) == B

    asyncio.run(story())
