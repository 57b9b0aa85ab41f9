"""Mixed text that is hard on tokenizers, made from a seed: for fixtures and for comparisons."""
import random

ENGLISH = """the of and to in a is that for it was on are as with his they at be this from have or by one had
not but what all were when we there can an your which their said if do will each about how up out them then she
many some so these would other into has more her two like him see time could no make than first been its who now
people my made over did down only way find use may water long little very after words called just where most know
activation sparse hidden dimension residual attention projection gradient perplexity It's I'm we've they'll don't
you'd she'll HE'S CAN'T We'RE Naïve café résumé coöperate Zürich Ångström façade""".split()
CODE = ["def forward(self, x):\n    return self.w2(F.silu(self.w1(x)) * self.w3(x))\n",
        "for (int i = 0; i < n; ++i) {\n\tsum += a[i] * b[i];\n}\n", "let x: [Float] = (0..<n).map { Float($0) / 2.5e-3 }\n",
        "if __name__ == '__main__':\n        main(sys.argv[1:])  # noqa\n", "<div class=\"a-b\">&nbsp;</div>\r\n",
        "SELECT * FROM t WHERE id != 0x1F AND name LIKE '%\\n%';\n", "\\begin{equation} e^{i\\pi} + 1 = 0 \\end{equation}\n",
        "#!/bin/sh\nset -eu\necho \"${HOME:-/root}\" | sed 's/[^a-z]//g'\n", "{\"a\": [1, 2.50, -3e+10, null], \"b\": \"\\u00e9\"}\n"]
HAN = "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从今"
KANA = "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをんがぎぐげござじずアイウエオカキクケコパピプペポー、。「」"
HANGUL = "가나다라마바사아자차카타파하한국어는은이가을를에서로와과도만의있다없다합니다"
ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئىة"
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁЖЗ"
INDIC = "नमस्ते दुनिया किताब ज्ञान क्षत्रिय สวัสดีชาวโลก ภาษาไทย ก็ น้ำ தமிழ் বাংলা".split()
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇯🇵", "❤️", "🧑🏿‍🚀", "☺", "🫠", "1️⃣", "🤷🏻‍♀️", "⌚", "🪿", "\U0001fae9"]
MARKS = ["e\u0301", "a\u0323\u0302", "o\u0302\u0323", "\u0041\u030a", "\u1100\u1161\u11a8", "q\u0307\u0323", "\u0344", "\u212b",
         "\u0f71\u0f72\u0f74", "\u0301", "\u05d0\u05bc\u05b8", "\u0627\u0653", "か\u3099", "\u0915\u093c", "ﬁ", "ﬀ", "Ⅷ", "㎏", "①",
         "\u1e9b\u0323", "\u0958", "\u2126", "\uf900", "\U0001d15e", "\U00011131\U00011127", "\u0898x\u0301", "\u09fe\u0323", "ſ'ſ", "İıẞß"]
NUMBERS = ["0", "7", "42", "1999", "3.14159", "1,234,567.89", "١٢٣", "²³", "½", "Ⅻ", "１２３", "၁၂", "10000000000000000000000", "0x7fff", "1e-5",
           "\U0001d7d8\U0001d7d9", "\U00010d40\U00010d41", "\U00011de1", "৳", "一二三", "〇"]
CONTROL = ["\x00", "\x01\x02", "\x1b[31m", "\x7f", "\x85", "\x0b\x0c", "\u2028", "\u2029", "\ufeff", "\u200b", "\u200e", "\u00ad", "\u180e",
           "\u00a0", "\u2003", "\u3000", "\u202f", "\x1c\x1d\x1e\x1f", "\ufffd", "\ue000", "\uffff", "\U0010ffff"]
SPECIAL = ["<|endoftext|>", "<|im_start|>user\n", "<|im_end|>", "<s>", "</s>", "<unk>", "<|begin_of_text|>", "<0x0A>", "<0x-1>", "<0xGG>", "[INST]", "<<SYS>>",
           "<|endoftext", "|>", "< s>", "<|im_start |>", "<pad>", "<mask>", " <mask> ", "<|tool|>", "<word>", "a<word>", "<word> b", "▁", "▁▁▁", "Ġ", "Ċ", "ĠĠ"]
