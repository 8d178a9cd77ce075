"""Requests as people write them, in their own words, with the task each one is. A line is `task | text`."""

from __future__ import annotations

ENGLISH = """
code_generation | Write a Python function that merges two sorted lists.
code_generation | I need a SQL query listing customers who ordered twice last week
code_generation | SELECT the ten best paid employees per department, in SQL please
code_generation | can you make me a bash script which deletes logs older than a week
code_generation | regex for a German postcode
code_generation | Implement a rate limiter in Go with unit tests
code_generation | write a React component for a date picker
code_generation | generate a Dockerfile for a Flask app
code_debug | Why does this throw? TypeError: Cannot read properties of undefined (reading 'length')
code_debug | Traceback (most recent call last):\\n  File "a.py", line 3, in <module>\\nZeroDivisionError: division by zero
code_debug | my test fails with AssertionError: 3 != 4, what is wrong with the code?
code_debug | fix the bug in this function\\ndef add(a, b):\\n    return a - b
code_debug | segfault when I free the list twice, here is the code\\nfree(p); free(p);
code_debug | this loop never ends, can you find the mistake?\\nwhile (i < 10) { j++; }
math | What is 17% of 350?
math | Solve 5x - 3 = 2x + 12
math | Find the derivative of x^3 * cos(x)
math | A shop sells pens at 3 for $2. How much do 21 pens cost?
math | Prove that the square root of 3 is irrational.
math | what's the probability of rolling two sixes with two dice?
reasoning | Why do leaves change colour in autumn?
reasoning | Why is the sky blue?
reasoning | Analyze the effect of import tariffs on small manufacturers.
reasoning | Compare renting and buying a home for a young couple and say which is wiser.
reasoning | If all bloops are razzies and all razzies are lazzies, are all bloops lazzies?
reasoning | What are the pros and cons of a four-day week?
reasoning | Evaluate the arguments for and against nuclear power.
knowledge_qa | Who painted the Mona Lisa?
knowledge_qa | What does photosynthesis mean?
knowledge_qa | When did the Second World War end?
knowledge_qa | Explain how a refrigerator works.
knowledge_qa | What is the difference between a virus and a bacterium?
knowledge_qa | which country has the most islands
data_analysis | Here are the sales, what is the trend?\\nmonth,units\\nJan,30\\nFeb,45\\nMar,61
data_analysis | Analyze this table and point out outliers\\n| day | visits |\\n|---|---|\\n| 1 | 400 |\\n| 2 | 9000 |
data_analysis | Compute mean and median per group from this csv\\ngroup,value\\na,3\\nb,9\\na,4
summarization | Summarize this article in three sentences: The council met on Monday to discuss the new park.
summarization | tl;dr of the following\\nThe company reported a loss of two million and will close a plant in May.
summarization | Give me the key points of this text. Bees shiver in winter to keep their queen warm.
summarization | Write a short summary of the meeting notes below. Ann will call the bank; Bob checks the lease.
extraction | Extract all email addresses and dates from the text below.\\nWrite to ann@example.org before 3 May.
extraction | Return JSON with the keys name, total and date for this invoice: Meyer Ltd, 4 June, 312.50
extraction | List every person and place named in this passage. Tom met Ines in Porto.
extraction | pull out the order number and delivery date from this mail: order 5521 arrives on Friday
classification | Classify this review as positive or negative: The hotel was filthy.
classification | Is the following message spam or not spam? You won a free cruise!
classification | What is the sentiment of this tweet: I love rainy Sundays
classification | Label the ticket as billing, technical or other: I was charged twice
translation | Translate to French: Where is the station?
translation | How do you say "see you tomorrow" in Japanese?
translation | Translate the following paragraph into German. The meeting is on Friday.
translation | what is "thank you" in Korean
rewriting | Rewrite this sentence to sound more professional: gimme the report asap
rewriting | Fix the grammar: he go to school yesterday
rewriting | Paraphrase the following: The results were better than expected.
rewriting | make this email more polite: send me the file now
creative_writing | Write a poem about the sea in winter.
creative_writing | Tell me a short story about a dragon who is afraid of fire
creative_writing | write a wedding speech for my best friend
creative_writing | Come up with five names for a coffee shop
chat | hi there
chat | How are you today?
chat | I feel a bit down today, can we talk?
chat | good morning!
chat | thanks, you're great
fast_response | Quick: capital of Norway?
fast_response | one word answer: what colour is grass
fast_response | yes or no, is 97 prime?
fast_response | just the number, how many days are in a leap year
desktop | Open the settings window and click on the Save button
desktop | Take a screenshot and scroll down in the browser
desktop | double-click the trash icon on the desktop and empty it
"""

