"""Small words of other languages in Latin letters. Many a word of English is one of theirs too (`was` and `an` in German, `has`
and `a` in Spanish): a text with more of these than of what only English has is not read as English.
"""

from __future__ import annotations

from fairlead.cache.verifier.listed import listed

WORDS = listed("""
der das und ist nicht ein eine einen einem einer ich er sie es wir ihr mein dein mit von zu zum zur auf bei oder hat kann wird sind
wer wie wo wann warum welche welcher welches dem den des im nach aus um noch nur wenn soll muss darf gibt geht macht kostet kommt
de het een dat ik je jij niet met op voor naar hoe waar wat wie wanneer waarom hebben heeft zijn wordt kan kun mijn uw ook maar
el la los las un una unos unas que de del al en y o es son con por para como cuando donde quien cual mi tu su se lo le les pero
puedo puede puedes hay este esta ese eso muy cuanto ser estar nadie alguien nada algo todo tambien sin mas visto dicho tengo tiene
hace quiero voy ha hemos han fue era
le les des du est une qui quoi dans avec sur ce cet cette ces je il elle nous vous ils mon ton ma ta sa et ou mais comment pourquoi
quand quel quelle combien peut fait ne pas au aux
il lo gli che di da del della dei nel nella per tra fra ma sono sei ho hai ha abbiamo quanto quando dove chi cosa quale mio tuo suo
questo questa posso puo anche
um uma os do da dos das ao no na nos nas em com por qual quem onde quando meu seu isso este esta sao foi ele ela voce eu
i w z na jest nie sie czy jak co kto gdzie kiedy dlaczego ile ten ta moj twoj ale lub dla od po przy mam masz jestem
je se ve ze co kdo kde kdy jak proc kolik muj tvuj nebo jsem
og er det den som paa til av fra med hvad hvem hvor hvorfor naar kan skal vil jeg du han hun vi ikke eller mitt din
och att inte jag vad vem var hur nar varfor ska har min
bir ve bu su mi ne nasil nerede neden icin ile var yok sen biz degil cok kac
yang dan di ke dari ini itu apa siapa bagaimana kenapa berapa kapan saya kamu aku tidak bisa untuk dengan
si ce cum unde cand cine cat este sunt nu pe cu la din pentru sau eu
es egy az hogy mi ki hol mikor miert mennyi nem vagy en te
ja on ei se mika kuka missa milloin miksi paljon kuin tai mina sina
khong co la gi ai o dau khi nao tai sao bao nhieu toi ban va cua cho voi
ako ang ng sa mga ay ano sino saan bakit paano ko mo si
""") - listed(
    "an as at be by can do had has he her him his i if in is it me my no of on or our she so the to us was we you your var con"
)
