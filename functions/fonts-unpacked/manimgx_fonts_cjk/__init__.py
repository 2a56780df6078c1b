"""Noto Sans CJK, which ManimGX sets Chinese, Japanese and Korean text in: the file beside this
one."""
