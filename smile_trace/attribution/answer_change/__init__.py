"""How much of a logged answer a response leaves out or contradicts (see `change`). Number words,
negations and opposites are known in English, German, French, Spanish, Japanese and Chinese; digits,
signs, units, operators, names, order and meaning are compared in any language."""

from smile_trace.attribution.answer_change.change import AnswerChange, ContentChange, compare
from smile_trace.attribution.word_vectors import Meaning, embed_sentences

__all__ = ["AnswerChange", "ContentChange", "Meaning", "compare", "embed_sentences"]
