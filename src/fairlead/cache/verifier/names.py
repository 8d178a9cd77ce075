"""Whether the same people, places, firms, products and languages are named.

A name is a word written large within a sentence, a word with figures in it (GPT-4, H2O), or one of those below, which
people write small as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairlead.cache.verifier.listed import listed

if TYPE_CHECKING:
    from fairlead.cache.verifier.reading import Reading

KIND = "name"
ENGLISH = """
usa, united states, united states of america, u.s., u.s.a.
uk, united kingdom, u.k.
england
britain, great britain
scotland
ireland
france
germany
italy
spain
portugal
poland
austria
australia
switzerland
sweden
norway
denmark
finland
netherlands, holland
belgium
greece
russia
ukraine
china
taiwan
japan
south korea
north korea
korea
india
pakistan
indonesia
malaysia
singapore
thailand
vietnam
philippines
iran
iraq
israel
egypt
south africa
nigeria
kenya
brazil
argentina
mexico
canada
new zealand
chile
peru
europe
africa
asia
north america
south america
london
paris
berlin
munich
rome
milan
madrid
barcelona
lisbon
vienna
zurich
amsterdam
brussels
moscow
beijing, peking
shanghai
shenzhen
guangzhou
hong kong
tokyo
osaka
kyoto
seoul
delhi
new delhi
mumbai, bombay
sydney
melbourne
toronto
vancouver
new york
nyc, new york city
boston
chicago
los angeles
san francisco
seattle
dubai
istanbul
cairo
english
french
german
spanish
italian
portuguese
russian
chinese
japanese
korean
arabic
hindi
mandarin
cantonese
latin
american
british
european
python
java
javascript
typescript
golang, go lang
rust
ruby
php
swift
kotlin
scala
perl
haskell
bash
sql
mysql
postgres, postgresql
sqlite
mongodb
redis
html
css
react
angular
vue
django
flask
docker
kubernetes, k8s
linux
ubuntu
debian
windows
macos
android
ios
iphone
git
github
gitlab
google
microsoft
amazon
apple
facebook
netflix
openai
tesla
toyota
samsung
nvidia
intel
amd
excel
word
powerpoint
photoshop
chrome
firefox
safari
earth
mars
venus
jupiter
saturn
mercury
moon
"""
CHINESE = """
中国
美国
英国
法国
德国
意大利
西班牙
葡萄牙
俄罗斯
日本
韩国
朝鲜
印度
泰国
越南
新加坡
澳大利亚, 澳洲
新西兰
加拿大
巴西
墨西哥
埃及
南非
瑞士
瑞典
挪威
荷兰
欧洲
亚洲
非洲
北京, 北京市
上海, 上海市
广州
深圳
杭州
南京
成都
重庆
武汉
西安
天津
苏州
香港
澳门
台湾
台北
东京
大阪
首尔
伦敦
巴黎
柏林
纽约
洛杉矶
莫斯科
英语, 英文
汉语, 中文
日语, 日文
法语, 法文
德语, 德文
韩语, 韩文
粤语
普通话
苹果
华为
小米
腾讯
阿里巴巴
百度
京东
字节跳动
微信
支付宝
抖音
淘宝
谷歌
微软
特斯拉
比亚迪
长江
黄河
地球
月球
火星
金星
太阳
"""
AMBIGUOUS = listed("""
us it who may march aids apple turkey polish china amazon shell target gap rust go swift mercury mars jordan chad will mark
bill rose word ram sat act met man can ms is windows nice bath reading cork orange phoenix mobile chile outlook teams edge
jobs gates bush cook rice king brown green white black stone hope faith grace rich jack frank
co no hf cs si
""")
"""Words that are something else when written large."""


def differs(one: Reading, other: Reading) -> bool:
    """A name on one side is a word at least on the other: people write names small."""
    ones, others = one.marks.get(KIND, ()), other.marks.get(KIND, ())
    return ones != others and not (set(ones) <= set(other.words) and set(others) <= set(one.words))
