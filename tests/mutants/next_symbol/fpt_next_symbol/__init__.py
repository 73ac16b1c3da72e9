"""The next symbol of a repeated word: a reference with all that the one of `fpt new` has not.

Token ids, a target that is part of the input, an answer at every position, modules of its own,
training words that are cut elsewhere at every read, tokens that lose nothing, and a reader that goes on
after a bad line.
"""
