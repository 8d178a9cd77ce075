"""Whether two texts ask for the same, so that the answer to one may be given for the other.

A text is read once (`reading`): what stands in it becomes marks of a few kinds (numbers, dates, names, negations and so
on) and a row of words, in which harmless ways of saying the same are one. Two readings are then put to the checks of
`table`, one small file each; the first that finds a difference names it, and there is no hit.

The rule of the last check is what keeps wrong answers out: every word has to be accounted for. Nobody has to foresee a
difference for it to count; somebody has to vouch for one that does not.
"""
