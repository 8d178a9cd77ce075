"""Whether both ask in the same way: who is not where, and why is not how."""

from __future__ import annotations

KIND = "question"
ENGLISH = """
what
what is, what's, whats, what're
who
who is, who's
whose
whom
where
where is, where's, wheres
when
why, how come, for what reason
which
how
how is, how's
howto, how to, how do i, how can i, how does one
howto, what is the way to
how many
how much
how long
how far
how often, how frequently
how old
how big, how large
how tall
how fast, how quickly
"""
CHINESE = """
怎么, 如何, 怎样, 咋, 怎么才能, 怎样才能, 如何才能, 要怎么, 要如何
怎么样, 咋样
怎么办
怎么了
怎么回事
怎么会
怎么这么
怎么能
应该怎么, 该怎么, 应该如何, 该如何
什么, 啥
是什么, 是啥, 指的是什么, 是指什么, 指什么
为什么, 为何, 为啥, 为甚么
哪里, 哪儿, 什么地方, 何处, 啥地方
什么时候, 何时, 啥时候, 几时, 什么时间
谁
哪个
哪些, 有哪些, 都有哪些, 有什么, 都有什么, 有啥
多少
多少钱
多大
多久, 多长时间, 多少时间
多远
多高
多快
几个
?
能不能, 可不可以, 能否, 可否
是不是, 是否
会不会
有没有
要不要
"""
MOVABLE: dict[str, tuple[str, ...]] = {"怎么": ("用", "在"), "为什么": (), "什么时候": ()}
"""Chinese puts these before or behind what is spoken of -> what that begins with, if not anything."""
SAYING = frozenset("说想问觉知认告看讲听写让叫使请")
"""Where one of these stands, the place tells what is asked for."""
