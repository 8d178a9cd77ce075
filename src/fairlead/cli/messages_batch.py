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
    ", {count} wait to ask again": "，{count} 行等待重试",
    "the same command": "再次运行同一命令",
    "the same command without --fresh": "再次运行同一命令（不带 --fresh）",
    "stopped: {why}. {done} of {lines} lines are done; {command} goes on": (
        "已停止：{why}。已完成 {done} / {lines} 行；{command}即可继续"
    ),
    "the gateway cannot be reached: {problem}": "无法连接网关：{problem}",
    "{count} in a row were refused: {problem}": "连续 {count} 行被拒绝：{problem}",
    "it has to be a line of text": "必须是一行文字，不能为空",
    "it was interrupted": "被中断",
    "{count} answered": "已回答 {count}",
    "{count} were answered before": "此前已回答 {count}",
    "{count} failed": "失败 {count}",
    "{count} are no requests": "不是请求的 {count}",
    "{cost} and {count} of unknown price": "{cost}，另有 {count} 个价格未知",
    "{command} asks again what has no good answer": "{command}，会重新询问没有得到好回答的行",
}

ERRORS: dict[str, str] = {
    "cannot write {file}: it is no file": "无法写入 {file}：它不是普通文件",
    "cannot write {file}: it is read-only": "无法写入 {file}：它是只读的",
    "cannot write {file}: its links lead to each other": "无法写入 {file}：符号链接互相指向",
    "cannot write {file}: {reason}": "无法写入 {file}：{reason}",
    "another run is writing {file}; wait for it, or name another file with -o": (
        "另一个任务正在写 {file}；请等它结束，或用 -o 指定另一个文件"
    ),
    "{file}:{line}: this is no answer of a batch, so the file is left as it is; name another with -o, or delete it": (
        "{file}:{line}：这不是批处理的回答，文件保持原样；请用 -o 指定另一个文件，或删除它"
    ),
    "the server that owned {folder} has just ended; try again": "使用 {folder} 的服务刚刚结束；请重试",
}
