/* Uploads of xorbs: found sound or refused, whole or absent; and their sending, from which no damaged byte leaves. */
#include "cas_help.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

/* X3 of the specification sheet: three frames, one of each scheme. */
static const char x3_hex[] = "000b0000000b000068656c6c6f20776f726c64"
                             "001a00000164000004224d186040820b0000001f6101004b50616161616100000000"
                             "002100000212000004224d18604082120000800004080c100105090d1102060a0e03070b0f00000000";
static const char x3_name[] = "ae3dc5752fafd0a3a3adc9fbd4a262379c6a169f18478c36042963e2be163c95";

static bytes unhex(const char *hex, uint8_t *room)
{
    size_t n = strlen(hex) / 2;
    assert_true(hex_decode(str_c(hex), room, n));
    return (bytes){ room, n };
}

/* Sends `body` in pieces of `step` bytes. */
static bool send_xorb(struct cas *c, const struct xet_hash *name, bytes body, size_t step, int64_t user, bool *was_new,
                      struct err *e)
{
    struct cas_xorb_put *p;
    if (!cas_xorb_begin(c, name, user, body.n, &p, e)) return false;
    while (body.n > 0) {
        uint8_t *at;
        size_t n;
        if (!cas_xorb_space(p, &at, &n, e)) goto failed;
        if (n > step) n = step;
        if (n > body.n) n = body.n;
        memcpy(at, body.p, n);
        if (!cas_xorb_filled(p, n, e)) goto failed;
        body.p += n, body.n -= n;
    }
    return cas_xorb_commit(p, was_new, e);
failed:
    cas_xorb_abort(p);
    return false;
}

static bool count_blob(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms)
{
    (void)name, (void)size_bytes, (void)modified_ms;
    ++*(size_t *)ctx;
    return true;
}
static size_t blobs_in(struct place *p)
{
    struct err e;
    size_t n = 0;
    must_ok(store_each(p->store, count_blob, &n, &e));
    return n;
}

static void assert_nothing_is_left(struct place *p)
{
    assert_int_equal(files_in(p->tmp), 0);
    assert_int_equal(blobs_in(p), 0);
    assert_int_equal(get_int(p, "SELECT count(*) FROM cas_xorb"), 0);
    assert_int_equal(get_int(p, "SELECT count(*) FROM cas_xorb_owner"), 0);
}

static void assert_blob_sha256(struct place *p, const struct xet_hash *name, const char *want)
{
    struct err e;
    char path[256], *text;
    size_t n;
    blob_path(p, name, path);
    must_ok(os_read_file(path, 70 << 20, &text, &n, &e));
    assert_sha256((bytes){ (uint8_t *)text, n }, want);
    mem_free(text);
}

static void assert_sends(struct place *p, const struct xet_hash *name, bytes frames)
{
    struct err e;
    int fd;
    uint64_t frames_bytes;
    size_t got;
    must_ok(cas_xorb_open(p->cas, name, &fd, &frames_bytes, &e));
    assert_int_equal(frames_bytes, frames.n);
    uint8_t *room = mem_alloc(frames.n);
    must_ok(os_pread(fd, room, frames.n, 0, &got, &e));
    assert_int_equal(got, frames.n);
    assert_memory_equal(room, frames.p, frames.n);
    mem_free(room);
    close(fd);
}

/* ------------------------------------------------------------------ what is taken */

