"""Whether both speak of the same days, months and times."""

from __future__ import annotations

KIND = "date"
ENGLISH = """
monday
tuesday, tue, tues
wednesday
thursday, thu, thurs
friday, fri
saturday
sunday
january, jan
february, feb
march
april, apr
may
june, jun
july, jul
august, aug
september, sep, sept
october, oct
november, nov
december, dec
today
tonight
tomorrow
yesterday
morning
afternoon
evening
night
noon, midday
midnight
weekend
weekends
weekday
weekdays
daily
weekly
monthly
yearly, annually, annual
spring
summer
autumn
winter
am
pm
bc, bce
ad, ce
ago
this week
last week
next week
this month
last month
next month
this year
last year
next year
quarterly
decade
century
"""
CHINESE = """
周一, 星期一, 礼拜一
周二, 星期二, 礼拜二
周三, 星期三, 礼拜三
周四, 星期四, 礼拜四
周五, 星期五, 礼拜五
周六, 星期六, 礼拜六
周日, 星期日, 星期天, 礼拜天, 周天
周末
今天, 今日
明天, 明日
昨天, 昨日
后天
前天
今年
明年
去年
前年
后年
本月, 这个月
上个月, 上月
下个月, 下月
本周, 这周, 这星期
上周, 上星期
下周, 下星期
早上, 早晨
上午
中午
下午
晚上
凌晨
春天, 春季
夏天, 夏季
秋天, 秋季
冬天, 冬季
公元前
每天, 每日
每周
每月
每年
"""
PASSING = frozenset(
    """
today, tonight, tomorrow, yesterday, this week, last week, next week, this month, last month, next month, this year
last year, next year, now, currently, current, recent, recently, newest, latest, live, soon
今天, 明天, 昨天, 后天, 前天, 今年, 明年, 去年, 前年, 后年, 本月, 上个月, 下个月, 本周, 上周, 下周, 现在, 目前, 最近, 最新, 刚才, 刚刚, 此刻, 实时
今日, 明日, 昨日, 这个月, 上月, 下月, 这周, 这星期, 上星期, 下星期, 当前
""".replace("\n", ", ").split(", ")
) - {""}
"""Words of a question that has another answer soon."""
