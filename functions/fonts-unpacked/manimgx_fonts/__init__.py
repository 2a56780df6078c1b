"""The Noto fonts ManimGX sets text in, besides Typst's own: the files beside this one."""
