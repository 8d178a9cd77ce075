"""What `fairlead batch` says, in Chinese. A part of the table of messages."""

from __future__ import annotations

BATCH: dict[str, str] = {
    "Have a file of requests answered, in its order; goes on where it stopped.": "让一个文件里的请求按顺序得到回答；中断后可继续。",
    "-o names the file of the requests; the answers go to another": "-o 指向了请求文件；回答请写到另一个文件",
    "on the books of {key}": "记在 {key} 的账上",
    "--key NAME puts it on those of one: {keys}": "用 --key NAME 记到某个密钥的账上：{keys}",
    "{done} of {lines} lines ({share}), {failed} failed, {cost}, about {left} left": (
        "{done} / {lines} 行（{share}），失败 {failed}，{cost}，约剩 {left}"
    ),
    "line {line}: {problem}": "第 {line} 行：{problem}",
    "line {line} and {more} others: {problem}": "第 {line} 行及另外 {more} 行：{problem}",
    "stopped: {why}. {done} of {lines} lines are done; the same command goes on": (
        "已停止：{why}。已完成 {done} / {lines} 行；再次运行同一命令即可继续"
    ),
    "it was interrupted": "被中断",
    "{count} answered": "已回答 {count}",
    "{count} were answered before": "此前已回答 {count}",
    "{count} failed": "失败 {count}",
    "{count} are no requests": "不是请求的 {count}",
    "{cost} and {count} of unknown price": "{cost}，另有 {count} 个价格未知",
    "the same command asks again what has no good answer": "再次运行同一命令，会重新询问没有得到好回答的行",
}