static void a_xorb_is_stored_with_a_footer_of_our_own_however_it_came(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    uint8_t room[400];
    bytes x3 = unhex(x3_hex, room), d3 = xet_d3();
    struct xet_hash name = hash_of(x3_name);
    struct made_xorb m;
    bool was_new;
    static const size_t step[] = { 1, 7, 1000 };
    for (size_t i = 0; i < 2 * COUNT(step); i++) {
        bytes body = x3;
        place_begin(&p);
        struct buf with_footer = BUF_INIT(0);
        if (i % 2) { /* the second time with a footer of the oldest kind */
            static const char hex0[] = "584554424c4f4200";
            static const uint8_t ends[] = { 3, 0, 0, 0, 19, 0, 0, 0, 53, 0, 0, 0, 94, 0, 0, 0 },
                                 tail[20] = { [16] = 168 };
            uint8_t head[8];
            static const char *const chunk[] = { "4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1",
                                                 "5ece8a25d93f447f79c6e3c4c02960f18afdfd0738277763a3435782190d2c04",
                                                 "49a94288a20a5b1887fcdfe3af0e65e363ab54fd821876e43f80c9a7af7f2dca" };
            buf_add(&with_footer, str_of(x3));
            buf_add(&with_footer, str_of(unhex(hex0, head)));
            buf_add(&with_footer, str_n((const char *)name.b, 32));
            buf_add(&with_footer, str_n((const char *)ends, sizeof ends));
            for (size_t k = 0; k < 3; k++) {
                struct xet_hash h = hash_of(chunk[k]);
                buf_add(&with_footer, str_n((const char *)h.b, 32));
            }
            buf_add(&with_footer, str_n((const char *)tail, sizeof tail));
            body = bytes_of(buf_str(&with_footer));
        }
        must_ok(send_xorb(p.cas, &name, body, step[i / 2], 1, &was_new, &e));
        assert_true(was_new);
        assert_blob_sha256(&p, &name, "7fbc221ef2d9ce1e6db1cc0b2101272b3e78789d696e91a9fb1e8826153fc6c1");
        assert_sends(&p, &name, x3);
        assert_int_equal(files_in(p.tmp), 0);
        assert_int_equal(get_int(&p, "SELECT chunks_count * 1000000 + raw_bytes * 1000 + stored_bytes FROM cas_xorb"),
                         3129094);
        buf_deinit(&with_footer);
        place_end(&p);
    }
    place_begin(&p);
    make_xorb(&m, d3, 131072, XET_SCHEME_RAW);
    must_ok(send_xorb(p.cas, &m.x.hash, bytes_of(buf_str(&m.frames)), 100000, 1, &was_new, &e));
    assert_blob_sha256(&p, &m.x.hash, "3e6752e4969a7573496f53e304464b1df8f731382ad832d0f08f14352ffe59be");
    made_free(&m);
    mem_free((void *)d3.p);
    place_end(&p);
}

static void whether_it_was_new_is_told_of_ones_own_uploads_alone(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb raw, packed;
    bytes d3 = xet_d3();
    bool was_new;
    place_begin(&p);
    make_xorb(&raw, d3, 131072, XET_SCHEME_RAW);
    make_xorb(&packed, d3, 131072, XET_SCHEME_LZ4);
    bytes a = bytes_of(buf_str(&raw.frames)), b = bytes_of(buf_str(&packed.frames));
    must_ok(send_xorb(p.cas, &raw.x.hash, a, 1 << 20, 1, &was_new, &e));
    assert_true(was_new);
    run_sql(&p, "UPDATE cas_xorb SET touched_ms = 7");
    must_ok(send_xorb(p.cas, &raw.x.hash, b, 1 << 20, 2, &was_new, &e));
    assert_true(was_new);
    must_ok(send_xorb(p.cas, &raw.x.hash, b, 1 << 20, 1, &was_new, &e));
    assert_false(was_new);
    must_ok(send_xorb(p.cas, &raw.x.hash, a, 1 << 20, 2, &was_new, &e));
    assert_false(was_new);
    assert_sends(&p, &raw.x.hash, a); /* the first one's frames */
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb WHERE touched_ms > 7"), 1);
    assert_int_equal(files_in(p.tmp), 0);
    a.n -= 1; /* what is there already is checked like anything else */
    assert_false(send_xorb(p.cas, &raw.x.hash, a, 1 << 20, 3, &was_new, &e));
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb_owner WHERE user_id = 3"), 0);
    made_free(&raw);
    made_free(&packed);
    mem_free((void *)d3.p);
    place_end(&p);
}

static void a_blob_without_a_row_gets_one(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb m;
    bytes d3 = xet_d3();
    bool was_new;
    place_begin(&p);
    make_xorb(&m, d3, 131072, XET_SCHEME_RAW);
    store_xorb(&p, &m, 1);
    run_sql(&p, "DELETE FROM cas_xorb"); /* as a crash between the two would leave it */
    must_ok(send_xorb(p.cas, &m.x.hash, bytes_of(buf_str(&m.frames)), 1 << 20, 1, &was_new, &e));
    assert_true(was_new);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb"), 1);
    made_free(&m);
    mem_free((void *)d3.p);
    place_end(&p);
}

