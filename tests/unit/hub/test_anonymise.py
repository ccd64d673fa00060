"""Pseudonyms in every text alike; nothing of what was replaced is left in the folder."""

import json
import random
import unicodedata
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.hub import build, read_entries, write_entries
from smile_trace.hub.anonymise import NotReviewed, anonymise, public, reviewed
from smile_trace.hub.check import check_line
from smile_trace.hub.pseudonyms import Pseudonyms, as_read
from smile_trace.records import DocumentAttribution, Message, TextPart, ToolCall, ToolResult
from smile_trace.records.comparison import Comparison, Example, VersionChange, VersionReport
from smile_trace.records.entry import Entry
from tests.support.explained import captured, explanation
from tests.support.hub_entries import entry, explained

pytestmark = pytest.mark.thorough

DRAW = random.Random(0)


def letters(count: int) -> str:
    return "".join(DRAW.choice("abcdefghijklmnopqrstuvwyz") for _ in range(count))


def digits(count: int) -> str:
    return "".join(DRAW.choice("123456789") for _ in range(count))


def fours(count: int, between: str) -> str:
    return between.join(digits(4) for _ in range(count))


TYPED = [
    *(f"{letters(6)}.{letters(5)}@{letters(8)}.example" for _ in range(60)),
    *(f"{digits(2)}.{digits(2)}.{digits(2)}.1{digits(1)}" for _ in range(40)),
    *(f"+4{digits(1)} {digits(3)} {digits(7)}" for _ in range(40)),
    *(fours(4, " ") for _ in range(40)),
    *(f"DE{digits(2)} {fours(4, ' ')} {digits(2)}" for _ in range(30)),
    *(f"{digits(8)}-{digits(4)}-4{digits(3)}-8{digits(3)}-{digits(12)}" for _ in range(20)),
    *(f"sk-{letters(10)}{digits(4)}{letters(10)}" for _ in range(30)),
    *(f"2001:db8:{fours(6, ':')}" for _ in range(20)),
    *(f"{digits(2)}:{digits(2)}:ab:cd:{digits(2)}:{digits(2)}" for _ in range(20)),
]  # fmt: skip
NAMES = [f"{letters(7).title()} {letters(8).title()}" for _ in range(50)]


def planted(every: int = 1) -> list[Entry]:
    """Each identifier in prompt, answer, responses, summary, parameters and tags."""
    made = []
    for secret in [*TYPED, *NAMES][::every]:
        prompt = f"Write to {secret}, please: {secret.upper() if secret in NAMES else secret}!"
        found = explanation([("user", prompt)], {"Write": 0.6}, answer=f"To {secret}: done.")
        row = found.perturbations[0].model_copy(update={"response": f"({secret})"})
        update = {
            "summary": f"It depends on “{secret}”.",
            "perturbations": (row,) * 2,
            "parameters": {"user": secret, "metadata": {secret: secret}},
            "metadata": {"seen": secret},
        }
        made.append(Entry.of(found.model_copy(update=update), tags=(f"for {secret}",)))
    return made


@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_none_of_300_identifiers_and_50_names_is_left_in_the_folder(
    tmp_path: Path, every: int
) -> None:
    assert len(set(TYPED)) == 300
    before = planted(every)
    after = list(anonymise(before, Pseudonyms(NAMES)))
    build(tmp_path / "g", after)
    held = b"\n".join(path.read_bytes() for path in (tmp_path / "g").rglob("*") if path.is_file())
    lower = held.lower()
    left = [secret for secret in [*TYPED, *NAMES] if secret.lower().encode() in lower]
    assert left == []
    words = [word for name in NAMES for word in name.split() if word.lower().encode() in lower]
    assert words == []


def test_the_explanation_says_the_same() -> None:
    before = planted(every=10)
    for one, other in zip(before, anonymise(before, Pseudonyms(NAMES)), strict=True):
        old, new = one.explanation, other.explanation
        assert old is not None
        assert new is not None
        assert (old.fidelity, old.status) == (new.fidelity, new.status)
        for was, now in zip(old.segments, new.segments, strict=True):
            same = {"text"}
            assert was.model_dump(exclude=same) == now.model_dump(exclude=same)
            assert now.text == new.messages[0].content[now.start : now.end]
        assert other.redaction is not None
        assert other.redaction.replaced
        assert not other.redaction.reviewed_by