CHINESE = """
code_generation | 用Python写一个函数，合并两个有序列表
code_generation | 帮我写一条SQL，查询上周下单两次的客户
code_generation | 写一个脚本，删除七天前的日志
code_generation | 匹配手机号的正则表达式怎么写
code_generation | 用Go实现一个限流器并写单元测试
code_generation | 請幫我寫一個函式，把清單從大到小排序
code_debug | 这段代码报错 KeyError: 'name'，怎么修？
code_debug | 程序运行后崩溃，帮我找出问题\\nint *p = NULL; *p = 1;
code_debug | 帮我看看这个函数哪里写错了\\ndef add(a, b):\\n    return a - b
math | 350的17%是多少？
math | 解方程 5x - 3 = 2x + 12
math | 求 x^3 * cos(x) 的导数
math | 三支铅笔2元，21支多少钱？
math | 证明根号3是无理数
reasoning | 为什么秋天树叶会变色？
reasoning | 分析进口关税对小企业的影响
reasoning | 比较租房和买房，哪个更适合年轻夫妻？
reasoning | 四天工作制有哪些利弊？
reasoning | 評估核能發電的正反論點
knowledge_qa | 蒙娜丽莎是谁画的？
knowledge_qa | 什么是光合作用？
knowledge_qa | 第二次世界大战是哪一年结束的
knowledge_qa | 解释一下冰箱的工作原理
knowledge_qa | 病毒和细菌有什么区别？
knowledge_qa | 什麼是通貨膨脹？
data_analysis | 这是销售数据，趋势如何？\\n月份,销量\\n一月,30\\n二月,45\\n三月,61
data_analysis | 分析这张表并找出异常值\\n| 日期 | 访问 |\\n|---|---|\\n| 1 | 400 |\\n| 2 | 9000 |
summarization | 用三句话总结这篇文章：市议会周一开会讨论新公园。
summarization | 概括下面这段话的主要内容。公司亏损两百万，五月将关闭一家工厂。
summarization | 給這篇新聞寫一個摘要：市議會週一開會討論新公園的建設。
extraction | 从下面的文字中提取所有邮箱和日期\\n请在5月3日前写信给 ann@example.org
extraction | 把这张发票解析成JSON，键为名称、总额、日期：迈耶公司，6月4日，312.50
extraction | 找出文中提到的人名和地名。小王在苏州遇见了小李。
classification | 判断这条评论是正面还是负面：酒店太脏了
classification | 这条短信是垃圾短信吗？恭喜您中奖
classification | 把这个工单归类为账单、技术或其他：我被扣了两次钱
translation | 把这句话翻译成英文：车站在哪里？
translation | “明天见”用日语怎么说？
translation | 请将下面的段落翻译成德语。会议在周五。
translation | 請把這段話翻譯成英文：我明天會晚到
rewriting | 把这句话改得更正式：赶紧把报告给我
rewriting | 润色一下这封邮件：把文件发我
rewriting | 改正错别字：他昨天去了学叫
creative_writing | 写一首关于冬天大海的诗
creative_writing | 讲一个怕火的龙的故事
creative_writing | 给咖啡店想五个名字
creative_writing | 幫我寫一篇關於春天的散文
chat | 你好
chat | 今天心情不好，陪我聊聊
chat | 早上好！
chat | 谢谢你，你真棒
fast_response | 快速回答：挪威的首都？
fast_response | 用一个词回答，草是什么颜色
fast_response | 只要数字，闰年有多少天
desktop | 打开设置窗口，点击保存按钮
desktop | 截个图，然后在浏览器里向下滚动
"""

OTHERS = """
translation | Übersetze ins Englische: Wo ist der Bahnhof?
summarization | Fasse diesen Text in zwei Sätzen zusammen: Der Rat hat am Montag getagt.
creative_writing | Schreibe ein Gedicht über das Meer im Winter
code_generation | Schreibe eine Python-Funktion, die zwei Listen zusammenführt
code_generation | Écris une fonction Python qui fusionne deux listes
translation | Traduis en anglais : où est la gare ?
summarization | Résume ce texte en trois phrases : le conseil s'est réuni lundi.
creative_writing | Écris un poème sur la mer en hiver
translation | Traduce al inglés: ¿dónde está la estación?
summarization | Resume este texto en dos frases: el consejo se reunió el lunes.
creative_writing | Escribe un poema sobre el mar en invierno
reasoning | ¿Por qué cambian de color las hojas en otoño?
translation | これを英語に翻訳してください：駅はどこですか
summarization | 次の文章を三文で要約してください。市議会は月曜日に開かれました。
code_generation | 二つのリストを結合するPythonの関数を書いてください
translation | 이 문장을 영어로 번역해 주세요: 역이 어디예요?
summarization | 다음 글을 세 문장으로 요약해 주세요. 시의회가 월요일에 열렸습니다.
translation | Переведи на английский: где находится вокзал?
summarization | Кратко изложи этот текст в двух предложениях: совет собрался в понедельник.
creative_writing | Напиши стихотворение о море зимой
translation | Traduza para o inglês: onde fica a estação?
creative_writing | Escreva um poema sobre o mar no inverno
translation | Traduci in inglese: dov'è la stazione?
translation | ترجم إلى الإنجليزية: أين المحطة؟
translation | अंग्रेज़ी में अनुवाद करो: स्टेशन कहाँ है?
"""


def table(lines: str) -> list[tuple[str, str]]:
    """(task, text) of each line."""
    found = []
    for line in lines.strip().splitlines():
        task, text = line.split(" | ", 1)
        found.append((task, text.replace("\\n", "\n")))
    return found
