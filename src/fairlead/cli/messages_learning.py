"""What `fairlead experiments` and `fairlead bench` say, in Chinese. A part of the table of messages."""

from __future__ import annotations

LEARNING: dict[str, str] = {
    # experiments
    "How experiments stand: what each arm's answers were worth and cost, and what is certain.": (
        "实验进展：各组回答的质量与成本，以及已确定的结论。"
    ),
    "there is no experiment {name}; there are: {names}": "没有实验 {name}；现有：{names}",
    "No experiment is declared.": "没有声明任何实验。",
    "not begun": "未开始",
    "running": "进行中",
    "over": "已结束",
    "what is said of them": "对它们的评价",
    "whether they pass their checks": "是否通过检查",
    "Answers are compared by {measure}; each {unit} stays in its arm.": "按{measure}比较回答；每个{unit}固定在其组内。",
    "user": "用户",
    "request": "请求",
    "arm": "组",
    "model or policy": "模型或策略",
    "known of": "已知结果",
    "better by": "优于首组",
    "$ per 1,000": "每千次 $",
    "Of {arm} or {first} too little is known: {answers} answers and {units} units are still wanted.": (
        "对 {arm} 或 {first} 了解太少：还需要 {answers} 个回答和 {units} 个单元。"
    ),
    "{arm} and {first} cannot be told apart yet.": "{arm} 与 {first} 尚无法区分。",
    "{arm} is better than {first}, with 95 % confidence.": "{arm} 优于 {first}，置信度 95 %。",
    "{arm} is worse than {first}, with 95 % confidence.": "{arm} 劣于 {first}，置信度 95 %。",
    "It counts where models are chosen.": "选择模型时已计入。",
    # bench, review
    "Ask models questions with known answers, and show what they made of them.": "用有标准答案的问题测试模型，并显示结果。",
    "Who cost how much, what was better or cheaper, and what was changed.": "各模型花费多少，谁更好或更便宜，改了什么。",
    "--budget is an amount in USD": "--budget 是以美元计的金额",
    "The bench has not run yet: fairlead bench run": "尚未运行过测试：fairlead bench run",
    "right": "正确率",
    "95 % between": "95 % 区间",
    "questions": "题数",
    "no answer": "无回答",
    "{asked} questions were asked for {cost}.": "共提问 {asked} 次，花费 {cost}。",
    "The budget did not bear {count} more.": "预算不足，另有 {count} 次未问。",
    "no answer: {problem}": "无回答：{problem}",
}