def with_document_of(who: str) -> Entry:
    """What a retriever, a tool and the parts of a message say of somebody."""
    found = explanation([("user", "Whose is it?")], {"Whose": 0.6}, answer="Hers.")
    first = found.segments[0].model_copy(update={"key": f"document:{who}"})
    call = ToolCall(id="call_123456789", name="look", arguments="{}")
    told = {"id": who, "author": who, "first": who, "status": {"key": who}}
    update = {
        "documents": (DocumentAttribution(id=who, place=(0, 0, 5), measured="never"),),
        "segments": (first, *found.segments[1:]),
        "partitions": ((f"document:{who}",),),
        "messages": (
            *found.messages,
            Message(role="assistant", parts=(call,)),
            Message(role="tool", parts=(ToolResult(id=call.id, response=told),)),
        ),
    }
    return Entry.of(found.model_copy(update=update))


def test_what_others_call_an_id_is_a_text() -> None:
    before = with_document_of("ada@acme.org")
    assert before.line.count("ada@acme.org") == 7
    [after] = anonymise([before], Pseudonyms())
    assert "ada@acme.org" not in after.line
    assert after.explanation is not None
    [document] = after.explanation.documents
    assert document.id == "xxx@xxxx.xxa"
    assert after.explanation.partitions == ((after.explanation.segments[0].key,),)
    assert after.line.count("call_123456789") == 2
    assert after.redaction is not None
    assert after.redaction.replaced == {"email": 1}


def test_a_word_of_a_message_in_parts_is_cut_from_what_was_replaced() -> None:
    found = explanation([("user", "Call 0650 123 4567, now.")], {"Call": 0.6})
    text, more = TextPart(content=found.messages[0].content), TextPart(content="Please.")
    parted = (Message(role="user", parts=(text, more)),)
    [after] = anonymise([Entry.of(found.model_copy(update={"messages": parted}))], Pseudonyms())
    assert after.explanation is not None
    content = after.explanation.messages[0].content
    assert content.startswith("Call 0000 000 000")
    for segment in after.explanation.segments:
        assert segment.text == content[segment.start : segment.end]


WHO = "Jürgen Müller-Lüdenscheidt"
WRITTEN = {
    "case": WHO.upper(),
    "decomposed": unicodedata.normalize("NFD", WHO),
    "wide": "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalpha() else c for c in WHO),
    "joined by nothing": WHO.replace("ll", "l\u200bl").replace("en", "e\xadn\u2060"),
    "selectors and controls": WHO.replace("ll", "l\ufe0f\x00l"),
    "JSON": json.dumps(WHO)[1:-1],
    "JSON in JSON": json.dumps(json.dumps(WHO))[1:-1],
    "JSON in capitals": json.dumps(WHO)[1:-1].replace("fc", "FC"),
    "JSON behind a line break": "Dear\\n" + json.dumps(WHO)[1:-1],
    "JavaScript": WHO.replace("ü", r"\u{fc}"),
    "Python": WHO.encode("ascii", "backslashreplace").decode(),
    "address": quote(WHO),
    "form": quote_plus(WHO),
    "Latin-1 in an address": quote(WHO, encoding="latin-1"),
    "address in an address": quote(quote(WHO)),
    "HTML": WHO.replace("ü", "&uuml;").replace(" ", "&nbsp;"),
    "HTML by numbers": "".join(f"&#{ord(c)};" for c in WHO),
    "HTML by hexadecimals": WHO.replace("ü", "&#xfc;"),
    "HTML in HTML": WHO.replace("ü", "&amp;uuml;"),
    "HTML with nothing": WHO.replace("ll", "l&#8203;l&shy;"),
    "HTML in JSON": WHO.replace("ü", r"\u0026uuml;"),
    "decomposed in an address": quote(unicodedata.normalize("NFD", WHO)),
    "a name of a file": WHO.lower().replace(" ", "-"),
    "a name of a class": WHO.replace(" ", ""),
}


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("listed", [WHO, unicodedata.normalize("NFD", WHO), WHO.lower()])
def test_a_name_is_found_however_it_is_written(how: str, listed: str) -> None:
    text = f"To: {WRITTEN[how]}, today; to {WHO}."
    pseudonyms = Pseudonyms([listed])
    pseudonyms.find(text)
    new = pseudonyms.replace(text)
    assert len(new) == len(text)
    assert new.startswith("To: ")
    assert ", today; to " in new
    for read in (new, as_read(new).text):
        for part in ("jürgen", "rgen", "müller", "ller", "denscheidt"):
            assert part not in read.casefold()
    assert {one.kind for one in pseudonyms.replaced} == {"name"}


