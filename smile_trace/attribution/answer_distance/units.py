"""Units and currencies, by any of their names, to one symbol."""

import math

_UNITS = {
    "ms": "ms millisecond milliseconds millisekunde millisekunden milliseconde millisecondes"
    " milisegundo milisegundos ミリ秒 毫秒",
    "s": "s sec second seconds sekunde sekunden seconde secondes segundo segundos 秒",
    "min": "min minute minutes minuten minuto minutos 分 分钟 分鐘",
    "h": "h hr hour hours stunde stunden std heure heures hora horas 時間 小时 小時",
    "day": "day days tag tage tagen jour jours día días 日間 天",
    "week": "week weeks woche wochen semaine semaines semana semanas 週間 周",
    "month": "month months monat monate monaten mois mes meses か月 ヶ月 个月",
    "year": "year years jahr jahre jahren an ans année années año años 年間",
    "mg": "mg milligram milligrams milligramm milligramme milligrammes miligramos ミリグラム 毫克",
    "g": "g gram grams gramm gramme grammes gramo gramos グラム 克",
    "kg": "kg kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramo kilogramos"
    " キログラム 公斤 千克",
    "t": "tonne tonnes tons tonnen toneladas トン 吨",
    "mm": "mm millimeter millimeters millimètres milímetros ミリメートル 毫米",
    "cm": "cm centimeter centimeters zentimeter centimètre centimètres centímetro centímetros"
    " センチメートル 厘米",
    "m": "m meter meters metre metres metern mètre mètres metro metros メートル 米",
    "km": "km kilometer kilometers kilometre kilometres kilometern kilomètre kilomètres kilómetro"
    " kilómetros キロメートル 公里",
    "ft": "ft foot feet",
    "mi": "mi mile miles meile meilen milles millas マイル 英里",
    "m²": "m² m2 quadratmeter",
    "ha": "ha hectare hectares hektar hectáreas ヘクタール 公顷",
    "ml": "ml milliliter milliliters millilitre millilitres mililitros ミリリットル 毫升",
    "cl": "cl", "dl": "dl",
    "l": "l liter liters litre litres litern litro litros リットル 升",
    "°C": "°c celsius", "°F": "°f fahrenheit", "°": "° degree degrees grad degré degrés grados 度",
    "KB": "kb", "MB": "mb", "GB": "gb", "TB": "tb",
    "%": "% percent prozent パーセント",
    "$": "$ usd dollar dollars dólar dólares ドル 美元", "€": "€ eur euro euros ユーロ 欧元",
    "£": "£ gbp pound pounds", "¥": "¥ jpy yen 円", "元": "元 块 rmb cny",
}  # fmt: skip

_SYMBOLS = {name: symbol for symbol, names in _UNITS.items() for name in names.split()}

HAN_UNITS = sorted((n for n in _SYMBOLS if n[0] > "\u2fff"), key=len, reverse=True)
"""Names in characters that are not set apart by spaces, longest first."""


_SCALES = {
    "ms": (0.001, "s"), "min": (60, "s"), "h": (3600, "s"), "day": (86400, "s"),
    "week": (604800, "s"), "year": (12, "month"),
    "mg": (0.001, "g"), "kg": (1000, "g"), "t": (10**6, "g"),
    "mm": (0.001, "m"), "cm": (0.01, "m"), "km": (1000, "m"), "ft": (0.3048, "m"),
    "mi": (1609.344, "m"), "ha": (10**4, "m²"),
    "ml": (0.001, "l"), "cl": (0.01, "l"), "dl": (0.1, "l"),
    "KB": (1000, "B"), "MB": (10**6, "B"), "GB": (10**9, "B"), "TB": (10**12, "B"),
}  # fmt: skip


def same_amount(one: tuple[float, str], other: tuple[float, str]) -> bool:
    """Whether two values with units are the same amount: 2 h are 120 min."""
    (value, base), (again, other_base) = (
        (value * factor, base)
        for value, unit in (one, other)
        for factor, base in [_SCALES.get(unit, (1, unit))]
    )
    return base == other_base and math.isclose(value, again)


def unit_of(word: str) -> str | None:
    """The symbol of a unit's name in lower case; None where it is none."""
    return _SYMBOLS.get(word)
