"""Months, days of the week and parts of the day by their names, dates and times by their forms."""

import re

_MONTHS = (
    "january januar janvier enero jan", "february februar février febrero feb",
    "march märz mars marzo", "april avril abril apr", "may mai mayo", "june juni juin junio jun",
    "july juli juillet julio jul", "august août agosto aug",
    "september septembre septiembre sept sep", "october oktober octobre octubre oct okt",
    "november novembre noviembre nov", "december dezember décembre diciembre dec dez",
)  # fmt: skip
_WEEKDAYS = (
    "monday montag lundi lunes 月曜 星期一 周一", "tuesday dienstag mardi martes 火曜 星期二 周二",
    "wednesday mittwoch mercredi miércoles 水曜 星期三 周三",
    "thursday donnerstag jeudi jueves 木曜 星期四 周四",
    "friday freitag vendredi viernes 金曜 星期五 周五",
    "saturday samstag samedi sábado 土曜 星期六 周六",
    "sunday sonntag dimanche domingo 日曜 星期日 周日",
)  # fmt: skip
_HALVES = {
    "am": "a.m. am morgens vormittags matin 午前 上午 早上",
    "pm": "p.m. pm nachmittags abends 午後 下午 晚上",
}

MONTHS = {name: k for k, names in enumerate(_MONTHS, start=1) for name in names.split()}
WEEKDAYS = {name: k for k, names in enumerate(_WEEKDAYS) for name in names.split()}
WEEKDAYS |= {f"{name}s": k for name, k in WEEKDAYS.items() if name[0] < "\u2fff"}
HALVES = {name: half for half, names in _HALVES.items() for name in names.split()}

HAN_DATE = re.compile(r"(?:(\d{4})年)?(\d{1,2})月(?:(\d{1,2})日)?")


def date_key(year: int | None, month: int | None, day: int | None) -> str:
    """`2025-03-31`, with a question mark for what is not said."""
    return "-".join("?" if part is None else str(part) for part in (year, month, day))


def compatible(one: str, other: str) -> bool:
    """Whether two dates (or times of day) can be the same one: no part that both say differs."""
    parts = zip(one.split("-"), other.split("-"), strict=False)
    return all(a == b or "?" in (a, b) for a, b in parts)