@pytest.mark.parametrize(
    "mail", ["ada%40acme.org", "ada&#64;acme.org", r"ada\u0040acme.org", "ada@\u200bacme.org"]
)
def test_what_has_a_shape_is_found_however_it_is_written(mail: str) -> None:
    new = Pseudonyms().replace(f"<{mail}>")
    assert "ada" not in new
    assert "acme" not in new
    assert len(new) == len(mail) + 2


@given(st.text(max_size=60))
def test_a_pseudonym_takes_the_place_of_what_it_replaces(text: str) -> None:
    assert len(Pseudonyms(["ada", "/[0-9a-f]{2,}/", "ß", "ﬁ"]).replace(text)) == len(text)
    read = as_read(text)
    assert len(read.text) == len(read.places)
    assert all(0 <= start < end <= len(text) for start, end in read.places)
    starts = [start for start, _ in read.places]
    assert starts == sorted(starts)


def test_names_of_models_authors_and_licences_are_looked_at(tmp_path: Path) -> None:
    model = "ft:gpt-4o-mini-2024-07-18:acme:jane-quixote:9xYz"
    settings = explained().settings.model_copy(update={"model": model})
    made = Entry.of(
        explained().model_copy(update={"settings": settings}),
        author="Jane Quixote (jane@quixote.example)",
        licence="LicenseRef-Quixote",
    )
    run, file, clean = CliRunner(), tmp_path / "a.smile.jsonl", tmp_path / "b.smile.jsonl"
    names = tmp_path / "names.txt"
    names.write_text("Jane Quixote\n")
    write_entries([made], file)
    clean_it = ["hub", "anonymise", str(file), str(clean), "--list", str(names)]
    shown = run.invoke(app, clean_it).output
    assert "quixote" not in clean.read_text().lower()
    [(_, after)] = read_entries(clean)
    assert after.explanation is not None
    left = after.explanation.settings.model
    assert left is not None
    assert left.startswith("ft:gpt-4o-mini-2024-07-18:acme:xxx")
    for name in (f"model {left!r}", f"author {after.author!r}", f"licence {after.licence!r}"):
        assert f"still in it: {name}" in shown
    looked_at = ["hub", "review", str(clean), "--by", "Bo"]
    review = run.invoke(app, looked_at, input="n\n").output
    for text in (left, after.author, after.licence):
        assert f"also in it: {text}\n" in review


def test_the_same_text_has_the_same_pseudonym_in_all_texts() -> None:
    pseudonyms = Pseudonyms(["Ada Lovelace", "/order-[a-z]+/"])
    first = pseudonyms.replace("Ada Lovelace (ada@x.org) wrote on order-abc.")
    assert first == "Xxx Xxxxxxxa (xxa@x.xxx) wrote on xxxxx-xxa.".replace(
        "xxa@x.xxx", first[14:23]
    )
    assert pseudonyms.replace("ADA LOVELACE") == first[:12].upper()
    assert pseudonyms.replace("Open from 9 to 17:30 on 3 May, 2 for 1.") == (
        "Open from 9 to 17:30 on 3 May, 2 for 1."
    )
    assert {one.kind for one in pseudonyms.replaced} == {"name", "email"}


def test_different_texts_have_different_pseudonyms() -> None:
    pseudonyms = Pseudonyms()
    mails = [f"p{number}@example.org" for number in range(10, 99)]
    assert len({pseudonyms.replace(mail) for mail in mails}) == len(mails)


@pytest.mark.slow
def test_what_is_replaced_is_no_longer_computed_from() -> None:
    found = explained("Mail bo@shop.example or nine. When does it open? At what time?")
    [other] = anonymise([Entry.of(found)], Pseudonyms())
    checked, _ = check_line(1, other.line.encode())
    assert checked.outcome == "intact"
    [same] = anonymise([entry()], Pseudonyms())
    assert check_line(1, same.line.encode())[0].outcome == "identical"