SPACES = [" ", "  ", "   ", "    ", "\t", "\t\t\t", "\n", "\n\n", "\r\n", "\r\n\r\n", " \n ", "\n  \n", "\t \t", " \r", "\r", "\n\t", "  \u00a0 ", "\u3000\u3000 "]


def unassigned(rng):
    return "".join(chr(rng.choice((0x378, 0x530, 0x2FE0, 0xAB6F, 0x1CCF0, 0x323B0, 0xE0080, 0xF0000, 0x10FFFD, 0x88F, 0xA7CB, 0x16D40, 0x1C89, 0x2EBF0,
                                   0x10D4A, 0x11DB0, 0x1FAE9, 0x1E5D0, 0x105C0, 0x61C, 0xFDD0)) + rng.randrange(2)) for _ in range(rng.randint(1, 3)))


def anything(rng):
    while True:
        scalar = rng.choice((rng.randrange(0x80, 0x800), rng.randrange(0x800, 0x10000), rng.randrange(0x10000, 0x20000), rng.randrange(0x110000)))
        if not 0xD800 <= scalar < 0xE000:
            return chr(scalar)


def piece(rng, long_runs=True):
    kind = rng.randrange(26)
    if kind < 7:
        return " ".join(rng.choice(ENGLISH) for _ in range(rng.randint(1, 18))) + rng.choice((".", ",", "!", "?", ";", "...", ":", '"', ")", ""))
    if kind < 10:
        return rng.choice(CODE)
    if kind == 10:
        return "".join(rng.choice(HAN) for _ in range(rng.randint(1, 60))) + rng.choice("，。！？；")
    if kind == 11:
        return "".join(rng.choice(KANA) for _ in range(rng.randint(1, 30)))
    if kind == 12:
        return " ".join("".join(rng.choice(HANGUL) for _ in range(rng.randint(1, 5))) for _ in range(rng.randint(1, 8)))
    if kind == 13:
        return " ".join("".join(rng.choice(ARABIC) for _ in range(rng.randint(1, 8))) for _ in range(rng.randint(1, 10)))
    if kind == 14:
        return " ".join("".join(rng.choice(CYRILLIC) for _ in range(rng.randint(1, 9))) for _ in range(rng.randint(1, 10)))
    if kind == 15:
        return " ".join(rng.choice(INDIC) for _ in range(rng.randint(1, 4)))
    if kind == 16:
        return "".join(rng.choice(EMOJI) for _ in range(rng.randint(1, 4)))
    if kind == 17:
        return "".join(rng.choice(MARKS) for _ in range(rng.randint(1, 4)))
    if kind in (18, 19):
        return rng.choice((" ", "", "-", "$")) + "".join(rng.choice(NUMBERS) for _ in range(rng.randint(1, 3)))
    if kind == 20:
        return rng.choice(CONTROL)
    if kind == 21:
        return rng.choice(SPECIAL)
    if kind == 22:
        return rng.choice(SPACES) * (rng.randint(1, 400) if long_runs and rng.random() < 0.05 else rng.randint(1, 4))
    if kind == 23:
        return unassigned(rng) if rng.random() < 0.5 else "".join(anything(rng) for _ in range(rng.randint(1, 4)))
    if kind == 24:
        return rng.choice("=-_*#~.!?aA0x/\\") * (rng.randint(1, 300) if long_runs and rng.random() < 0.1 else rng.randint(1, 8))
    return "".join(chr(rng.randrange(0x20, 0x7F)) for _ in range(rng.randint(1, 20)))


def mixed_text(byte_count, seed, long_runs=True):
    """About byte_count bytes of UTF-8 text."""
    rng = random.Random(seed)
    pieces, total = [], 0
    while total < byte_count:
        text = piece(rng, long_runs) + rng.choice((" ", " ", " ", "\n", "", "", rng.choice(SPACES)))
        pieces.append(text)
        total += len(text.encode())
    return "".join(pieces)
