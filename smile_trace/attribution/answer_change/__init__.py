"""How much of a logged answer a response leaves out or contradicts (see `change`).

English, German, French, Spanish, Japanese and Chinese have their number words, negations and
opposites here; in any other language digits, signs, units, operators, names, order and meaning
are compared all the same.
"""

from smile_trace.attribution.answer_change.change import AnswerChange, ContentChange, compare
from smile_trace.attribution.word_vectors import Meaning, embed_sentences

__all__ = ["AnswerChange", "ContentChange", "Meaning", "compare", "embed_sentences"]
