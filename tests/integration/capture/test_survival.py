"""Finished calls are in the spool, however the process ends."""

import signal
from collections import Counter
from pathlib import Path

import pytest

from smile_trace.spool import writer_alive
from tests.support.application_process import run_application, spooled_calls

FIFTY = "[ask(str(i)) for i in range(50)]\n"

ENDINGS = {
    "kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "terminate": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)",
    "exit at once": "os._exit(3)",
    "interpreter exit": "sys.exit(0)",
    "uncaught exception": "raise RuntimeError('nobody catches it')",
    "abort": "os.abort()",
}


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(code, id=name, marks=[] if name == "kill" else pytest.mark.slow)
        for name, code in ENDINGS.items()
    ],
)
def test_finished_calls_survive(ending: str, tmp_path: Path) -> None:
    run_application(FIFTY + ending, tmp_path)
    calls = spooled_calls(tmp_path)
    assert sorted(c.messages[0].content for c in calls) == sorted(map(str, range(50)))
    assert {c.status for c in calls} == {"returned"}
    assert all(c.answer == f"answer to {c.messages[0].content}" for c in calls)
    assert not any(map(writer_alive, (tmp_path / "spool").glob("*.jsonl")))


def test_a_forked_child_writes_a_file_of_its_own(tmp_path: Path) -> None:
    done = run_application(
        """
        for i in range(25): ask(f"parent {i}")
        pid = os.fork()
        for i in range(25): ask(f"{'parent' if pid else 'child'} after {i}")
        if pid: os.waitpid(pid, 0)
        else: os._exit(0)
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    who = Counter(" ".join(c.messages[0].content.split()[:-1]) for c in spooled_calls(tmp_path))
    assert who == {"parent": 25, "parent after": 25, "child after": 25}
    assert len(list((tmp_path / "spool").glob("*.jsonl"))) == 2


@pytest.mark.slow
def test_a_living_child_does_not_hold_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    done = run_application(
        """
        from pathlib import Path
        from smile_trace.spool import writer_alive
        ask("parent")
        [file] = (Path(os.environ["SMILE_TRACE_HOME"]) / "spool").glob("*.jsonl")
        assert writer_alive(file)
        ready, go = os.pipe()
        if os.fork():
            os._exit(0)
        os.close(go); os.read(ready, 1)   # the parent is going, its files are closed in any order
        until = time.monotonic() + 30
        while writer_alive(file) and time.monotonic() < until: time.sleep(.01)
        print(writer_alive(file))
        """,
        tmp_path,
    )
    assert done.stdout.strip() == "False", done.stderr


THREADED_FORK = """
stop = threading.Event()
written = [0, 0]
def work(n):
    while not stop.is_set():
        ask(f"thread {n}"); written[n] += 1
threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
[t.start() for t in threads]
children = []
for n in range(8):
    pid = os.fork()
    if pid == 0:
        for i in range(5): ask(f"child {n}")
        os._exit(0)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
stop.set(); [t.join() for t in threads]
print(sum(written))
"""


@pytest.mark.slow
@pytest.mark.parametrize("repetition", range(10))
def test_fork_while_other_threads_write(repetition: int, tmp_path: Path) -> None:
    done = run_application(THREADED_FORK, tmp_path)
    assert done.returncode == 0, done.stderr
    who = Counter(c.messages[0].content.split()[0] for c in spooled_calls(tmp_path))
    assert who == {"thread": int(done.stdout), "child": 40}


@pytest.mark.parametrize(
    "repetition", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 10))]
)
def test_killed_while_threads_write(repetition: int, tmp_path: Path) -> None:
    """Every call that had returned before the kill is there, whole."""
    done = run_application(
        """
        def work(n):
            for i in range(3_000):
                ask(f"{n}-{i}")
                os.write(1, f"{n}-{i}\\n".encode())
        for n in range(3): threading.Thread(target=work, args=(n,), daemon=True).start()
        time.sleep(0.05 + 0.01 * int(os.environ["REPETITION"]))
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        tmp_path,
        {"REPETITION": str(repetition)},
    )
    assert done.returncode == -signal.SIGKILL
    returned = set(done.stdout.split())
    assert len(returned) > 20
    assert returned <= {c.messages[0].content for c in spooled_calls(tmp_path)}


@pytest.mark.slow
def test_a_thread_pool_at_exit(tmp_path: Path) -> None:
    run_application(
        """
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(4)
        for i in range(50): pool.submit(lambda i=i: (time.sleep(0.01), ask(str(i))))
        """,
        tmp_path,
    )
    assert len(spooled_calls(tmp_path)) == 50


