"""English ways of saying the same: what courtesy adds, and words that may stand for each other in any sentence.

Only what is safe everywhere is here: a pair of words that differs in one trade (to remove a file from a repository is not
to delete it) is not. In a text that speaks of words themselves nothing is taken for something else.
"""

from __future__ import annotations

from fairlead.cache.verifier.listed import listed

SAME = """
repair, fix
movie, film
movies, films
car, automobile
cars, automobiles
tv, television
fridge, refrigerator
airplane, aeroplane
photo, photograph
photos, photographs
phone, telephone
cellphone, mobile phone, cell phone
lawyer, attorney
doctor, physician
kids, children
mom, mother, mum
dad, father
people, persons
ways, methods
way, method
website, web site
webpage, web page
email, e mail
versus, vs
ok, okay
approximately, roughly
quickly, rapidly
often, frequently
well known, famous
happen, occur
happens, occurs
built, constructed
passed away, died
symptoms, signs
price, cost
color, colour
colors, colours
favorite, favourite
center, centre
theater, theatre
gray, grey
behavior, behaviour
flavor, flavour
neighbor, neighbour
organize, organise
organization, organisation
analyze, analyse
recognize, recognise
optimize, optimise
summarize, summarise
program, programme
traveling, travelling
canceled, cancelled
license, licence
practice, practise
defense, defence
catalog, catalogue
jewelry, jewellery
aluminum, aluminium
write, write me, compose
list, list me, list out
suggest, recommend, suggest me, recommend me
explain, explain to me
i am, i'm, im
it is, it's
you are, you're
that is, that's
there is, there's
i have, i've
i will, i'll
"""
OPENINGS = """
please
pls
plz
kindly
can you help me
could you help me
please help me
help me
help me to
can you tell me
could you tell me
can anyone tell me
can someone tell me
would you tell me
please tell me
tell me
i want to know
i would like to know
i'd like to know
i need to know
i want you to
i need you to
i would like you to
i'd like you to
may i ask
can i ask
could i ask
let me know
"""
REQUESTS = """
can you
could you
would you
will you
can you please
could you please
would you please
would you kindly
"""
"""Left out before one of REQUESTED: `can you swim` is no request."""
WONDERS = """
do you know
do you happen to know
does anyone know
any idea
i was wondering
i wonder
i am wondering
i'm wondering
"""
"""Left out before what is asked: a question's word, or `the`."""
GREETINGS = """
hi
hi there
hello
hello there
hey
hey there
good morning
good afternoon
good evening
excuse me
sorry
quick question
just wondering
ok
so
"""
"""Left out where a mark ends them."""
CLOSINGS = """
please
pls
plz
thanks
thank you
thank you very much
thanks a lot
many thanks
thx
thanks in advance
thank you in advance
if you can
if possible
"""
BARE = listed("please pls plz")
"""Words of courtesy that need no mark before them."""
ARTICLES = listed("a an the")
OPEN_WHAT = """
what is the
what's the
whats the
what are the
give me the
"""
"""What asks for the thing that is named then: `the capital of France` alone asks for no less."""
BOUND = listed("after before in is are means mean or and for of to on as by with from the a an say at than")
"""A word of courtesy beside one of these is spoken of."""
NAMED_A = listed(
    "vitamin hepatitis plan type grade class group option blood point section influenza level model series"
)
"""Words that a letter follows."""
BE = listed("is are was were")
ASKS_YES = BE | listed("do does did can could should will would may might must has have had am")
"""Words that a question for yes or no begins with."""
HELPERS = listed("do does")
"""Words that only serve a question, behind what it asks for."""
WONDER = listed("who what where when why how which whose")
REQUESTED = listed("""
tell explain write give list show help describe summarize summarise recommend suggest translate find create generate
provide name convert compare draft fix solve calculate define outline compose plan design rewrite check review teach walk
clarify please
""")
"""What is asked of whoever answers."""
FEELING = listed("look feel know think sound seem work do like mean")
"""How I do these is not how they are done."""
PRONOUNS = listed("i you he she it we they this that these those there")
"""Words that a statement begins with, whatever it asks further on."""
LITERAL = listed("""
translate translated translation translating spell spelled spelling pronounce pronounced pronunciation rhyme rhymes grammar
grammatical correct proofread rewrite rephrase paraphrase reword sentence sentences phrase phrases word words letters
character characters syllable syllables idiom synonym synonyms antonym antonyms verb verbs noun nouns adjective preposition
plural tense acronym abbreviation mean means meaning meant define definition called lyrics quote say says saying said title
titled punctuation typo typos string regex etymology summarize summarise shorten
""")
"""Words of a text about words: every one of its words counts as it stands."""
PLAIN = listed(
    "difference differences differ between versus vs compare compared comparison similar same distinguish or"
)
"""Words of a text that tells things apart: none of them stands for another."""
MARKERS = listed("""
the what how who why which when where does you with from this that please tell give explain write should i'm don't it's what's
have were about recommend suggest convert many much because between without through could would doesn't can't did less there
their them they she his
""")
"""Words that only English has."""
WEAK_MARKERS = listed("""
it to of if be by not your an we is me was has are can for my her he our into need more than list
""")
"""Words that English and few other languages have: two of them tell it."""
