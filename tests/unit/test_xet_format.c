/* test_xet_format.c - frames, xorbs, shards and reconstructions against published vectors, and everything hostile. */
#include "xet_help.h"
#include "xet_write.h"

#include <lz4.h>
#include <stdio.h>

#include "base/buf.h"
#include "xet/lz4_frame.h"
#include "xet/reconstruct.h"

/* one chunk "hello world", with footer */
static const char x1_hex[] =
    "000b0000000b000068656c6c6f20776f726c64"
    "584554424c4f4201119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c"
    "58424c424853480001000000119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c"
    "58424c42424e440101000000130000000b000000"
    "010000005c000000300000000000000000000000000000000000000084000000";
/* three chunks, one of each scheme, without footer */
static const char x3_hex[] =
    "000b0000000b000068656c6c6f20776f726c64"
    "001a00000164000004224d186040820b0000001f6101004b50616161616100000000"
    "002100000212000004224d18604082120000800004080c100105090d1102060a0e03070b0f00000000";
static const char x1_shard_hex[] =
    "48465265706f4d6574614461746100556967456a7b815783a5bdd95ccdd14aa902000000000000000000000000000000"
    "fd5ce8b743dd5ef19fb913fe8f75e225f6d9e817a8df09dd7fdb26a1a7228754000000c0010000000000000000000000"
    "119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c000000000b0000000000000001000000"
    "30ea5cffdc2fef220c8aed157ead426e5846c32e7d9e785eda47689458270dc100000000000000000000000000000000"
    "083e4d93b9274db9faab7ddad7522ea5ee80537ae3ef84c4e9cdefe2acf7889000000000000000000000000000000000"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000"
    "119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c00000000010000000b00000000000000"
    "119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c000000000b0000000000000000000000"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000";
static const char x1_answer_tail_hex[] = /* from the chunk record on */
    "284dab8ea574d701db1addeb59a931ea16a3514b544069fbb4d0fd3d59cd7adb000000000b0000000000000000000000"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000"
    "010000000000000030000000000000006000000000000000f0000000000000000000000000000000"
    "f0000000000000000000000000000000f00000000000000000000000000000000001020304050607"
    "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00f1536500000000802b5d6500000000"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000b00000000000000f000000000000000";

static bytes unhex(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;
    if (!hex_decode(str_c(hex), out, n)) fail_msg("not hex");
    return (bytes){ out, n };
}

/* Reads a whole xorb, `piece` bytes at a time. */
static bool read_xorb(bytes in, size_t piece, const struct xet_hash *expected, struct arena *a, struct xet_xorb_index *x,
                      uint32_t *frames, struct err *e)
{
    struct xet_xorb_reader *r = xet_xorb_reader_new();
    bool ok = true;
    for (size_t at = 0; ok && at < in.n; at += piece)
        ok = xet_xorb_reader_add(r, (bytes){ in.p + at, in.n - at < piece ? in.n - at : piece }, e);
    ok = ok && xet_xorb_reader_end(r, expected, a, x, frames, e);
    xet_xorb_reader_free(r);
    return ok;
}

/* The same, whole frames at a time, from a window of `room` bytes. */
static bool read_xorb_by_frames(bytes in, size_t room, struct arena *a, struct xet_xorb_index *x, uint32_t *frames, struct err *e)
{
    struct xet_xorb_reader *r = xet_xorb_reader_new();
    bool ok = true;
    while (ok && in.n > 0) {
        size_t shown = in.n < room ? in.n : room, n = shown == in.n ? in.n : xet_xorb_reader_whole(r, (bytes){ in.p, shown });
        assert_true(n > 0 && n <= shown);
        ok = xet_xorb_reader_add(r, (bytes){ in.p, n }, e);
        in = (bytes){ in.p + n, in.n - n };
    }
    ok = ok && xet_xorb_reader_end(r, NULL, a, x, frames, e);
    xet_xorb_reader_free(r);
    return ok;
}

/* A xorb of raw frames over a file's chunks. */
static struct xet_xorb_index write_xorb(bytes file, enum xet_scheme scheme, struct arena *a, struct buf *out)
{
    struct xet_xorb_writer *w = xet_xorb_writer_new();
    struct xet_xorb_index x;
    size_t n;
    struct xet_chunk *chunk = xet_chunks(file, XET_DIALECT_CURRENT, 65536, &n);
    for (size_t i = 0, at = 0; i < n; at += chunk[i++].size_bytes) {
        assert_true(xet_xorb_writer_fits(w, chunk[i].size_bytes));
        xorb_add(w, (bytes){ file.p + at, chunk[i].size_bytes }, &chunk[i].hash, scheme, out);
    }
    assert_int_equal(xet_xorb_writer_count(w), n);
    xet_xorb_writer_end(w, a, &x);
    xet_xorb_writer_free(w);
    mem_free(chunk);
    return x;
}

/* ------------------------------------------------------------------ xorbs */

