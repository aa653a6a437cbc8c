"""The texts that the golden values are made of.  A dict {"hex": ...} is bytes that are not UTF-8; the reference sees
them with U+FFFD in place of what is malformed, as the C side does."""

SCRIPTS = [
    "The quick brown fox can't jump over 13 lazy dogs; it's 2,024 o'clock and they'll've gone.",
    "Größe, Straße, Äpfel über Öl: ÀÉÎÕÜ ç ñ ø å Œuvre",
    "Привет, мир! Съешь ещё этих мягких французских булок.",
    "Καλημέρα κόσμε, ΟΔΥΣΣΕΥΣ και Ὀδυσσεύς",
    "مرحبا بالعالم، كيف حالك؟ ١٢٣٤ لا إله",
    "שלום עולם, שָׁלוֹם",
    "नमस्ते दुनिया, क्षत्रिय १२३",
    "হ্যালো বিশ্ব। বাংলা ভাষা",
    "வணக்கம் உலகம்",
    "తెలుగు లిపి నమస్కారం",
    "สวัสดีชาวโลก ภาษาไทย ๑๒๓",
    "ສະບາຍດີ ມື້ນີ້",
    "မင်္ဂလာပါ ကမ္ဘာလောက",
    "សួស្តី​ពិភពលោក",
    "გამარჯობა მსოფლიო",
    "Բարեւ աշխարհ։",
    "ሰላም ልዑል፡ ዓለም",
    "你好，世界！今天天气不错，我们去公园吧。",
    "こんにちは世界。カタカナ ｶﾞｷﾞ ー 漢字かな交じり文",
    "안녕하세요 세계 \u1112\u1161\u11ab\u1100\u1173\u11af",
    "བཀྲ་ཤིས་བདེ་ལེགས།",
    "𐌰𐌱𐌲 𝒜𝓑 𝟘𝟙 𠀀𠀁",
]

TRICKY = [
    "", " ", "   ", " a", "a ", "  a  b  ", "\t\ta\tb\r\n\r\n c\n\n\nd \n e", "a\u00a0b\u200bc\u3000d\u2028e", "\u0000a\u0001\u001f\u007f\u0085b",
    "\u0301a\u0301\u0327 e\u0301 \u00e9 \u1e9b\u0323 q\u0307\u0323", "👨‍👩‍👧‍👦 🇩🇪🇫🇷 👍🏽 ❤️ 😀😀",
    "\uac00\u1100\u1161\u11a8 \u212b \u2126 ﬁ ﬂ ① ½ Ⅷ ㌔ Ａ", "İstanbul ISPARTA ıi ǅ Ǆ ẞß ſ ΑΣ",
    "1 12 123 1234 12345 123456 1234567 ½ Ⅷ ٣٤ 3.14", "I'S I’s I'ſ don'T WE'LL he'D 've'VE 'K", "HelloWorld helloWORLD ABCdef XMLHttp ǅabc aʰB",
    "<|a|><|a|>b x<|a|>y <|im_start|>user\nhi<|im_end|>", "a word, sword wordy word_ word", "a  <l>  b <r>   c<l><r>d", "<s>[CLS] x <mask> [MASK]y</s> <|endoftext|>",
    "Ünï Unï U\u0308ni\u0308 x", "def f(x):\n    return {'a': x**2}  # ok\n\n\tif x != y: pass;", "https://example.com/a/b?c=d&e=%20f#g foo@bar.org",
    "!!! ??? ... -- ++ == // \\\\ ~~ `` <<>> $€£ ©®™ °", "wait...what?!  (no) [yes] {ok} «quote» “curly” ‘single’ – — …",
    "a" * 300, "ab" * 60, " " * 40 + "x", "\n" * 9 + "x", "the the the the the the the the", "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "▁a ▁▁b c▁", "Ġ Ċ ġ", "<0x41> <0xE2> <unk>", "x-y--z - -", "日本語abc123漢字，テスト", "a\u0300\u0301\u0302\u0303\u0304b", "\ufeffbom \ufffd", "𝕳𝖊𝖑𝖑𝖔 ǆ ﷺ",
]
INVALID = [{"hex": h} for h in ("61ff62", "e282", "61e28220", "f09f98", "c080", "eda080", "f8888080", "80808061", "f4908080 c3a9".replace(" ", ""))]

TEXTS = SCRIPTS + TRICKY + INVALID
SHORT = ["", " ", "Hello, it's  a\tTest 12\n", " é e\u0301 ÅßİǅΣ ﬁ①½ ", "안녕 \u1112\u1161\u11ab가", "你好。カガ が㌔", "a-b--12,34.x!?", "\u200b\u00a0x\u3000\r\n y",
         "नमस्ते क़", "👍🏽 🇩🇪\u200d", "ab  abx xxabx", "'S 'll don't WE'RE I'ſ", "ABCdef ʰB a\u0301B", "\u0000\u0007a\ufffd\u0378", "1234567 ١٢ ½", "▁x y▁ Ġ",
         "x\n\n  y \n", "q\u0307\u0323 \u1e9b\u0323", "Привет мир", {"hex": "61ff62e282"}]

TRAIN = SCRIPTS * 2 + [t for t in TRICKY if t and "\0" not in t] + [
    "It was a bright cold day in the house, and the clocks were striking; the people of the street went home.",
    "for i in range(10):\n    print(i, 'number', i ** 2)\n", "the theory of the thing is that there are others with them", "123 456 789 2024 1999"]

DECODE_TOKENS = [["a", "b"], ["▁Hello", "▁wor", "ld"], ["▁", "▁▁x", "y"], ["play", "##ing", "!", "do", "not", "it", "'s"], ["<0xE4>", "<0xBD>", "<0xA0>", "a", "<0xE4>"],
                 ["<0xFF>", "<0x41>"], ["hel", "lo</w>", "wor", "ld</w>"], ["<pad>", "h", "h", "<pad>", "e", "l", "<pad>", "l", "|", "o", "|"],
                 ["Ġthe", "Ċ", "é", "Ã", "©", "x y"], ["aaab", "aa", "baa"], ["Ã"], [], ["a", " .", " n't"], ["aeiou", "xeiz"], ["<0xE4>", "x"], [" a", " b"]]


def as_text(s):
    return bytes.fromhex(s["hex"]).decode("utf-8", "replace") if isinstance(s, dict) else s
