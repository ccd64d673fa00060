"""How far a response is from the logged answer, in layers: values, structure, meaning.

English, German, French, Spanish, Japanese and Chinese have their number words, negations and
opposites here; in any other language digits, signs, units, operators, names, order and meaning
are compared all the same.
"""

from smile_trace.attribution.answer_distance.change import AnswerChange, compare
from smile_trace.attribution.answer_distance.layered_change import LayeredChange
from smile_trace.attribution.answer_distance.meaning import Meaning, embed_sentences

__all__ = ["AnswerChange", "LayeredChange", "Meaning", "compare", "embed_sentences"]
