"""Whether the same units and currencies stand in both. Nothing is converted: 5 km and 5000 m are two texts."""

from __future__ import annotations

KIND = "unit"
ENGLISH = """
mm, millimetre, millimeter, millimetres, millimeters
cm, centimetre, centimeter, centimetres, centimeters
km, kilometre, kilometer, kilometres, kilometers, kms
metre, meter, metres, meters
inch, inches
foot, feet, ft
yard, yards
mile, miles
mg, milligram, milligrams
gram, grams, gramme, grammes
kg, kilogram, kilograms, kilo, kilos, kgs
ton, tons
tonne, tonnes
ounce, ounces, oz
pound, pounds
lb, lbs
ml, millilitre, milliliter, millilitres, milliliters
litre, liter, litres, liters
gallon, gallons
cup, cups
tablespoon, tablespoons, tbsp
teaspoon, teaspoons, tsp
celsius
fahrenheit
kelvin
degree, degrees
ms, millisecond, milliseconds
seconds, sec, secs
minute, minutes, mins
hour, hours, hr, hrs
day, days
week, weeks
month, months
year, years
byte, bytes
bit, bits
kb, kilobyte, kilobytes
mb, megabyte, megabytes
gb, gigabyte, gigabytes
tb, terabyte, terabytes
hz, hertz
khz
mhz
ghz
watt, watts
kw, kilowatt, kilowatts
kwh
volt, volts
amp, amps
calorie, calories
joule, joules
dollar, dollars, usd
euro, euros, eur
yuan, rmb, cny
yen, jpy
rupee, rupees, inr
cent, cents
percent, per cent
acre, acres
hectare, hectares
kph, km/h
mph
"""
CHINESE = """
毫米
厘米, 公分
公里, 千米
米
英寸
英尺
英里
毫克
克
公斤, 千克
斤
吨
磅
盎司
毫升
升
加仑
摄氏度, 摄氏
华氏度, 华氏
秒, 秒钟
分钟
小时, 个小时, 钟头
天
周
星期, 个星期
个月
年
岁
字节
人民币
元, 块钱
美元, 美金
欧元
日元
英镑
港币, 港元
万元
百分之
平方米, 平米
公顷
亩
度
瓦
千瓦
伏
"""
SIGNS = {
    "$": "dollar",
    "€": "euro",
    "£": "£",
    "¥": "¥",
    "￥": "¥",
    "%": "percent",
    "°": "degree",
    "℃": "celsius",
    "℉": "fahrenheit",
}
