"""Writes the table of tests/unit/test_xet_hash.c: keyed BLAKE3 of byte(i) = i mod 251, by the reference implementation.
    pip install blake3; python make_blake3.py"""
import blake3

KEY = b"whats the Elvish word for friend"
for n in [0, 1, 63, 64, 65, 127, 128, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 3073, 4097, 5121, 7169, 8193, 15361, 16385, 17409,
          31745, 65536, 100000, 131072, 1048577]:
    print('    { %d, "%s" },' % (n, blake3.blake3(bytes(i % 251 for i in range(n)), key=KEY).hexdigest()))