def test_public_asks_for_a_review_in_any_case(tmp_path: Path) -> None:
    run, file, clean = CliRunner(), tmp_path / "a.smile.jsonl", tmp_path / "b.smile.jsonl"
    write_entries([entry()], file)
    names = tmp_path / "names.txt"
    names.write_text("Lyon\n")
    shown = run.invoke(app, ["hub", "anonymise", str(file), str(clean), "--list", str(names)])
    assert "2 × name 'Lyon' → xxxa" in shown.output
    build_it = ["hub", "build", str(tmp_path / "g"), "--from", str(clean), "--public"]
    assert "nobody has looked at" in str(run.invoke(app, build_it).exception)
    assert not (tmp_path / "g").exists()
    refused = run.invoke(app, ["hub", "review", str(clean), "--by", "Bo"], input="n\n")
    assert "0 of 1 may be made public" in refused.output
    run.invoke(app, ["hub", "anonymise", str(file), str(clean), "--list", str(names)])
    agreed = run.invoke(app, ["hub", "review", str(clean), "--by", "Bo"], input="y\n")
    assert "user: The shop in Xxxa opens" in agreed.output
    assert run.invoke(app, build_it).exit_code == 0


def test_a_secret_is_never_public(tmp_path: Path) -> None:
    key = "sk-" + "a1B2" * 8
    found = explained().model_copy(update={"messages": (Message(role="user", content=key),)})
    file = tmp_path / "a.smile.jsonl"
    write_entries([Entry.of(found)], file)
    run = CliRunner()
    run.invoke(app, ["hub", "review", str(file), "--by", "Bo", "--yes"])
    built = run.invoke(app, ["hub", "build", str(tmp_path / "g"), "--from", str(file), "--public"])
    assert "still holds what looks like secret" in str(built.exception)


KEY = "sk-" + "a1B2" * 8
COMPARISON = Comparison(
    prompt="mail",
    versions=(VersionReport(label="1", version="1", template="Write to {who}."),),
    changes=(
        VersionChange(
            before=0,
            after=0,
            examples=(Example(variables={"who": "Ada"}, before="Dear Ada", after=KEY, distance=1),),
        ),
    ),
)


def holding(where: str) -> Entry:
    """An entry that holds a key in one place only."""
    found = explained()
    match where:
        case "call":
            call = captured(found)[1].model_copy(update={"metadata": {"header": KEY}})
            return Entry.of(found, call=call)
        case "parameters":
            return Entry.of(found.model_copy(update={"parameters": {"user": {KEY: 1}}}))
        case "documents":
            document = DocumentAttribution(id=KEY, place=(0, 0, 5), measured="never")
            return Entry.of(found.model_copy(update={"documents": (document,)}))
        case "tags":
            return Entry.of(found, tags=(KEY,))
    return Entry.of(COMPARISON)


@pytest.mark.parametrize("where", ["call", "parameters", "documents", "tags", "comparison"])
def test_a_secret_in_any_field_is_never_public(where: str) -> None:
    with pytest.raises(NotReviewed, match="still holds what looks like secret"):
        list(public([reviewed(holding(where), "Bo")]))


def test_what_is_asked_about_is_shown(tmp_path: Path) -> None:
    file, run = tmp_path / "a.smile.jsonl", CliRunner()
    call = captured(explained())[1].model_copy(update={"user": "Ada Lovelace"})
    write_entries([Entry.of(COMPARISON), Entry.of(explained(), call=call, author="Cy")], file)
    shown = run.invoke(app, ["hub", "review", str(file), "--by", "Bo"], input="y\nn\n").output
    compared, _, called = shown.partition("be made public?")
    for text in ("mail", "Write to {who}.", "Dear Ada"):
        assert f"also in it: {text}\n" in compared
    for text in ("Ada Lovelace", "Cy"):
        assert f"also in it: {text}\n" in called
    assert called.count("The shop in Lyon") == 1
    assert ":word:" not in shown
    assert [one.kind for _, one in read_entries(file)] == ["comparison"]


def test_a_pattern_that_is_none_is_said(tmp_path: Path) -> None:
    file, names = tmp_path / "a.smile.jsonl", tmp_path / "names.txt"
    write_entries([entry()], file)
    names.write_text("/(/")
    done = CliRunner().invoke(
        app, ["hub", "anonymise", str(file), str(tmp_path / "b"), "--list", str(names)]
    )
    assert "contains an invalid regular expression" in str(done.exception)