/* ------------------------------------------------------------------ what is refused */

static void what_is_not_that_xorb_leaves_nothing(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    uint8_t room[400];
    bytes x3 = unhex(x3_hex, room);
    struct xet_hash name = hash_of(x3_name),
                    other = hash_of("4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1");
    struct xet_hash zero = { { 0 } }, ones;
    bool was_new;
    memset(&ones, 0xff, sizeof ones);
    place_begin(&p);
    assert_false(send_xorb(p.cas, &other, x3, 10, 1, &was_new, &e)); /* a forged name: that of its first chunk */
    assert_int_equal(e.code, ERR_INVALID);
    assert_non_null(strstr(e.msg, x3_name));
    assert_false(send_xorb(p.cas, &zero, (bytes){ x3.p, 0 }, 10, 1, &was_new, &e));
    assert_int_equal(e.code, ERR_INVALID);
    assert_false(send_xorb(p.cas, &ones, x3, 10, 1, &was_new, &e));
    for (size_t n = 0; n < x3.n; n++) { /* cut short, also between frames */
        assert_false(send_xorb(p.cas, &name, (bytes){ x3.p, n }, 10, 1, &was_new, &e));
        assert_int_equal(e.code, ERR_INVALID);
    }
    for (size_t i = 0; i < x3.n; i++) { /* a changed byte: refused, or it does not change what is decoded */
        room[i] ^= 0x21;
        if (send_xorb(p.cas, &name, x3, 10, 1, &was_new, &e)) fail_msg("byte %zu does not matter", i);
        room[i] ^= 0x21;
    }
    memset(room + x3.n, 0, 20); /* something follows */
    for (size_t n = 1; n < 20; n++)
        assert_false(send_xorb(p.cas, &name, (bytes){ x3.p, x3.n + n }, 10, 1, &was_new, &e));
    assert_nothing_is_left(&p);
    place_end(&p);
}

static void a_bomb_is_refused(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct xet_hash name = hash_of(x3_name);
    struct cas_xorb_put *put;
    struct buf f = BUF_INIT(0);
    uint8_t *at;
    size_t n;
    place_begin(&p);
    /* An LZ4 frame that says 16 bytes and would decode to 200 KiB: a literal, then one endless match. */
    buf_add(&f, STR("\x04\x22\x4d\x18\x60\x70\x73"));
    size_t block = 2 + 2 + 800 + 1 + 6;
    for (unsigned i = 0; i < 4; i++) buf_byte(&f, (char)(block >> (8 * i)));
    buf_add(&f, STR("\x1f"
                    "a"
                    "\x01\x00"));
    for (size_t i = 0; i < 800; i++) buf_byte(&f, (char)0xff);
    buf_add(&f, STR("\x00"
                    "\x50"
                    "aaaaa"));
    buf_add(&f, STR("\0\0\0\0"));
    static const uint32_t raw[] = { 16, 131072 };
    for (size_t i = 0; i < COUNT(raw); i++) {
        must_ok(cas_xorb_begin(p.cas, &name, 1, 0, &put, &e));
        must_ok(cas_xorb_space(put, &at, &n, &e));
        assert_true(n > f.n + 8);
        uint8_t head[8] = { 0, (uint8_t)f.n,    (uint8_t)(f.n >> 8),    0,
                            1, (uint8_t)raw[i], (uint8_t)(raw[i] >> 8), (uint8_t)(raw[i] >> 16) };
        memcpy(at, head, 8);
        memcpy(at + 8, f.p, f.n);
        bool was_new, taken = cas_xorb_filled(put, f.n + 8, &e); /* looked at with its block, or at the end */
        if (taken) assert_false(cas_xorb_commit(put, &was_new, &e));
        else cas_xorb_abort(put);
        assert_int_equal(e.code, ERR_INVALID);
    }
    cas_xorb_abort(NULL);
    buf_deinit(&f);
    assert_nothing_is_left(&p);
    place_end(&p);
}