static void a_xorb_is_read_with_and_without_footer_in_any_pieces(void **state) /* TRAP 5 */
{
    static const size_t piece[] = { 1, 2, 7, 8, 9, 19, 1000 };
    uint8_t room[256];
    bytes x1 = unhex(x1_hex, room);
    struct arena *a = arena_new(0);
    struct xet_hash name = hash_of("4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1");
    struct xet_xorb_index x;
    struct err e;
    uint32_t frames;
    (void)state;
    assert_sha256(x1, "d4a56e2f45361d82535d6c4474897757ecb9c3cdcea5249b375299564fe948bc");
    for (size_t i = 0; i < COUNT(piece); i++) {
        must_ok(read_xorb(x1, piece[i], &name, a, &x, &frames, &e));
        assert_true(frames == 19 && x.count == 1 && x.stored_end[0] == 19 && x.raw_end[0] == 11);
        must_ok(read_xorb((bytes){ x1.p, 19 }, piece[i], &name, a, &x, &frames, &e));
        assert_true(xet_hash_eq(&x.hash, &name) && xet_hash_eq(&x.chunk[0], &name)); /* TRAP 2: the same value */
    }
    must_ok(xet_footer_parse((bytes){ x1.p + 19, x1.n - 19 }, 19, a, &x, &e));
    assert_true(x.count == 1 && x.stored_end[0] == 19 && x.raw_end[0] == 11);
    arena_free(a);
}

static void all_schemes_decode(void **state)
{
    uint8_t room[256];
    bytes x3 = unhex(x3_hex, room);
    struct arena *a = arena_new(0);
    struct buf whole = BUF_INIT(0);
    struct xet_xorb_index x;
    struct err e;
    uint32_t frames;
    (void)state;
    for (size_t piece = 1; piece < 96; piece += 13) must_ok(read_xorb(x3, piece, NULL, a, &x, &frames, &e));
    assert_hash(&x.hash, "ae3dc5752fafd0a3a3adc9fbd4a262379c6a169f18478c36042963e2be163c95");
    assert_true(x.stored_end[0] == 19 && x.stored_end[1] == 53 && x.stored_end[2] == 94 && frames == 94);
    assert_true(x.raw_end[0] == 11 && x.raw_end[1] == 111 && x.raw_end[2] == 129);
    assert_hash(&x.chunk[1], "5ece8a25d93f447f79c6e3c4c02960f18afdfd0738277763a3435782190d2c04");
    assert_hash(&x.chunk[2], "49a94288a20a5b1887fcdfe3af0e65e363ab54fd821876e43f80c9a7af7f2dca");
    struct xet_hash range;
    xet_range_hash(x.chunk, 3, &range);
    assert_hash(&range, "956dee29c52a919d2db3735937ef8c3c16444af6a8a99bb7aeb03f9fcf30ebbc");
    xet_range_hash(x.chunk + 1, 2, &range);
    assert_hash(&range, "436dec8a3e7d0d790569cbe17f5df492e04b36c54dc6ec74125a8ffd01f5a75a");
    buf_add(&whole, str_of(x3));
    xet_footer_put(&whole, &x);
    assert_int_equal(whole.n, 310);
    assert_sha256(bytes_of(buf_str(&whole)), "7fbc221ef2d9ce1e6db1cc0b2101272b3e78789d696e91a9fb1e8826153fc6c1");
    must_ok(read_xorb(bytes_of(buf_str(&whole)), 50, NULL, a, &x, &frames, &e));
    buf_deinit(&whole);
    arena_free(a);
}

