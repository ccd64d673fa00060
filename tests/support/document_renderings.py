"""Fifty ways in which applications put retrieved documents into a prompt, planted.

Each takes the documents' texts and gives what is sent. `MISSING` of these texts is not among them.
"""

import html
import json
import textwrap
from collections.abc import Callable, Sequence

from smile_trace.records import Message, ToolResult

ENGLISH = (
    "The warranty of the kettle lasts 24 months from the day of purchase. It covers defects of "
    "material and workmanship, but not wear of the seals or damage by limescale.",
    "Returns are accepted within 30 days, in the original box & with the receipt.\n\n"
    'Items marked "final sale" cannot be returned; see <www.example.org/returns>.',
    "Orders above 50 euros are delivered free of charge. Orders below cost 4.90 euros.\n"
    "Delivery takes two to three working days, to the islands up to a week.",
    "Gift cards are valid for three years. They can be used in every shop and online, are not "
    "paid out in cash, and a lost card is replaced where its number is known.",
)
GERMAN = (
    "Die Garantie des Wasserkochers beträgt 24 Monate ab dem Kaufdatum. Kalkschäden sind "
    "ausgeschlossen, ebenso der Verschleiß der Dichtungen.",
    "Ein Rücktritt ist „ohne Gründe“ innerhalb von 30 Tagen möglich, wenn die Ware im "
    "Originalkarton zurückgeschickt wird.",
    "Bestellungen über 50 € werden kostenlos geliefert. Die Lieferung dauert zwei bis drei "
    "Werktage, auf die Inseln bis zu einer Woche.",
)
FRENCH = (
    "La garantie de la bouilloire dure 24 mois à compter de l’achat. Elle ne couvre ni l’usure "
    "des joints ni les dégâts causés par le calcaire.",
    "Les retours sont acceptés pendant 30 jours, dans l’emballage d’origine, avec le ticket de "
    "caisse ; les soldes ne sont pas repris.",
)
CHINESE = (
    "电热水壶的保修期为自购买之日起二十四个月。保修范围不包括密封件的磨损或水垢造成的损坏。",
    "商品可在三十天内以原包装退回，并须附上收据。特价商品不能退货。",
    "五十欧元以上的订单免费送货。送货需要两到三个工作日。",
)
JAPANESE = (
    "ケトルの保証期間は購入日から二十四か月です。パッキンの摩耗や水垢による損傷は対象外です。",
    "返品は三十日以内に元の箱で受け付けます。セール品は返品できません。",
)
THAI = (
    "กาต้มน้ำมีการรับประกันยี่สิบสี่เดือนนับจากวันที่ซื้อ ไม่รวมความเสียหายจากตะกรัน",
    "คืนสินค้าได้ภายในสามสิบวันในกล่องเดิมพร้อมใบเสร็จ สินค้าลดราคาคืนไม่ได้",
)
ARABIC = (
    "ضمان الغلاية أربعة وعشرون شهرا من تاريخ الشراء ولا يشمل تلف الحشوات أو أضرار الكلس.",
    "يمكن إرجاع السلع خلال ثلاثين يوما في علبتها الأصلية مع الإيصال ما عدا سلع التخفيضات.",
)
RUSSIAN = (
    "Гарантия на чайник составляет 24 месяца со дня покупки и не распространяется на износ "
    "уплотнителей и повреждения от накипи.",
    "Возврат возможен в течение 30 дней в оригинальной коробке с чеком; товары со скидкой не "
    "принимаются.",
)

Texts = Sequence[str]
Rendering = Callable[[Texts], str]


def _each(form: str, *, between: str = "\n") -> Rendering:
    """`{n}`, `{letter}`, `{text}` and `{flat}` of each document."""

    def render(texts: Texts) -> str:
        return between.join(
            form.format(n=n, letter=chr(64 + n), text=text, flat=" ".join(text.split()))
            for n, text in enumerate(texts, 1)
        )

    return render


def _changed(change: Callable[[str], str], *, between: str = "\n\n") -> Rendering:
    return lambda texts: between.join(map(change, texts))


def _first_words(text: str, count: int) -> str:
    return " ".join(text.split()[:count])


def _paged(text: str) -> str:
    words = text.split()
    half = len(words) // 2
    return f"{' '.join(words[:half])}\n\n[Page 2 of 3 · shop handbook]\n\n{' '.join(words[half:])}"


def _numbered_lines(text: str) -> str:
    lines = textwrap.wrap(text, 40)
    return "\n".join(f"{number:>3}: {line}" for number, line in enumerate(lines, 1))


def _hyphenated(text: str) -> str:
    words = text.split()
    long = max(words[4:-4], key=len)
    return text.replace(long, f"{long[:4]}-\n{long[4:]}", 1)


def _elided(text: str) -> str:
    words = text.split()
    return f"{' '.join(words[:8])} […] {' '.join(words[-9:])}"


_OBJECTS = "{{'id': '{n}', 'score': 0.{n}}}"