static void limits_of_size_and_of_chunks_hold(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct xet_hash name = hash_of(x3_name);
    struct buf many = BUF_INIT(0);
    bool was_new;
    place_begin(&p);
    for (size_t i = 0; i < 8193; i++) buf_add(&many, STR("\0\1\0\0\0\1\0\0x"));
    assert_false(send_xorb(p.cas, &name, bytes_of(buf_str(&many)), 1 << 20, 1, &was_new, &e));
    assert_int_equal(e.code, ERR_INVALID);
    assert_non_null(strstr(e.msg, "8192"));
    buf_deinit(&many);

    struct buf all = BUF_INIT(0); /* frames of exactly what is read, so that the file with its footer is larger */
    struct xet_merkle tree;
    bytes raw = xet_random(3, 131072);
    xet_merkle_init(&tree);
    for (size_t n = 131072; all.n < XET_XORB_BYTES_MAX;) {
        struct xet_hash h;
        if (XET_XORB_BYTES_MAX - all.n < n + 8) n = XET_XORB_BYTES_MAX - all.n - 8;
        uint8_t head[8] = { 0, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
                            0, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16) };
        buf_add(&all, str_n((const char *)head, 8));
        buf_add(&all, str_n((const char *)raw.p, n));
        xet_chunk_hash((bytes){ raw.p, n }, &h);
        xet_merkle_add(&tree, &h, n);
    }
    xet_merkle_root(&tree, &name);
    assert_int_equal(all.n, XET_XORB_BYTES_MAX);
    must_ok(send_xorb(p.cas, &name, bytes_of(buf_str(&all)), 1 << 20, 1, &was_new, &e));
    assert_sends(&p, &name, bytes_of(buf_str(&all)));
    place_close(&p);
    place_open(&p);
    assert_sends(&p, &name, bytes_of(buf_str(&all)));
    size_t before = blobs_in(&p);
    buf_add(&all, STR("\0\1\0\0\0\1\0\0x"));
    assert_false(send_xorb(p.cas, &name, bytes_of(buf_str(&all)), 1 << 20, 1, &was_new, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_int_equal(blobs_in(&p), before);
    assert_int_equal(files_in(p.tmp), 0);
    buf_deinit(&all);
    mem_free((void *)raw.p);
    place_end(&p);
}

/* ------------------------------------------------------------------ what is damaged is not sent */

enum damage { FLIP_FRAME, FLIP_HEADER, FLIP_OFFSET, FLIP_HASH, FLIP_LENGTH, CUT, LONGER, ANOTHER, DAMAGES };

static void damage(struct place *p, const struct made_xorb *m, const struct xet_hash *another, enum damage how)
{
    char path[256], other[256];
    FILE *f;
    blob_path(p, &m->x.hash, path);
    blob_path(p, another, other);
    switch (how) {
    case FLIP_FRAME: flip_byte(path, 150000); break;
    case FLIP_HEADER: flip_byte(path, xet_stored_at(&m->x, 2) + 5); break;
    case FLIP_OFFSET: flip_byte(path, -(4 + 28 + 8 * 4)); break; /* the first of stored_end */
    case FLIP_HASH: flip_byte(path, -100); break;
    case FLIP_LENGTH: flip_byte(path, -4); break;
    case CUT: assert_int_equal(truncate(path, 199999), 0); break;
    case LONGER:
        assert_non_null(f = fopen(path, "ab"));
        fputc(0, f);
        fclose(f);
        break;
    case ANOTHER: assert_int_equal(rename(other, path), 0); break;
    case DAMAGES: break;
    }
}

static void a_damaged_file_is_told_and_not_sent(void **state)
{
    (void)state;
    for (enum damage how = 0; how < DAMAGES; how++) {
        struct place p;
        struct err e;
        struct made_xorb m, another;
        uint64_t n;
        bool was_new;
        int fd;
        char hex[65];
        bytes in = xet_random(5, 200000 + 8);
        place_begin(&p);
        make_xorb(&m, (bytes){ in.p, 200000 }, 50000, XET_SCHEME_RAW);
        make_xorb(&another, (bytes){ in.p + 8, 200000 }, 50000, XET_SCHEME_RAW);
        bytes frames = bytes_of(buf_str(&m.frames));
        must_ok(send_xorb(p.cas, &m.x.hash, frames, 70000, 1, &was_new, &e));
        store_xorb(&p, &another, 1);
        assert_sends(&p, &m.x.hash, frames);
        damage(&p, &m, &another.x.hash, how);
        xet_hash_hex(&m.x.hash, hex);
        for (int i = 0; i < 2; i++) {
            assert_false(cas_xorb_open(p.cas, &m.x.hash, &fd, &n, &e));
            assert_int_equal(fd, -1);
            assert_int_equal(e.code, ERR_IO);
            assert_non_null(strstr(e.msg, hex));
        }
        place_close(&p); /* nor after a restart */
        place_open(&p);
        assert_false(cas_xorb_open(p.cas, &m.x.hash, &fd, &n, &e));
        assert_int_equal(e.code, ERR_IO);
        char path[256]; /* restored from a backup, it is sent again */
        blob_path(&p, &m.x.hash, path);
        must_ok(os_remove(path, &e));
        assert_false(cas_xorb_open(p.cas, &m.x.hash, &fd, &n, &e));
        assert_int_equal(e.code, ERR_NOT_FOUND);
        store_xorb(&p, &m, 0);
        assert_sends(&p, &m.x.hash, frames);
        made_free(&m);
        made_free(&another);
        mem_free((void *)in.p);
        place_end(&p);
    }
}

/* ------------------------------------------------------------------ who may know of it */

static bool may_read_listed(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e)
{
    (void)c, (void)e;
    *may = ctx && memcmp(ctx, sha256->b, 32) == 0;
    return true;
}

/* Its file is as it was when it was found sound, by size and dates; only the content is not. */
static void a_xorb_that_went_bad_unnoticed_is_replaced_when_it_is_sent_again(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb m;
    struct os_identity is;
    char path[256], name[CAS_NAME_MAX];
    uint64_t frames_bytes;
    bool was_new, found;
    int fd;
    place_begin(&p);
    bytes content = xet_random(41, 400000);
    make_xorb(&m, content, 50000, XET_SCHEME_RAW);
    must_ok(send_xorb(p.cas, &m.x.hash, bytes_of(buf_str(&m.frames)), 70000, 1, &was_new, &e));
    blob_path(&p, &m.x.hash, path);
    flip_byte(path, 123456);
    must_ok(store_identity(p.store, xorb_name(&m.x.hash, name), &is, &found, &e));
    xorb_is_sound(p.cas, &m.x.hash, &is, xorb_frames_bytes(&m.x));
    must_ok(cas_xorb_open(p.cas, &m.x.hash, &fd, &frames_bytes, &e)); /* believed */
    close(fd);
    must_ok(send_xorb(p.cas, &m.x.hash, bytes_of(buf_str(&m.frames)), 70000, 2, &was_new, &e));
    xorb_look_again(p.cas, &m.x.hash);
    must_ok(cas_xorb_open(p.cas, &m.x.hash, &fd, &frames_bytes, &e));
    close(fd);
    assert_int_equal(blobs_in(&p), 1);
    made_free(&m);
    mem_free((void *)content.p);
    place_end(&p);
}

static void a_xorb_is_there_for_its_sender_and_for_who_may_read_all_of_it(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb m;
    struct cas_object o;
    struct db_conn *tx;
    bytes d3 = xet_d3();
    bool was_new, found;
    place_begin(&p);
    make_xorb(&m, d3, 50000, XET_SCHEME_RAW);
    must_ok(send_xorb(p.cas, &m.x.hash, bytes_of(buf_str(&m.frames)), 70000, 1, &was_new, &e));
    struct xet_stored_term part[] = { xet_stored_term(&m.x, 0, 1), xet_stored_term(&m.x, 2, 4) },
                           rest = xet_stored_term(&m.x, 1, 2);
    struct cas_file f = {
        .hash = { { 1 } }, .sha256 = { { 2 } }, .term = part, .terms_count = 2, .size_bytes = 150000
    };
    struct cas_viewer ann = { 1, may_read_listed, NULL }, bob = { 2, may_read_listed, NULL },
                      reader = { 0, may_read_listed, f.sha256.b };
    must_ok(db_begin(p.db, &tx, &e));
    must_ok(file_enter_object(tx, &f, &o, &e));
    must_ok(db_commit(p.db, tx, &e));
    must_ok(cas_xorb_find(p.cas, &m.x.hash, &ann, &found, &e));
    assert_true(found);
    must_ok(cas_xorb_find(p.cas, &m.x.hash, &bob, &found, &e));
    assert_false(found);
    must_ok(cas_xorb_find(p.cas, &m.x.hash, &reader, &found, &e)); /* of one chunk he knows nothing */
    assert_false(found);
    f = (struct cas_file){
        .hash = { { 3 } }, .sha256 = { { 2 } }, .term = &rest, .terms_count = 1, .size_bytes = 50000
    };
    must_ok(db_begin(p.db, &tx, &e));
    must_ok(file_enter_object(tx, &f, &o, &e));
    must_ok(db_commit(p.db, tx, &e));
    must_ok(cas_xorb_find(p.cas, &m.x.hash, &reader, &found, &e));
    assert_true(found);
    m.x.hash.b[0] ^= 1;
    must_ok(cas_xorb_find(p.cas, &m.x.hash, &ann, &found, &e));
    assert_false(found);
    made_free(&m);
    mem_free((void *)d3.p);
    place_end(&p);
}

/* ------------------------------------------------------------------ many at once */

enum { SENDERS = 4 };
struct sender {
    struct place *p;
    const struct made_xorb *m;
    int64_t user;
    bool ok;
};

static void *send_and_read(void *ctx)
{
    struct sender *s = ctx;
    struct err e;
    bool was_new;
    s->ok = true;
    for (int i = 0; s->ok && i < 10; i++) {
        int fd;
        uint64_t n;
        s->ok = send_xorb(s->p->cas, &s->m->x.hash, bytes_of(buf_str(&s->m->frames)), 30000, s->user, &was_new, &e) &&
                cas_xorb_open(s->p->cas, &s->m->x.hash, &fd, &n, &e);
        if (s->ok)
            close(fd);
        else
            print_message("%s\n", e.msg);
    }
    return NULL;
}

static void the_same_xorb_may_come_from_many_at_once_in_different_frames(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb m[2];
    struct sender s[SENDERS];
    pthread_t t[SENDERS];
    bytes d3 = xet_d3();
    const struct xet_xorb_index *x;
    int fd;
    uint64_t n;
    make_xorb(&m[0], d3, 50000, XET_SCHEME_RAW);
    make_xorb(&m[1], d3, 50000, XET_SCHEME_LZ4);
    place_begin(&p);
    for (size_t i = 0; i < SENDERS; i++) {
        s[i] = (struct sender){ &p, &m[i % 2], (int64_t)i % 3 + 1, false };
        assert_int_equal(pthread_create(&t[i], NULL, send_and_read, &s[i]), 0);
    }
    for (size_t i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_true(s[i].ok);
    }
    assert_int_equal(blobs_in(&p), 1);
    assert_int_equal(files_in(p.tmp), 0);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb_owner"), 3);
    place_close(&p);
    place_open(&p);
    must_ok(cas_xorb_open(p.cas, &m[0].x.hash, &fd, &n, &e));
    close(fd);
    must_ok(xorb_borrow(p.cas, &m[0].x.hash, &x, &e));
    assert_int_equal(xorb_frames_bytes(x), n);
    assert_int_equal(get_int(&p, "SELECT stored_bytes FROM cas_xorb"), n);
    xorb_give(p.cas, x);
    made_free(&m[0]);
    made_free(&m[1]);
    mem_free((void *)d3.p);
    place_end(&p);
}

/* ------------------------------------------------------------------ what fails on the way */

static void a_disk_that_fails_anywhere_leaves_all_or_nothing(void **state)
{
    (void)state;
    struct made_xorb m;
    bytes d3 = xet_random(9, 1200000);
    make_xorb(&m, d3, 50000, XET_SCHEME_RAW);
    bytes frames = bytes_of(buf_str(&m.frames));
    for (int kind = 0; kind < 2; kind++) {
        uint64_t n = 1;
        for (bool ok = false; !ok; n += UNIT_CALLS_STEP) {
            struct place p;
            struct err e;
            bool was_new;
            place_begin(&p);
            os_fault_after(n, kind ? EIO : ENOSPC, kind);
            ok = send_xorb(p.cas, &m.x.hash, frames, 1 << 20, 1, &was_new, &e);
            os_fault_after(0, 0, false);
            if (!ok) assert_int_equal(e.code, kind ? ERR_IO : ERR_NO_SPACE);
            assert_int_equal(files_in(p.tmp), 0);
            assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb"), ok);
            if (ok) assert_sends(&p, &m.x.hash, frames);
            must_ok(send_xorb(p.cas, &m.x.hash, frames, 1 << 20, 1, &was_new, &e));
            assert_int_equal(was_new, !ok);
            assert_sends(&p, &m.x.hash, frames);
            place_end(&p);
        }
        assert_true(n > 8);
    }
    made_free(&m);
    mem_free((void *)d3.p);
}

_Noreturn static void child_uploads(struct place *p, unsigned round, int tell)
{
    struct err e;
    bool was_new;
    place_open(p);
    for (unsigned i = 0;; i++) {
        struct made_xorb m;
        bytes in = xet_random(round * 1000 + i, 160000);
        make_xorb(&m, in, 50000, XET_SCHEME_RAW);
        if (!send_xorb(p->cas, &m.x.hash, bytes_of(buf_str(&m.frames)), 1 << 20, 1, &was_new, &e)) _exit(1);
        if (write(tell, m.x.hash.b, 32) != 32) _exit(1);
        made_free(&m);
        mem_free((void *)in.p);
    }
}

static void what_was_answered_survives_kill_9_and_a_row_has_its_blob(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    size_t answered = 0;
    place_begin(&p);
    place_close(&p);
    for (unsigned round = 0; round < 6; round++) {
        int tell[2], status, fd;
        struct xet_hash h;
        uint64_t n, removed;
        assert_int_equal(pipe(tell), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(tell[0]);
            child_uploads(&p, round, tell[1]);
        }
        close(tell[1]);
        assert_int_equal(read(tell[0], h.b, 32), 32);
        usleep((useconds_t)(random_u64() % 60000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        place_open(&p);
        do {
            must_ok(cas_xorb_open(p.cas, &h, &fd, &n, &e));
            close(fd);
            answered++;
        } while (read(tell[0], h.b, 32) == 32);
        close(tell[0]);
        assert_true(get_int(&p, "SELECT count(*) FROM cas_xorb") >= (int64_t)answered);
        assert_true(blobs_in(&p) >= (size_t)get_int(&p, "SELECT count(*) FROM cas_xorb"));
        must_ok(store_sweep_tmp(p.store, -1000, &removed, &e));
        assert_int_equal(files_in(p.tmp), 0);
        place_close(&p);
    }
    place_open(&p);
    place_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_xorb_is_stored_with_a_footer_of_our_own_however_it_came),
        cmocka_unit_test(whether_it_was_new_is_told_of_ones_own_uploads_alone),
        cmocka_unit_test(a_blob_without_a_row_gets_one),
        cmocka_unit_test(what_is_not_that_xorb_leaves_nothing),
        cmocka_unit_test(a_bomb_is_refused),
        cmocka_unit_test(limits_of_size_and_of_chunks_hold),
        cmocka_unit_test(a_damaged_file_is_told_and_not_sent),
        cmocka_unit_test(a_xorb_that_went_bad_unnoticed_is_replaced_when_it_is_sent_again),
        cmocka_unit_test(a_xorb_is_there_for_its_sender_and_for_who_may_read_all_of_it),
        cmocka_unit_test(the_same_xorb_may_come_from_many_at_once_in_different_frames),
        cmocka_unit_test(a_disk_that_fails_anywhere_leaves_all_or_nothing),
        cmocka_unit_test(what_was_answered_survives_kill_9_and_a_row_has_its_blob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