STREAMS = """
@smile_trace.trace
def stream(prompt):
    yield "one "; yield "two"

@smile_trace.trace
async def astream(prompt):
    yield "one "; yield "two"

@smile_trace.trace
async def slow(prompt):
    await asyncio.sleep(60)
"""

LEFT = {
    "collected": "for i in range(50): s = stream(str(i)); next(s); del s",
    "open at exit": "keep = [stream(str(i)) for i in range(50)]; [next(s) for s in keep]",
    "closed": "for i in range(50): s = stream(str(i)); next(s); s.close()",
    "aclosed": """
async def main():
    for i in range(50):
        s = astream(str(i)); await anext(s); await s.aclose()
asyncio.run(main())""",
    "broken out of": """
async def main():
    for i in range(50):
        async for item in astream(str(i)): break
        await asyncio.sleep(0)   # the loop closes what was left
asyncio.run(main())""",
    "loop gone": """
keep = []
async def main():
    for i in range(50):
        s = astream(str(i)); await anext(s); keep.append(s)
asyncio.new_event_loop().run_until_complete(main())""",
}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(code, id=name, marks=[] if name == "open at exit" else pytest.mark.slow)
        for name, code in LEFT.items()
    ],
)
def test_unfinished_streams_are_abandoned(body: str, tmp_path: Path) -> None:
    run_application(STREAMS + body, tmp_path)
    calls = spooled_calls(tmp_path)
    assert len(calls) == 50
    assert {(c.status, c.answer) for c in calls} == {("abandoned", "one ")}


@pytest.mark.slow
def test_cancelled_tasks(tmp_path: Path) -> None:
    run_application(
        STREAMS
        + """
async def main():
    tasks = [asyncio.create_task(slow(str(i))) for i in range(40)]
    await asyncio.sleep(0.01)
    for task in tasks: task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    rest = [asyncio.create_task(slow(str(i))) for i in range(40, 50)]   # left to asyncio.run
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
        tmp_path,
    )
    calls = spooled_calls(tmp_path)
    assert Counter(c.status for c in calls) == {"cancelled": 50}
    assert {c.answer for c in calls} == {None}


SLOW_DISK = """
from smile_trace.spool import writer
make_private = writer.make_private
def slow(folder):
    until = time.monotonic() + 0.02
    while time.monotonic() < until: pass
    make_private(folder)
writer.make_private = slow
"""

SIGNALS = """
handled = 0
def handle(*_):
    global handled
    ask("from the handler"); handled += 1
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
for i in range(CALLS): ask("from the program")
signal.setitimer(signal.ITIMER_REAL, 0)
print(handled)
"""


def test_a_signal_handler_may_make_calls(tmp_path: Path) -> None:
    done = run_application(SIGNALS.replace("CALLS", "3000"), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    who = Counter(c.messages[0].content for c in spooled_calls(tmp_path))
    assert int(done.stdout) > 10
    assert who == {"from the program": 3000, "from the handler": int(done.stdout)}


@pytest.mark.slow
def test_a_signal_handler_may_make_calls_while_a_slow_disk_makes_the_file(tmp_path: Path) -> None:
    """Handlers wait for the file, where each began another one and none was ever finished."""
    done = run_application(SLOW_DISK + SIGNALS.replace("CALLS", "100"), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    who = Counter(c.messages[0].content for c in spooled_calls(tmp_path))
    assert who == {"from the program": 100, "from the handler": int(done.stdout)}
    assert len(list((tmp_path / "spool").glob("*.jsonl"))) == 1


@pytest.mark.slow
def test_a_record_that_is_lost_on_a_full_stack_is_counted(tmp_path: Path) -> None:
    done = run_application(
        """
        ask("warm")
        def deep(levels):
            try:
                deep(levels + 1)
            except RecursionError:
                pass
            try:
                ask("deep"); returned.append(levels)
            except RecursionError:
                pass
        returned = []
        deep(0)
        from smile_trace.capture.runtime import state
        print(len(returned), sum(state.runtime.spool.losses.by_reason.values()))
        """,
        tmp_path,
    )
    returned, lost = map(int, done.stdout.split())
    assert lost > 0
    deep = [c for c in spooled_calls(tmp_path) if c.messages[0].content == "deep"]
    assert len(deep) + lost == returned