static void written_xorbs_are_byte_for_byte_as_published(void **state)
{
    static const struct { bool d1; size_t n, with_footer; const char *frames, *whole; } c[] = {
        { false, 200016, 200192, "8b67ee8c8028337201369fe6cef1ed200bc7faf0aa9d8520bac1b19c9c50123d",
          "3e6752e4969a7573496f53e304464b1df8f731382ad832d0f08f14352ffe59be" },
        { true, 1000152, 1001008, "89012d6b736b38afb75e9ba73683c55bfdfc468600e54da28aeb759f0cf10069",
          "d553ff5163ed6b729b14878f333ef6fc5b98505be75cad12681ed29be0d0dc42" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        struct arena *a = arena_new(0);
        struct buf out = BUF_INIT(0);
        bytes file = c[i].d1 ? xet_d1() : xet_d3();
        struct xet_xorb_index x = write_xorb(file, XET_SCHEME_RAW, a, &out), back;
        struct err e;
        uint32_t frames;
        assert_int_equal(out.n, c[i].n);
        assert_sha256(bytes_of(buf_str(&out)), c[i].frames);
        xet_footer_put(&out, &x);
        assert_int_equal(out.n, c[i].with_footer);
        assert_sha256(bytes_of(buf_str(&out)), c[i].whole);
        must_ok(read_xorb(bytes_of(buf_str(&out)), 4096, &x.hash, a, &back, &frames, &e));
        assert_int_equal(frames, c[i].n);
        mem_free((void *)file.p);
        buf_deinit(&out);
        arena_free(a);
    }
}

static void every_scheme_comes_back_and_never_grows(void **state)
{
    (void)state;
    for (enum xet_scheme s = XET_SCHEME_AUTO; s <= XET_SCHEME_BG4; s++)
        for (int data = 0; data < 4; data++) {
            struct arena *a = arena_new(0);
            struct buf out = BUF_INIT(0);
            bytes file = data == 0 ? xet_random(7, 300000) : xet_linear(data == 1 ? 0 : 7, 13, 300003);
            if (data == 3) /* floats near one: the exponent repeats, the rest is noise */
                for (size_t i = 0; i + 4 <= file.n; i += 4) {
                    float f = 1.0f + (float)((i * 2654435761u) % 1000) / 1000.0f;
                    memcpy((uint8_t *)file.p + i, &f, 4);
                }
            struct xet_xorb_index x = write_xorb(file, s, a, &out), back;
            struct err e;
            uint32_t frames;
            assert_true(out.n <= file.n + (size_t)XET_FRAME_HEADER * x.count);
            if (data == 3) assert_int_equal(xet_scheme_guess((bytes){ file.p, 65536 }), XET_SCHEME_BG4);
            if (data == 0) assert_int_equal(xet_scheme_guess((bytes){ file.p, 65536 }), XET_SCHEME_LZ4);
            must_ok(read_xorb(bytes_of(buf_str(&out)), 100001, &x.hash, a, &back, &frames, &e));
            assert_int_equal(back.raw_end[back.count - 1], file.n);
            mem_free((void *)file.p);
            buf_deinit(&out);
            arena_free(a);
        }
}

static void bytes_are_grouped_by_position(void **state)
{
    uint8_t in[40], mid[40], back[40];
    char hex[81];
    (void)state;
    for (unsigned i = 0; i < 40; i++) in[i] = (uint8_t)i;
    xet_bg4_group((bytes){ in, 18 }, mid);
    hex_encode((bytes){ mid, 18 }, hex);
    assert_string_equal(hex, "0004080c100105090d1102060a0e03070b0f");
    for (size_t n = 0; n <= 40; n++) {
        xet_bg4_group((bytes){ in, n }, mid);
        xet_bg4_ungroup((bytes){ mid, n }, back);
        assert_memory_equal(in, back, n);
    }
}

static void refuse_xorb(const char *hex, const char *says)
{
    uint8_t room[512];
    struct arena *a = arena_new(1 << 20);
    struct xet_xorb_index x;
    struct err e = { 0 };
    uint32_t frames;
    bytes in = unhex(hex, room);
    for (size_t piece = 1; piece <= in.n + 1; piece += in.n ? in.n : 2) { /* byte by byte, and at once */
        if (read_xorb(in, piece, NULL, a, &x, &frames, &e)) fail_msg("taken: %s", hex);
        if (!strstr(e.msg, says)) fail_msg("%s\n  says: %s\n  not: %s", hex, e.msg, says);
    }
    arena_free(a);
}

static void a_bad_xorb_is_refused_and_says_why(void **state)
{
    (void)state;
    refuse_xorb("", "without chunks");
    refuse_xorb("000b000000", "ends inside");
    refuse_xorb("000b0000000b000068656c6c", "ends inside");
    refuse_xorb("010b0000000b000068656c6c6f20776f726c64", "version 1");
    refuse_xorb("000b0000630b000068656c6c6f20776f726c64", "scheme 99");
    refuse_xorb("000b0000030b000068656c6c6f20776f726c64", "scheme 3");
    refuse_xorb("000b0000000a000068656c6c6f20776f726c64", "stored in 11");
    refuse_xorb("0000000000000000", "1 to 131072");
    refuse_xorb("000b000001010002", "1 to 131072"); /* 131073: a bomb in a header */
    refuse_xorb("00010004010b0000", "at most 262144");
    refuse_xorb("0000000001640000", "stored in none");
    refuse_xorb("000b0000000b000068656c6c6f20776f726c6400", "ends inside chunk 1"); /* one byte more */
    refuse_xorb("584554424c4f420100", "without chunks");
    /* a chunk of 100 a's that says 99, 101, and whose frame is longer than itself */
    refuse_xorb("001a00000163000004224d186040820b0000001f6101004b50616161616100000000", "more than the chunk's 99");
    refuse_xorb("001a00000165000004224d186040820b0000001f6101004b50616161616100000000", "holds 100 bytes");
    refuse_xorb("001b00000164000004224d186040820b0000001f6101004b5061616161610000000000", "follow the LZ4 frame");
    refuse_xorb("001900000164000004224d186040820b0000001f6101004b506161616161000000", "ends too early");
    refuse_xorb("001a00000164000004224d186040830b0000001f6101004b50616161616100000000", "header is wrong");
    refuse_xorb("001a00000164000004224d186140820b0000001f6101004b50616161616100000000", "dictionaries");
    refuse_xorb("001a000001640000502a4d186040820b0000001f6101004b50616161616100000000", "begins with");
    refuse_xorb("001a00000164000002214c186040820b0000001f6101004b50616161616100000000", "begins with"); /* legacy */
}

static void a_footer_that_disagrees_is_refused(void **state)
{
    uint8_t room[256];
    bytes x1 = unhex(x1_hex, room);
    struct arena *a = arena_new(1 << 20);
    struct xet_xorb_index x;
    struct err e;
    uint32_t frames;
    (void)state;
    for (size_t i = 19; i < x1.n; i++) { /* every byte of it, but those of the nonce and the zeros behind it */
        if (i >= 19 + 116 && i < 19 + 132) continue;
        room[i] ^= 1;
        if (read_xorb(x1, 1000, NULL, a, &x, &frames, &e)) fail_msg("byte %zu of the footer does not matter", i - 19);
        room[i] ^= 1;
    }
    for (size_t n = 20; n < x1.n; n++)
        assert_false(read_xorb((bytes){ x1.p, n }, 1000, NULL, a, &x, &frames, &e));
    room[x1.n] = 0;
    assert_false(read_xorb((bytes){ x1.p, x1.n + 1 }, 1000, NULL, a, &x, &frames, &e)); /* something follows */
    struct xet_hash other = hash_of("5ece8a25d93f447f79c6e3c4c02960f18afdfd0738277763a3435782190d2c04");
    assert_false(read_xorb(x1, 1000, &other, a, &x, &frames, &e)); /* a forged name */
    arena_free(a);
}

static void a_footer_of_version_0_is_read(void **state)
{
    static const char hex[] = "000b0000000b000068656c6c6f20776f726c64" "584554424c4f4200"
                              "119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c" "01000000" "13000000"
                              "119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c"
                              "00000000000000000000000000000000" "60000000";
    uint8_t room[256];
    struct arena *a = arena_new(1 << 20);
    struct xet_xorb_index x;
    struct err e;
    uint32_t frames;
    bytes in = unhex(hex, room);
    (void)state;
    must_ok(read_xorb(in, 5, NULL, a, &x, &frames, &e));
    assert_int_equal(frames, 19);
    room[19 + 44] ^= 1;
    assert_false(read_xorb(in, 5, NULL, a, &x, &frames, &e));
    arena_free(a);
}

static void more_than_8192_chunks_or_64_mib_are_refused(void **state)
{
    static const uint8_t one[9] = { 0, 1, 0, 0, 0, 1, 0, 0, 'x' };
    struct xet_xorb_reader *r = xet_xorb_reader_new();
    struct err e;
    (void)state;
    for (unsigned i = 0; i < XET_XORB_CHUNKS_MAX; i++) must_ok(xet_xorb_reader_add(r, (bytes){ one, 9 }, &e));
    assert_false(xet_xorb_reader_add(r, (bytes){ one, 9 }, &e));
    assert_false(xet_xorb_reader_add(r, (bytes){ one, 9 }, &e)); /* and stays refused */
    xet_xorb_reader_free(r);
    r = xet_xorb_reader_new();
    assert_false(xet_xorb_reader_add(r, (bytes){ one, XET_XORB_BYTES_MAX + 1u }, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    xet_xorb_reader_free(r);
}

static void whole_frames_are_found_and_change_nothing(void **state)
{
    static const size_t room[] = { XET_FRAME_HEADER + XET_PAYLOAD_MAX, 300000, 384 << 10, 1 << 20 };
    enum { FILE_BYTES = 1300000 };
    struct arena *a = arena_new(0);
    struct err e;
    uint32_t frames;
    uint8_t *file = arena_alloc(a, FILE_BYTES);
    (void)state;
    for (uint32_t i = 0, v = 1; i < FILE_BYTES; i++) file[i] = (uint8_t)((v = v * 1664525 + 1013904223) >> 24);
    memset(file + 500000, 'a', 400000); /* something for the compressor */
    for (int scheme = XET_SCHEME_RAW; scheme <= XET_SCHEME_BG4; scheme++) {
        struct buf b = BUF_INIT(0);
        struct xet_xorb_index x = write_xorb((bytes){ file, FILE_BYTES }, scheme, a, &b), got;
        size_t bare = b.n;
        xet_footer_put(&b, &x);
        bytes all = bytes_of(buf_str(&b));
        for (size_t i = 0; i < COUNT(room); i++)
            for (int footer = 0; footer < 2; footer++) {
                must_ok(read_xorb_by_frames((bytes){ all.p, footer ? all.n : bare }, room[i], a, &got, &frames, &e));
                assert_true(xet_hash_eq(&got.hash, &x.hash) && got.count == x.count && frames == bare);
            }
        struct xet_xorb_reader *r = xet_xorb_reader_new();
        assert_int_equal(xet_xorb_reader_whole(r, (bytes){ all.p, x.stored_end[0] - 1 }), 0);
        assert_int_equal(xet_xorb_reader_whole(r, (bytes){ all.p, x.stored_end[1] + 7 }), x.stored_end[1]);
        assert_int_equal(xet_xorb_reader_whole(r, (bytes){ all.p, bare + 8 }), bare + 8); /* the footer, too */
        must_ok(xet_xorb_reader_add(r, (bytes){ all.p, 3 }, &e));
        assert_int_equal(xet_xorb_reader_whole(r, (bytes){ all.p + 3, 10 }), 10); /* inside of a frame */
        xet_xorb_reader_free(r);
        ((uint8_t *)(uintptr_t)all.p)[x.stored_end[0]] = 9; /* a frame of no version that exists: to be shown and refused */
        assert_false(read_xorb_by_frames(all, 384 << 10, a, &got, &frames, &e));
        assert_int_equal(e.code, ERR_INVALID);
        buf_deinit(&b);
    }
    arena_free(a);
}

/* hf_xet fills a xorb up to 64 MiB of raw bytes; of what does not compress, the headers come on top. */
static void a_xorb_full_of_noise_is_taken(void **state)
{
    enum { CHUNK = 8192 + 1, CHUNKS = (64 << 20) / CHUNK };
    static const char head[8] = { 0, (char)(CHUNK & 255), (char)(CHUNK >> 8), 0, 0, (char)(CHUNK & 255), (char)(CHUNK >> 8), 0 };
    struct err e;
    struct arena *a = arena_new(0);
    struct xet_xorb_index x;
    struct buf all = BUF_INIT(0);
    uint32_t frames;
    (void)state;
    for (size_t i = 0; i < CHUNKS; i++) {
        buf_add(&all, str_n(head, 8));
        memset(buf_reserve(&all, CHUNK), (int)i, CHUNK);
        all.n += CHUNK;
    }
    assert_true(all.n > 64 << 20);
    struct xet_xorb_reader *r = xet_xorb_reader_new();
    must_ok(xet_xorb_reader_add(r, bytes_of(buf_str(&all)), &e));
    must_ok(xet_xorb_reader_end(r, NULL, a, &x, &frames, &e));
    assert_int_equal(x.count, CHUNKS);
    assert_int_equal(frames, all.n);
    xet_xorb_reader_free(r);
    buf_deinit(&all);
    arena_free(a);
}

/* ------------------------------------------------------------------ LZ4 frames of other writers */

static void put_u32(struct buf *b, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) buf_byte(b, (char)(v >> (8 * i)));
}

/* Linked blocks, all checksums, content size, 4 MiB blocks: as huggingface.js and others write. */
static void linked_blocks_and_checksums_are_taken_and_verified(void **state)
{
    bytes raw = xet_linear(7, 13, 100000);
    struct buf f = BUF_INIT(0);
    uint8_t *out = mem_alloc(raw.n);
    LZ4_stream_t *stream = LZ4_createStream();
    struct err e;
    (void)state;
    buf_add(&f, STR("\x04\x22\x4d\x18\x5c\x70"));
    put_u32(&f, (uint32_t)raw.n);
    put_u32(&f, 0);
    buf_byte(&f, (char)(lz4_xxh32((bytes){ (uint8_t *)f.p + 4, 10 }) >> 8));
    for (size_t at = 0; at < raw.n; at += 25000) {
        char block[30000];
        int n = LZ4_compress_fast_continue(stream, (const char *)raw.p + at, block, 25000, sizeof block, 1);
        put_u32(&f, (uint32_t)n);
        buf_add(&f, str_n(block, (size_t)n));
        put_u32(&f, lz4_xxh32((bytes){ (uint8_t *)block, (size_t)n }));
    }
    put_u32(&f, 0);
    put_u32(&f, lz4_xxh32(raw));
    must_ok(lz4_frame_decode(bytes_of(buf_str(&f)), out, raw.n, &e));
    assert_memory_equal(out, raw.p, raw.n);
    for (size_t i = 0; i < f.n; i += i < 40 ? 1 : 97) { /* any change is seen */
        f.p[i] ^= 0x10;
        assert_false(lz4_frame_decode(bytes_of(buf_str(&f)), out, raw.n, &e));
        f.p[i] ^= 0x10;
    }
    LZ4_freeStream(stream);
    mem_free(out);
    mem_free((void *)raw.p);
    buf_deinit(&f);
}

static void our_lz4_header_is_that_of_the_clients(void **state)
{
    bytes raw = xet_linear(0, 97, 131072);
    uint8_t out[2000];
    (void)state;
    assert_true(lz4_frame_encode((bytes){ raw.p, 65536 }, out, sizeof out) > 0);
    assert_memory_equal(out, "\x04\x22\x4d\x18\x60\x40\x82", 7);
    assert_true(lz4_frame_encode(raw, out, sizeof out) > 0);
    assert_memory_equal(out, "\x04\x22\x4d\x18\x60\x50\xfb", 7);
    assert_int_equal(lz4_frame_encode(raw, out, 20), 0);
    mem_free((void *)raw.p);
}

/* ------------------------------------------------------------------ shards */

struct one_xorb {
    struct xet_xorb_index x;
};
static const struct xet_xorb_index *find_one(void *ctx, const struct xet_hash *h)
{
    struct one_xorb *o = ctx;
    return xet_hash_eq(h, &o->x.hash) ? &o->x : NULL;
}

static struct one_xorb x1_stored(struct arena *a)
{
    uint8_t room[256];
    struct one_xorb o;
    struct err e;
    uint32_t frames;
    must_ok(read_xorb(unhex(x1_hex, room), 1000, NULL, a, &o.x, &frames, &e));
    return o;
}

static void an_upload_shard_is_read_checked_and_written(void **state)
{
    uint8_t room[512];
    bytes in = unhex(x1_shard_hex, room);
    struct arena *a = arena_new(0);
    struct one_xorb o = x1_stored(a);
    struct xet_shard_reader r;
    struct xet_shard_file f;
    struct xet_shard_xorb x;
    struct buf out = BUF_INIT(0);
    struct sha256 sha = sha256_of(bytes_of(STR("hello world")));
    struct err e;
    bool found;
    uint64_t budget = 10, size;
    (void)state;
    assert_int_equal(in.n, 432);
    assert_sha256(in, "e524ecb3f186ce5c28bb5d63338fa0f2f5d8b5311069ab23de7b4ea2c59ee11e");
    must_ok(xet_shard_open(in, &r, &e));
    must_ok(xet_shard_next_file(&r, &f, &found, &e));
    assert_true(found && f.terms_count == 1 && f.has_ranges && f.has_sha256);
    assert_true(sha256_eq(&f.sha256, &sha)); /* TRAP 1: the field is reversed group by group */
    struct xet_term t = xet_shard_term(&f, 0);
    struct xet_hash range = xet_shard_range(&f, 0);
    assert_true(t.first == 0 && t.end == 1 && t.raw_bytes == 11);
    must_ok(xet_shard_file_check(&f, find_one, &o, &budget, &size, &e));
    assert_true(budget == 9 && size == 11);
    struct xet_hash name = f.hash;
    must_ok(xet_shard_next_file(&r, &f, &found, &e));
    assert_false(found);
    must_ok(xet_shard_next_xorb(&r, &x, &found, &e));
    assert_true(found && x.chunks_count == 1 && x.raw_bytes == 11 && !xet_shard_chunk(&x, 0).is_dedup_start);
    must_ok(xet_shard_xorb_check(&x, &o.x, &e));
    must_ok(xet_shard_next_xorb(&r, &x, &found, &e));
    assert_false(found);

    shard_put_header(&out);
    shard_put_file(&out, &name, &t, &range, 1, &sha);
    shard_put_bookend(&out);
    shard_put_xorb(&out, &o.x);
    shard_put_bookend(&out);
    assert_true(out.n == in.n && memcmp(out.p, in.p, in.n) == 0);
    buf_deinit(&out);
    arena_free(a);
}

static void the_shard_of_d3_is_as_published(void **state)
{
    struct arena *a = arena_new(0);
    struct buf frames = BUF_INIT(0), out = BUF_INIT(0);
    bytes d3 = xet_d3();
    struct xet_xorb_index x = write_xorb(d3, XET_SCHEME_RAW, a, &frames);
    struct xet_hash file, range;
    struct sha256 sha = sha256_of(d3);
    (void)state;
    xet_file_hash(&x.hash, (uint8_t[32]){ 0 }, &file);
    xet_range_hash(x.chunk, 2, &range);
    shard_put_header(&out);
    shard_put_file(&out, &file, &(struct xet_term){ x.hash, 0, 2, 200000 }, &range, 1, &sha);
    shard_put_bookend(&out);
    shard_put_xorb(&out, &x);
    shard_put_bookend(&out);
    assert_int_equal(out.n, 480);
    assert_sha256(bytes_of(buf_str(&out)), "ca70ff492f6ddaf892ad7aeacd566ca619deb94f3b5a19987a66364805d7c311");
    mem_free((void *)d3.p);
    buf_deinit(&frames);
    buf_deinit(&out);
    arena_free(a);
}

/* Reads the whole shard and checks all of it against X1; the first refusal is the answer. */
static bool take_shard(bytes in, uint64_t budget, struct err *e)
{
    struct arena *a = arena_new(0);
    struct one_xorb o = x1_stored(a);
    struct xet_shard_reader r;
    struct xet_shard_file f;
    struct xet_shard_xorb x;
    uint64_t size;
    bool found = true, ok = xet_shard_open(in, &r, e);
    while (ok && (ok = xet_shard_next_file(&r, &f, &found, e)) && found)
        ok = xet_shard_file_check(&f, find_one, &o, &budget, &size, e);
    while (ok && (ok = xet_shard_next_xorb(&r, &x, &found, e)) && found) ok = xet_shard_xorb_check(&x, &o.x, e);
    arena_free(a);
    return ok;
}

static void a_bad_shard_is_refused(void **state)
{
    uint8_t room[512];
    bytes in = unhex(x1_shard_hex, room);
    struct err e;
    (void)state;
    must_ok(take_shard(in, 1, &e));
    assert_false(take_shard(in, 0, &e)); /* more hashing than allowed */
    for (size_t n = 0; n < in.n; n++) assert_false(take_shard((bytes){ in.p, n }, 9, &e));
    static const size_t matters[] = { 0,   14,  32,  40,              /* tag, version, footer size */
                                      48,  83,  84,  87,              /* name, flags (no ranges), count, a count of 2^24 */
                                      96,  132, 136, 140, 141, 143,   /* term: xorb, length, first, end */
                                      144,                            /* range hash */
                                      240,                            /* bookend */
                                      288, 324, 328, 327, 336, 368, 372 }; /* listing: name, count, size, chunk, offset, length */
    for (size_t i = 0; i < COUNT(matters); i++) {
        room[matters[i]] ^= 0x80;
        if (take_shard(in, 9, &e)) fail_msg("byte %zu does not matter", matters[i]);
        room[matters[i]] ^= 0x80;
    }
    memset(room + 84, 0xff, 4); /* 2^32 - 1 terms in 432 bytes */
    assert_false(take_shard(in, 9, &e));
}

/* A real upload of hf_xet, kept among the seeds of fuzzing (fuzz/capture_xet.py). */
static bytes captured(const char *kind, const char *version, const char *name)
{
    char path[500];
    struct err e;
    char *p;
    size_t n;
    snprintf(path, sizeof path, "%s/../../fuzz/corpus/%s/hf_xet-%s-%s", getenv("HEARTH_TEST_DATA"), kind, version, name);
    must_ok(os_read_file(path, 100000, &p, &n, &e));
    return (bytes){ (const uint8_t *)p, n };
}

static void real_uploads_of_hf_xet_are_taken(void **state)
{
    static const struct { const char *version, *name; } c[] = {
        { "1.0.3", "tiny" }, { "1.0.3", "zeros" }, { "1.0.3", "several" },
        { "1.8.0", "tiny" }, { "1.8.0", "zeros" }, { "1.8.0", "several" },
    };
    (void)state;
    if (!getenv("HEARTH_TEST_DATA")) skip();
    for (size_t i = 0; i < COUNT(c); i++) {
        struct arena *a = arena_new(0);
        bytes xorb = captured("xorb", c[i].version, c[i].name), shard = captured("shard", c[i].version, c[i].name);
        struct one_xorb o;
        struct xet_shard_reader r;
        struct xet_shard_file f;
        struct xet_shard_xorb x;
        struct err e;
        uint32_t frames;
        uint64_t budget = 100, size;
        bool found;
        size_t files = 0;
        must_ok(read_xorb(xorb, 1000, NULL, a, &o.x, &frames, &e));
        must_ok(xet_shard_open(shard, &r, &e));
        for (;; files++) {
            must_ok(xet_shard_next_file(&r, &f, &found, &e));
            if (!found) break;
            must_ok(xet_shard_file_check(&f, find_one, &o, &budget, &size, &e));
        }
        assert_in_range(files, 1, 4);
        must_ok(xet_shard_next_xorb(&r, &x, &found, &e));
        assert_int_equal(found, c[i].version[2] == '8'); /* the first versions list no xorbs */
        if (found) must_ok(xet_shard_xorb_check(&x, &o.x, &e));
        mem_free((void *)xorb.p);
        mem_free((void *)shard.p);
        arena_free(a);
    }
}

static void a_dedup_answer_is_as_published(void **state) /* TRAP 6 */
{
    struct arena *a = arena_new(0);
    struct one_xorb o = x1_stored(a);
    struct xet_dedup_key key = { .created_s = 1700000000, .expires_s = 1700604800 };
    struct buf out = BUF_INIT(0);
    uint8_t room[512];
    bytes tail = unhex(x1_answer_tail_hex, room);
    (void)state;
    for (unsigned i = 0; i < 32; i++) key.key.b[i] = (uint8_t)i;
    xet_dedup_answer(&out, &(struct xet_dedup_xorb){ &o.x, NULL }, 1, &key);
    assert_int_equal(out.n, 440);
    assert_memory_equal(out.p + out.n - tail.n, tail.p, tail.n);
    assert_sha256(bytes_of(buf_str(&out)), "1776a8d91324c5b97cbf791e826e0a67a0c38d71d0cb4546525f498c85e1c85f");
    buf_deinit(&out);
    arena_free(a);
}

static void a_dedup_answer_hides_hashes_and_lengths_but_keeps_places(void **state)
{
    struct arena *a = arena_new(0);
    struct buf frames = BUF_INIT(0), out = BUF_INIT(0);
    bytes d1 = xet_d1();
    struct xet_xorb_index x = write_xorb(d1, XET_SCHEME_RAW, a, &frames);
    struct xet_dedup_key key = { .created_s = 1, .expires_s = 2 };
    uint8_t usable[3] = { 1 << 3 | 1 << 4 | 1 << 6, 1 << 1, 0 }, none[3] = { 0 }; /* chunks 3, 4, 6 and 9 of 19 */
    struct xet_dedup_xorb listed[2] = { { &x, none }, { &x, usable } };
    struct xet_shard_reader r;
    struct xet_shard_file f;
    struct xet_shard_xorb l;
    struct err e;
    bool found;
    uint32_t at = 0;
    (void)state;
    memset(key.key.b, 1, 32);
    memset(key.secret.b, 2, 32);
    xet_dedup_answer(&out, listed, 2, &key);
    must_ok(xet_shard_open(bytes_of(buf_str(&out)), &r, &e));
    must_ok(xet_shard_next_file(&r, &f, &found, &e));
    assert_false(found);
    must_ok(xet_shard_next_xorb(&r, &l, &found, &e)); /* the first of the two has nothing to tell */
    assert_true(found && xet_hash_eq(&l.hash, &x.hash) && l.chunks_count == 10);
    for (uint32_t i = 0; i < l.chunks_count; i++) {
        struct xet_shard_chunk c = xet_shard_chunk(&l, i);
        struct xet_hash real, made_up;
        xet_hmac_many(&key.key, &x.chunk[i], 1, &real);
        xet_hmac_many(&key.secret, &x.chunk[i], 1, &made_up);
        bool may = usable[i / 8] >> i % 8 & 1;
        assert_true(xet_hash_eq(&c.hash, &real) == may && !xet_hash_eq(&c.hash, &made_up));
        assert_int_equal(c.raw_at, at);
        assert_int_equal(c.raw_bytes, may ? x.raw_end[i] - xet_raw_at(&x, i) : 0);
        at += c.raw_bytes;
        for (uint32_t k = 0; k < i; k++) {
            struct xet_shard_chunk other = xet_shard_chunk(&l, k);
            assert_false(xet_hash_eq(&c.hash, &other.hash));
        }
    }
    assert_int_equal(l.raw_bytes, at);
    must_ok(xet_shard_next_xorb(&r, &l, &found, &e));
    assert_false(found);

    struct buf again = BUF_INIT(0); /* what is made up depends on the secret, which the answer does not contain */
    memset(key.secret.b, 3, 32);
    xet_dedup_answer(&again, listed, 2, &key);
    assert_int_equal(again.n, out.n);
    assert_memory_not_equal(again.p + 144, out.p + 144, 32); /* chunk 0, behind header, bookend and the xorb's record */
    assert_memory_equal(again.p + 144 + 3 * 48, out.p + 144 + 3 * 48, 96);
    buf_deinit(&again);
    buf_deinit(&frames);
    buf_deinit(&out);
    mem_free((void *)d1.p);
    arena_free(a);
}

/* ------------------------------------------------------------------ reconstruction */

static const struct { uint64_t begin, end, offset; uint32_t first, last, raw; uint64_t byte_first, byte_last; } plan_case[] = {
    { 0, UINT64_MAX, 0, 0, 2, 200000, 0, 200015 },
    { 0, 256000000, 0, 0, 2, 200000, 0, 200015 },
    { 0, 131072, 0, 0, 1, 131072, 0, 131079 },
    { 131071, 131073, 131071, 0, 2, 200000, 0, 200015 },
    { 131072, 131073, 0, 1, 2, 68928, 131080, 200015 },
    { 150000, 1000000, 18928, 1, 2, 68928, 131080, 200015 },
    { 199999, 200000, 68927, 1, 2, 68928, 131080, 200015 },
};

static void a_range_of_a_file_becomes_chunks_and_byte_ranges(void **state) /* TRAPS 7 and 8 */
{
    struct arena *a = arena_new(0);
    struct buf frames = BUF_INIT(0);
    bytes d3 = xet_d3();
    struct one_xorb o = { write_xorb(d3, XET_SCHEME_RAW, a, &frames) };
    struct xet_stored_term term = xet_stored_term(&o.x, 0, 2);
    struct xet_plan p;
    struct err e;
    (void)state;
    for (size_t i = 0; i < COUNT(plan_case); i++) {
        must_ok(xet_reconstruct(&term, 1, plan_case[i].begin, plan_case[i].end, find_one, &o, a, &p, &e));
        assert_true(p.terms_count == 1 && p.fetches_count == 1 && p.fetch[0].ranges_count == 1);
        const struct xet_fetch_range *r = p.fetch[0].range;
        if (p.offset_into_first_range != plan_case[i].offset || p.term[0].first != plan_case[i].first ||
            p.term[0].end != plan_case[i].last || p.term[0].raw_bytes != plan_case[i].raw || r->first != plan_case[i].first ||
            r->end != plan_case[i].last || r->byte_first != plan_case[i].byte_first || r->byte_last != plan_case[i].byte_last)
            fail_msg("case %zu: offset %llu, chunks %u to %u, %u bytes, stored %llu to %llu", i,
                     (unsigned long long)p.offset_into_first_range, p.term[0].first, p.term[0].end, p.term[0].raw_bytes,
                     (unsigned long long)r->byte_first, (unsigned long long)r->byte_last);
    }
    assert_false(xet_reconstruct(&term, 1, 200000, 200002, find_one, &o, a, &p, &e));
    assert_int_equal(e.code, ERR_BAD_RANGE);
    assert_false(xet_reconstruct(&term, 1, 256000000, 768000000, find_one, &o, a, &p, &e));
    assert_int_equal(e.code, ERR_BAD_RANGE);
    must_ok(xet_reconstruct(NULL, 0, 0, UINT64_MAX, find_one, &o, a, &p, &e)); /* the empty file */
    assert_true(p.terms_count == 0 && p.fetches_count == 0 && p.offset_into_first_range == 0);
    assert_false(xet_reconstruct(NULL, 0, 1, 2, find_one, &o, a, &p, &e));
    term.xorb.b[0] ^= 1;
    must_ok(xet_reconstruct(&term, 1, 0, UINT64_MAX, find_one, &o, a, &p, &e)); /* nothing is cut, so nothing is looked up */
    assert_false(xet_reconstruct(&term, 1, 0, 10, find_one, &o, a, &p, &e));
    assert_int_equal(e.code, ERR_INTERNAL);
    mem_free((void *)d3.p);
    buf_deinit(&frames);
    arena_free(a);
}

static void ranges_of_one_xorb_are_merged_when_they_touch(void **state)
{
    struct arena *a = arena_new(0);
    struct buf frames = BUF_INIT(0);
    bytes d1 = xet_d1();
    struct one_xorb o = { write_xorb(d1, XET_SCHEME_RAW, a, &frames) };
    struct xet_stored_term term[3] = { xet_stored_term(&o.x, 2, 4), xet_stored_term(&o.x, 0, 2), xet_stored_term(&o.x, 2, 3) };
    struct xet_plan p;
    struct err e;
    (void)state;
    must_ok(xet_reconstruct(term, 3, 0, UINT64_MAX, find_one, &o, a, &p, &e));
    assert_true(p.terms_count == 3 && p.fetches_count == 1 && p.fetch[0].ranges_count == 1);
    assert_true(p.fetch[0].range[0].first == 0 && p.fetch[0].range[0].end == 4);
    assert_true(p.fetch[0].range[0].byte_last == o.x.stored_end[3] - 1);
    term[0] = xet_stored_term(&o.x, 3, 4);
    must_ok(xet_reconstruct(term, 2, 0, UINT64_MAX, find_one, &o, a, &p, &e));
    assert_true(p.fetch[0].ranges_count == 2 && p.fetch[0].range[0].end == 2 && p.fetch[0].range[1].first == 3);
    assert_true(p.term[0].first == 3 && p.term[1].first == 0); /* terms keep the order of the file */
    mem_free((void *)d1.p);
    buf_deinit(&frames);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_xorb_is_read_with_and_without_footer_in_any_pieces),
        cmocka_unit_test(all_schemes_decode),
        cmocka_unit_test(written_xorbs_are_byte_for_byte_as_published),
        cmocka_unit_test(every_scheme_comes_back_and_never_grows),
        cmocka_unit_test(bytes_are_grouped_by_position),
        cmocka_unit_test(a_bad_xorb_is_refused_and_says_why),
        cmocka_unit_test(a_footer_that_disagrees_is_refused),
        cmocka_unit_test(a_footer_of_version_0_is_read),
        cmocka_unit_test(more_than_8192_chunks_or_64_mib_are_refused),
        cmocka_unit_test(whole_frames_are_found_and_change_nothing),
        cmocka_unit_test(a_xorb_full_of_noise_is_taken),
        cmocka_unit_test(linked_blocks_and_checksums_are_taken_and_verified),
        cmocka_unit_test(our_lz4_header_is_that_of_the_clients),
        cmocka_unit_test(an_upload_shard_is_read_checked_and_written),
        cmocka_unit_test(real_uploads_of_hf_xet_are_taken),
        cmocka_unit_test(the_shard_of_d3_is_as_published),
        cmocka_unit_test(a_bad_shard_is_refused),
        cmocka_unit_test(a_dedup_answer_is_as_published),
        cmocka_unit_test(a_dedup_answer_hides_hashes_and_lengths_but_keeps_places),
        cmocka_unit_test(a_range_of_a_file_becomes_chunks_and_byte_ranges),
        cmocka_unit_test(ranges_of_one_xorb_are_merged_when_they_touch),
    };
    return cmocka_run_group_tests_name("xet_format", tests, NULL, NULL);
}
