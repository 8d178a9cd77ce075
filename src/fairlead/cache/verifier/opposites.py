"""Whether both take the same side: more or less, buy or sell, before or after, cause or effect."""

from __future__ import annotations

KIND = "opposite"
ENGLISH = """
increase
increases
increased
increasing
decrease
decreases
decreased
decreasing
raise
lower
reduce
higher
highest
lowest
high
low
bigger, larger
biggest, largest
smaller
smallest
longer
longest
shorter
shortest
faster
fastest, quickest
slower
slowest
better
best
worse
worst
older
oldest
younger
youngest
newest, latest
cheaper
cheapest
expensive
maximum
max
minimum
min
maximize, maximise
minimize, minimise
before
after
above
below
over
under
up
down
left
right
in
out
inside
outside
into
from
to
open
close
start, begin
end
enable
disable
turn on, switch on
turn off, switch off
on
off
add
remove
insert
delete, erase
push
pull
upload
download
import
export
encode
decode
encrypt
decrypt
compress
decompress
extract
install
uninstall
lock
unlock
connect
disconnect
buy, purchase
sell
lend
borrow
win
lose
gain
cause
causes
effect
effects
affect
affects
advantages, pros
benefits
disadvantages, drawbacks, cons
strengths
weaknesses
similarities
differences
difference
true
false
safe
dangerous, unsafe
legal
illegal
possible
impossible
able
unable
hot
cold
wet
dry
early
late
earliest
north
south
east
west
northern
southern
eastern
western
male
female
positive
negative
odd
even
ascending
descending
horizontal
vertical
public
private
internal
external
sync, synchronous
async, asynchronous
input
output
credit
debit
asset
liability
accept
reject
allow
deny
hire
fire
arrive
depart
enter
leave
employer
employee
teacher
student
client
server
landlord
tenant
parent
child
husband
wife
with
against
for
by
"""
CHINESE = """
增加, 增多
减少
提高, 提升
降低
上升
下降
上涨
下跌
更高
更低
最高
最低
最大
最小
最长
最短
最快
最慢
最好
最差, 最坏
最新
最早
最晚
最便宜
最贵
大于
小于
多于
少于
超过
低于
高于
之前, 以前
之后, 以后
上面
下面
左
右
里面, 内部
外面, 外部
前
后
上
下
打开, 开启
关闭, 关掉
启用
禁用
开始
结束
添加
删除, 删掉
上传
下载
导入
导出
编码
解码
加密
解密
压缩
解压
解压缩
安装, 装
卸载
连接
断开
购买, 买
卖, 出售
借出
借入
赢
输
原因, 缘由
结果
优点, 优势
缺点, 劣势, 弊端
利
弊
相同
不同, 不一样
区别, 差别, 差异
安全
危险
合法
违法, 非法
可能
不可能
热
冷
早
晚
东
南
西
北
男
女
正
负
奇数
偶数
升序
降序
公开
私有
输入
输出
接受
允许
雇主
雇员
老师
学生
房东
租客
从
到
给
被
把
比
向
来自
"""
