"""Natural answers: is the word found on which a longer answer of a real model depends most?"""