ONE_TEXT: dict[str, tuple[Rendering, Texts]] = {
    # numbered
    "[1]": (_each("[{n}] {text}"), ENGLISH),
    "1.": (_each("{n}. {text}"), ENGLISH),
    "(a)": (_each("({letter}) {flat}"), ENGLISH),
    "Document 1:": (_each("Document {n}: {text}", between="\n\n"), ENGLISH),
    "Source [1] heading": (_each("### Source [{n}]\n{text}", between="\n\n"), ENGLISH),
    "bullets": (_each("- {flat}"), ENGLISH),
    "nested bullets": (_each("* Hit {n}\n  * {flat}"), ENGLISH),
    # elements
    "XML": (_each("<document index='{n}'>\n{text}\n</document>"), ENGLISH),
    "XML, escaped": (_changed(lambda t: f"<doc>{html.escape(t)}</doc>"), ENGLISH),
    "XML with a source": (
        _each("<document>\n<source>{n}.md</source>\n<content>{text}</content>\n</document>"),
        ENGLISH,
    ),
    "CDATA": (_each("<doc><![CDATA[{text}]]></doc>"), ENGLISH),
    "HTML": (
        _changed(lambda t: f"<p>{html.escape(t).replace('the', '<b>the</b>')}</p>"),
        ENGLISH,
    ),
    "HTML, numeric entities": (
        _changed(lambda t: t.encode("ascii", "xmlcharrefreplace").decode()),
        GERMAN,
    ),
    # JSON
    "JSON": (lambda texts: json.dumps([{"text": text} for text in texts]), ENGLISH),
    "JSON, indented": (
        lambda texts: json.dumps({"docs": list(texts)}, ensure_ascii=False, indent=2),
        ENGLISH,
    ),
    "JSON, umlauts escaped": (lambda texts: json.dumps({"hits": list(texts)}), GERMAN),
    "JSON in JSON": (lambda texts: json.dumps({"r": json.dumps(list(texts))}), ENGLISH),
    "JSON lines": (
        lambda texts: "\n".join(json.dumps({"n": n, "t": t}) for n, t in enumerate(texts)),
        ENGLISH,
    ),
    "Python's repr": (lambda texts: repr(list(texts)), ENGLISH),
    "LangChain's repr": (
        lambda texts: ", ".join(f"Document(metadata={{}}, page_content={t!r})" for t in texts),
        ENGLISH,
    ),
    "YAML": (_each("- id: {n}\n  text: >\n    {flat}"), ENGLISH),
    # Markdown and tables
    "quotation": (
        _changed(lambda t: "> " + t.replace("\n", "\n> ")),
        ENGLISH,
    ),
    "bold words": (_changed(lambda t: t.replace("are", "**are**")), ENGLISH),
    "underlined words": (_changed(lambda t: t.replace("are", "__are__")), ENGLISH),
    "code block": (_each("```text\n{text}\n```"), ENGLISH),
    "headings": (_each("## Result {n}\n\n{text}\n", between="\n---\n"), ENGLISH),
    "table": (_each("| {n} | {flat} | 0.{n} |"), ENGLISH),
    "CSV": (
        _changed(lambda t: f'1,"{t.replace(chr(34), 2 * chr(34))}",a.md', between="\n"),
        ENGLISH,
    ),
    "tabs": (_each("{n}\t{flat}\ta.md"), ENGLISH),
    # white space
    "on one line": (_each("{flat}", between=" "), ENGLISH),
    "wrapped": (_changed(lambda t: textwrap.fill(t, 30)), ENGLISH),
    "indented": (_changed(lambda t: textwrap.indent(textwrap.fill(t, 50), "      ")), ENGLISH),
    "CRLF": (_changed(lambda t: t.replace("\n", "\r\n")), ENGLISH),
    "hyphenated": (_changed(_hyphenated), ENGLISH),
    "numbered lines": (_changed(_numbered_lines), ENGLISH),
    # with metadata
    "header": (_each("Source: {n}.md\nScore: 0.8{n}\nContent: {text}", between="\n\n"), ENGLISH),
    "footer": (_each("{text}\n(from {n}.md, page {n})", between="\n\n"), ENGLISH),
    "header of a page inside": (_changed(_paged), ENGLISH),
    "node of LlamaIndex": (
        _each("page_label: {n}\nfile_path: {n}.pdf\n\n{text}", between="\n\n"),
        ENGLISH,
    ),
    # cut short
    "end cut off": (_changed(lambda t: f"{_first_words(t, 12)}…"), ENGLISH),
    "end cut off inside a word": (_changed(lambda t: t[:80]), ENGLISH),
    "beginning cut off": (_changed(lambda t: f"… {' '.join(t.split()[7:])}"), ENGLISH),
    "middle left out": (_changed(_elided), (ENGLISH[0], ENGLISH[2], ENGLISH[3])),
    # other
    "capitals": (_changed(str.upper), ENGLISH),
    "other quotes and dashes": (
        _changed(lambda t: t.replace("“", '"').replace("„", '"').replace("’", "'")),
        FRENCH,
    ),
    "Chinese, wrapped": (_changed(lambda t: textwrap.fill(t, 14)), CHINESE),
    "Japanese": (_each("【{n}】{text}"), JAPANESE),
    "Thai": (_each("[{n}] {text}"), THAI),
    "Arabic": (_each("{n}) {text}"), ARABIC),
    "Russian": (_each("<d n={n}>{flat}</d>"), RUSSIAN),
}


def sent(rendered: str, question: str = "How long does it take?") -> tuple[Message, ...]:
    """The documents in the user's message."""
    content = f"Answer from these:\n{rendered}\n\nQuestion: {question}"
    return Message(role="system", content="Be brief."), Message(role="user", content=content)


def in_a_tool_result(texts: Texts) -> tuple[Message, ...]:
    """The documents in the JSON that a tool gave back."""
    result = ToolResult(id="c", response=json.dumps({"hits": [{"text": text} for text in texts]}))
    return Message(role="user", content="How long?"), Message(role="tool", parts=(result,))


def one_by_one(texts: Texts) -> tuple[Message, ...]:
    """Each document in a message of its own."""
    return tuple(Message(role="user", content=f"Context: {text}") for text in texts)
