"""Whether both deny the same number of things."""

from __future__ import annotations

KIND = "negation"
ENGLISH = """
not
no
never
none
nobody, no one
nothing
nowhere
without
neither
nor
hardly, barely, scarcely
except, except for, apart from, other than
instead of, rather than
unless
stop
stopped
stopping
avoid
avoiding
avoided
prevent
preventing
prevented
fail
fails
failed
failing
lack
lacks
lacking
exclude
excluding
excluded
"""
CHINESE = """
不
别
没, 没有
未
无
非
从不
从未
从来不
从来没
除了
除
而不是
禁止
避免
防止
停止
拒绝
除非
"""
