from smile_trace.records import Call, Message, PromptUse
from smile_trace.store.tables import Group


def call(name: str, version: str, number: int) -> Call:
    use = PromptUse(name=name, version=version, template="t", message=0, start=0, end=1)
    return Call(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        name="f",
        messages=(Message(role="user", content="t"),),
        start_ns=number,
        end_ns=number,
        prompts=(use,),
    )


def test_a_name_and_a_version_never_collide() -> None:
    one, other = call("x version 1", "2", 1), call("x", "1 version 2", 2)
    assert Group.of(one) != Group.of(other)
    assert str(Group.of(one)) == str(Group.of(other))
