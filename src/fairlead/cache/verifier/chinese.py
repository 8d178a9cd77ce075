"""Chinese ways of saying the same: what courtesy adds, and words that may stand for each other in any sentence.

Signs are compared one by one; only what is listed here is taken for something else, or left out.
"""

from __future__ import annotations

from fairlead.cache.verifier.listed import listed

SAME = """
电脑, 计算机
手机, 移动电话
自行车, 单车
医生, 大夫
爸爸, 父亲
妈妈, 母亲
妻子, 老婆
丈夫, 老公
土豆, 马铃薯
西红柿, 番茄
方法, 办法
价格, 价钱
大约, 大概
目前, 当前
马上, 立刻, 立即
现在
最近
刚才
刚刚
此刻
实时
经常, 常常, 时常
如果, 假如, 要是, 倘若
但是, 可是
因此, 所以
喜欢, 喜爱
用, 使用
改, 修改, 更改
写, 编写
解释, 解释一下, 讲解, 讲解一下, 解释下
介绍, 介绍一下, 介绍下
说明, 说明一下
推荐, 推荐一下
总共, 一共, 共
人口, 人口数量, 人口总数
世界, 全世界, 全球
餐馆, 餐厅
垃圾桶, 垃圾箱
和, 与, 以及
例子, 示例
网站, 网址站
软件, 应用软件
的士, 出租车
目的地
一下
一起
一样
一直
一定
一般
一旦
一切
一致
一律
一共
统一
万一
唯一
十分
千万
第一
一个
一种
"""
OPENINGS = """
请
请问
请问一下
请你
请您
请帮我
请帮忙
请告诉我
请教
请教一下
麻烦你
麻烦您
麻烦问一下
帮我
帮我想想
能帮我
能不能帮我
可以帮我
可不可以帮我
能否帮我
你能帮我
你可以帮我
能不能告诉我
能告诉我
可以告诉我
你能告诉我
你可以告诉我
谁能告诉我
有谁知道
我想知道
我想问
我想问一下
我想问问
我想请问
我想了解
我想了解一下
想问一下
想问下
想问
想知道
想请教一下
告诉我
跟我说说
给我讲讲
问一下
问下
"""
GREETINGS = ("你好", "您好", "嗨", "劳驾", "打扰一下", "打扰了")
"""Left out where a mark ends them."""
KNOWING = ("你知道", "您知道", "你知不知道", "有人知道", "大家知道")
"""Left out where the text ends as a question for yes or no: it is not one."""
NO_OPENING = ("请假", "请客", "请求", "请柬", "请愿", "请示", "请安", "请帖", "告诉我们", "帮我们", "想问题")
CLOSINGS = """
谢谢
谢谢你
谢谢您
多谢
感谢
拜托了
"""
PARTICLES = ("呢", "呀", "啊", "哦", "哈", "嘛")
"""Left out behind a question that is one without them."""
ASKS_YES = "吗"
WHAT_IS, IS_WHAT = "什么是", "是什么"
LITERAL = listed("""
翻译 译成 译为 意思 含义 定义 拼音 怎么读(?![取写书懂入出文数]) 读音 发音 笔画 部首 造句 改写 润色 病句 纠正 改错 语法 近义词 反义词 同义词 成语 谐音 押韵
字 词 句 总结 摘要 缩写 概括 标题 歌词 怎么说 怎么写 标点 称呼 叫什么 叫做
""")
"""What stands in a text about words: every one of its signs counts. Patterns."""
PLAIN = listed("区别 差别 差异 不同 对比 比较 相比 还是 一样 和 与 跟")
"""What stands in a text that tells things apart: nothing in it stands for another."""
