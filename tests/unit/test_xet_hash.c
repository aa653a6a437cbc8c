/* test_xet_hash.c - BLAKE3, the chunker and the names of things in Xet, against published vectors. */
#include "xet_help.h"

#include "xet/blake3_priv.h"
#include "xet/chunker_priv.h"

/* ------------------------------------------------------------------ BLAKE3 */

static const struct { size_t n; const char *hex; } blake3_case[] = { /* tests/oracle/make_blake3.py */
    { 0, "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26" },
    { 1, "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b" },
    { 63, "bb1eb5d4afa793c1ebdd9fb08def6c36d10096986ae0cfe148cd101170ce37ae" },
    { 64, "ba8ced36f327700d213f120b1a207a3b8c04330528586f414d09f2f7d9ccb7e6" },
    { 65, "c0a4edefa2d2accb9277c371ac12fcdbb52988a86edc54f0716e1591b4326e72" },
    { 127, "c64200ae7dfaf35577ac5a9521c47863fb71514a3bcad18819218b818de85818" },
    { 128, "b04fe15577457267ff3b6f3c947d93be581e7e3a4b018679125eaf86f6a628ec" },
    { 1023, "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e" },
    { 1024, "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4" },
    { 1025, "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69" },
    { 2047, "0e872f791bb2e9befc57d0abffd6345e8f51f512e91dbebc6eea3288a4c04f05" },
    { 2048, "879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1" },
    { 2049, "9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5" },
    { 3072, "044a0e7b172a312dc02a4c9a818c036ffa2776368d7f528268d2e6b5df191770" },
    { 3073, "68dede9bef00ba89e43f31a6825f4cf433389fedae75c04ee9f0cf16a427c95a" },
    { 4097, "00df940cd36bb9fa7cbbc3556744e0dbc8191401afe70520ba292ee3ca80abbc" },
    { 5121, "6ccf1c34753e7a044db80798ecd0782a8f76f33563accaddbfbb2e0ea4b2d024" },
    { 7169, "ed9b1a922c046fdb3d423ae34e143b05ca1bf28b710432857bf738bcedbfa511" },
    { 8193, "954a2a75420c8d6547e3ba5b98d963e6fa6491addc8c023189cc519821b4a1f5" },
    { 15361, "a1cf9672ad4c163dd7d3c03573d5008871577a2ba5fec11439db5a76d61edd02" },
    { 16385, "9f1e8750b485576aa8af42e403bfb340665b45a952799d0155756c994db7dfd2" },
    { 17409, "c7b5166cb456cb8a082b876006205ad15ab5f966ac2aab1f97a5a3840b90c767" },
    { 31745, "9e64663e9f30783d76a46b3ca41daebce74232dd2dd79253570758670ae3c94b" },
    { 65536, "160fb7538a11d83b9b311825a6baef08484d6aabb8276900a1fb08648085cca2" },
    { 100000, "74c836d008247adebbc032d1bced2e71d19050b5c39fa03c43d4160ad8d17073" },
    { 131072, "def66234dd1a614a994a3dbe7bbc8edf9bbc3fae90222334c8a77320f94d3fe8" },
    { 1048577, "a0c8e093827da3e07e22fa684eb60fc1600cf44c5036c80fb0b587d0f39ef421" },
};
static const uint8_t *const elvish = (const uint8_t *)"whats the Elvish word for friend";

static void assert_blake3(const uint8_t got[32], size_t i)
{
    char hex[65];
    hex_encode((bytes){ got, 32 }, hex);
    if (strcmp(hex, blake3_case[i].hex) != 0) fail_msg("%zu bytes: %s", blake3_case[i].n, hex);
}

static bytes blake3_input(void)
{
    uint8_t *p = mem_alloc(1048577);
    for (size_t i = 0; i < 1048577; i++) p[i] = (uint8_t)(i % 251);
    return (bytes){ p, 1048577 };
}

static void blake3_agrees_with_the_reference(void **state)
{
    bytes all = blake3_input(), list[COUNT(blake3_case)];
    uint8_t got[COUNT(blake3_case)][32];
    (void)state;
    for (size_t i = 0; i < COUNT(blake3_case); i++) {
        list[i] = (bytes){ all.p, blake3_case[i].n };
        blake3_keyed(elvish, list[i], got[0]);
        assert_blake3(got[0], i);
    }
    blake3_keyed_many(elvish, list, COUNT(list), got); /* side by side in one go */
    for (size_t i = 0; i < COUNT(blake3_case); i++) assert_blake3(got[i], i);
    mem_free((void *)all.p);
}

static void a_stream_may_be_split_anywhere(void **state)
{
    static const size_t piece[] = { 1, 63, 64, 1000, 1024, 1025, 4096, 100000, 1 << 20 };
    bytes all = blake3_input();
    (void)state;
    for (size_t p = 0; p < COUNT(piece); p++)
        for (size_t i = 0; i < COUNT(blake3_case) - (p == 0); i++) {
            struct blake3 b;
            uint8_t got[32];
            blake3_init(&b, elvish);
            for (size_t at = 0; at < blake3_case[i].n; at += piece[p]) {
                size_t left = blake3_case[i].n - at;
                blake3_add(&b, (bytes){ all.p + at, left < piece[p] ? left : piece[p] });
            }
            blake3_end(&b, got);
            assert_blake3(got, i);
        }
    mem_free((void *)all.p);
}

/* Every kernel of this machine against the scalar one: all counts of lanes, all lengths of a last block. */
static void kernels_agree_with_the_scalar_reference(void **state)
{
    static const char *const name[] = { "avx2", "avx512", "neon" };
    bytes all = blake3_input();
    uint32_t key[8] = { 1, 2, 3, 4, 5, 6, 7, 0xffffffff };
    (void)state;
    for (size_t k = 0; k < COUNT(name); k++) {
        const struct blake3_kernel *kernel = blake3_kernel_pick(str_c(name[k]));
        for (size_t count = 0; count <= 40; count++) {
            struct blake3_job job[40];
            uint8_t want[40][32], got[40][32];
            for (size_t j = 0; j < count; j++)
                job[j] = (struct blake3_job){ all.p + 77 * j, ((uint64_t)1 << 32) - 3 + j,
                                              (uint32_t)((j * 241 + count * 31) % 1025), KEYED, LEAF_START,
                                              (uint8_t)(j % 3 ? LEAF_END : LEAF_END | ROOT) };
            blake3_run_scalar(key, job, count, want);
            kernel->run(key, job, count, got);
            for (size_t j = 0; j < count; j++)
                if (memcmp(want[j], got[j], 32) != 0) fail_msg("%s: job %zu of %zu", kernel->name, j, count);
        }
    }
    assert_string_equal(blake3_kernel_pick(STR("scalar"))->name, "scalar");
    assert_non_null(blake3_kernel_pick(STR("no such kernel")));
    mem_free((void *)all.p);
}

/* ------------------------------------------------------------------ text form */

static void every_group_of_eight_bytes_is_reversed_in_text(void **state) /* TRAP 1 */
{
    struct xet_hash h, back;
    struct sha256 sha;
    (void)state;
    for (unsigned i = 0; i < 32; i++) h.b[i] = (uint8_t)i;
    assert_hash(&h, "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918");
    assert_true(xet_hash_u64(&h, 0) == 0x0706050403020100u && xet_hash_mod(&h, 1024) == 0x118);
    assert_true(xet_hash_parse(STR("07060504030201000F0E0d0c0b0a090817161514131211101f1e1d1c1b1a1918"), &back));
    assert_true(xet_hash_eq(&h, &back));
    assert_false(xet_hash_parse(STR("07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a191"), &back));
    assert_false(xet_hash_parse(STR("07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a19180"), &back));
    assert_false(xet_hash_parse(STR("g7060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"), &back));
    memcpy(sha.b, h.b, 32);
    xet_hash_of_sha256(&sha, &back); /* the field of a shard, written as a hash, is the usual hex of the digest */
    assert_hash(&back, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    xet_hash_to_sha256(&back, &sha);
    assert_memory_equal(sha.b, h.b, 32);
    memset(h.b, 0xff, 32);
    assert_true(xet_hash_is_bookend(&h) && !xet_hash_is_zero(&h));
}

/* ------------------------------------------------------------------ chunker */

static void the_gear_table_is_the_one_of_the_format(void **state)
{
    uint64_t x = 0, sum = 0;
    (void)state;
    for (unsigned i = 0; i < 256; i++) x ^= xet_gear[i], sum += xet_gear[i];
    assert_true(x == 0x6aa26c5ca5f6cbfcu && sum == 0xc1acb37ef35c570au);
}

/* Adds "a,b,c" of chunk ends to text, feeding `piece` bytes at a time (TRAP: buffers make no difference). */
static void put_ends(struct buf *text, bytes in, enum xet_dialect d, size_t piece)
{
    struct xet_chunker c;
    size_t cuts = 0;
    xet_chunker_init(&c, d);
    for (size_t at = 0; at < in.n;) {
        bool cut;
        size_t n = xet_chunker_next(&c, (bytes){ in.p + at, in.n - at < piece ? in.n - at : piece }, &cut);
        at += n;
        if (cut || (at == in.n && c.size_bytes > 0)) buf_addf(text, "%s%zu", cuts++ ? "," : "", at);
    }
}

static void random_data_is_cut_where_the_clients_cut_it(void **state)
{
    static const size_t piece[] = { 1, 7, 64, 4096, 65537, 1000000 };
    bytes d1 = xet_d1();
    (void)state;
    assert_sha256(d1, "b3d0a1f7938cd4d8413a4dcffd4313e2e8ac0cb61cb1090eb140ea8e9154befb");
    for (size_t i = 0; i < COUNT(piece); i++)
        for (enum xet_dialect d = XET_DIALECT_CURRENT; d <= XET_DIALECT_OLD; d++) {
            struct buf t = BUF_INIT(0);
            put_ends(&t, d1, d, piece[i]);
            assert_str(buf_str(&t), STR("84493,134421,144853,243318,271793,336457,467529,494581,582000,596735,616815,"
                                        "653164,678202,724510,815591,827760,958832,991092,1000000"));
            buf_deinit(&t);
        }
    mem_free((void *)d1.p);
}

/* The definition: one byte after the other. */
static size_t scan_slowly(const uint8_t *p, size_t n, uint64_t *gear, bool *cut)
{
    *cut = false;
    for (size_t i = 0; i < n; i++) {
        *gear = xet_gear_step(*gear, p[i]);
        if ((*cut = (*gear & 0xffff000000000000) == 0)) return i + 1;
    }
    return n;
}

static void scanners_find_the_first_cut_of_a_block(void **state)
{
    (void)state;
    static const char *const forced[] = { "", "scalar", "avx512", "nonsense" };
    bytes noise = xet_random(7, 1 << 20);
    size_t window = 0;
    uint64_t h = 0;
    for (; window < noise.n && (window < 64 || h >= XET_GEAR_CUT_BELOW); window++) h = xet_gear_step(h, noise.p[window]);
    assert_true(window < noise.n); /* 64 bytes that end with a cut end here */
    for (size_t f = 0; f < COUNT(forced); f++) {
        struct xet_scanner s = xet_scanner_pick(str_c(forced[f]));
        size_t cuts = 0;
        for (uint32_t round = 0; round < 2000; round++) {
            uint8_t *block = mem_alloc(s.block_bytes); /* to its last byte, so that sanitizers see more */
            memcpy(block, noise.p + (size_t)round * 331, s.block_bytes);
            for (uint32_t k = 0; k < round % 5; k++) /* up to four more, in any order */
                memcpy(block + (round * 2654435761u + k * 40503u * round) % (s.block_bytes - 63), noise.p + window - 64, 64);
            uint64_t gear = (uint64_t)round * 0x9e3779b97f4a7c15, slow_gear = gear;
            bool cut, slow_cut;
            size_t at = s.scan(block, &gear, &cut), slow_at = scan_slowly(block, s.block_bytes, &slow_gear, &slow_cut);
            if (at != slow_at || cut != slow_cut || (!cut && gear != slow_gear))
                fail_msg("%s, round %u: %zu, not %zu", s.name, round, at, slow_at);
            cuts += cut;
            mem_free(block);
        }
        assert_in_range(cuts, 1000, 1990); /* with and without */
    }
    mem_free((void *)noise.p);
}

static void data_without_cuts_is_cut_at_the_maximum(void **state)
{
    struct buf t = BUF_INIT(0);
    bytes d2 = xet_linear(0, 59, 1000000), d3 = xet_d3();
    (void)state;
    put_ends(&t, d2, XET_DIALECT_CURRENT, 5000);
    assert_str(buf_str(&t), STR("131072,262144,393216,524288,655360,786432,917504,1000000"));
    buf_reset(&t);
    put_ends(&t, d3, XET_DIALECT_CURRENT, 200000);
    assert_str(buf_str(&t), STR("131072,200000"));
    buf_reset(&t);
    put_ends(&t, (bytes){ d3.p, 0 }, XET_DIALECT_CURRENT, 1);
    assert_int_equal(t.n, 0); /* nothing has no chunks */
    put_ends(&t, (bytes){ d3.p, 1 }, XET_DIALECT_CURRENT, 1);
    assert_str(buf_str(&t), STR("1"));
    buf_deinit(&t);
    mem_free((void *)d2.p);
    mem_free((void *)d3.p);
}

static void both_dialects_cut_the_pattern_family_as_published(void **state) /* TRAP 4 */
{
    static const char pattern[] = "9a342a229f4b7ee046ec0cc44fecb27c7f3263b22cb0ae7efaebcdaefc7a230a1465d645c10873699ee4786f88a2c6fbd3b7fdfca4933f10baa27517aa24cdbb"
                                  "ae4cd2aed3af0cad913b0246deb59fe3b69cbd33e26a1832b79d8c0a0817d4460aea1721dbfe27ec4631bf7409730f651a9fa5dc0faa387d5ca35eeb26283151";
    static const char *const want[] = { "435fff13155e4116a55fb2f16a1ea684de7e99eb4f7d5b9ac95f98868a9fc431",
                                        "a2ed3fa4553761360f46e3e4c0e4da194b8bee619adedde6a552eb6cd82f0f3a" };
    uint8_t unit[256] = { 0 }, *data = mem_alloc(65536);
    (void)state;
    assert_true(hex_decode(str_c(pattern), unit, 128));
    for (enum xet_dialect d = XET_DIALECT_CURRENT; d <= XET_DIALECT_OLD; d++) {
        struct buf t = BUF_INIT(0);
        for (size_t n = 0; n < 128; n++) {
            for (size_t i = 0; i < 65536; i++) data[i] = unit[i % (128 + n)];
            buf_addf(&t, "%zu:", n);
            put_ends(&t, (bytes){ data, 65536 }, d, n % 2 ? 65536 : 3001);
            buf_byte(&t, '\n');
        }
        assert_int_equal(t.n, 6418);
        assert_sha256(bytes_of(buf_str(&t)), want[d]);
        buf_deinit(&t);
    }
    mem_free(data);
}

/* ------------------------------------------------------------------ names */

static const struct { const char *hex; size_t size; } d1_chunk[] = {
    { "6eca1e7dadaf08cca5d82d318c800f07c2ddcec115a7e8627e5edd9605b94b8d", 84493 },
    { "624ea34d72a06e5d43a1b8dd10763f0d22f165992c397ed97563899b27fdd88a", 49928 },
    { "4411d2ec847c6e3f451a7451ff3933adb4f1c31587421b9f730b698a78313b47", 10432 },
    { "6342bde97433e29e0779ad33eb8040d986679040361b3cc3a06230fe60dd6c9b", 98465 },
    { "405253fcf15bba751adc4f507d3453273daff81ed4d8acd71c521aa1cbddc0b5", 28475 },
    { "4482374af7f8bebfdb5c5df0299f80128d6c58886ad7b218c562b1d74064e4cb", 64664 },
    { "80acc8d39c853b4b8a8c6ad7b63bf2ea68f62c2226b92f06349f92cc84d213cc", 131072 },
    { "a7076d7d343f711fb20fe6cd023248d8d051e8fe7d44172596cd5c7ea7edaf65", 27052 },
    { "44755217bbb4dadc81ea7695765230a34a2e6cb3b55f373f1de35aeba79ae92c", 87419 },
    { "001adc1d302d5f039278325dcbd5ec3b194f4794f1629d6f962f9f4bb78a7bff", 14735 },
    { "f8460a337c186f07c2e225bb287a1d3d3d686dc69d0828e99640f7d8852c5b90", 20080 },
    { "c9bc3da29025dc1ba562d303d815151d9a937367abb766ae842a165e8493d9fe", 36349 },
    { "5044339dfd65e8163bdfe642614a6be604b04d6aeacf222cf219ad287bfc5cf1", 25038 },
    { "163622db0fe0da93f2ef964eed4c485f3c7a9c312f8e8e8a312ab4bb8141f13e", 46308 },
    { "e1730534a858aa0258ad8904ef12b829b8a123a1c611250275c9ca9471e4c650", 91081 },
    { "1fbc6854f9185caba1e1f55393f41f83b895b18f9c99245c029025ca48f1e14b", 12169 },
    { "8a27b66ccf05b864b6bef6fb5c970fe894f73d2330e8e98fe7841dcdbd9e9576", 131072 },
    { "bc70a33e7a9ec820cac24b87023469a57bdae1bf91cc3961b95806c64a525221", 32260 },
    { "03e5b5f5a088269ec4b329f1e04debfac4cb54b9c0facf038f7e8e0f054be7e2", 8908 },
};

static void chunks_of_a_file_have_the_published_names(void **state)
{
    static const size_t piece[] = { 1000, 65536, 300001, 1000000 };
    bytes d1 = xet_d1();
    (void)state;
    for (size_t p = 0; p < COUNT(piece); p++) {
        static struct xet_merkle root, file;
        struct xet_hash h, list[COUNT(d1_chunk)];
        size_t n;
        struct xet_chunk *chunk = xet_chunks(d1, XET_DIALECT_CURRENT, piece[p], &n);
        assert_int_equal(n, COUNT(d1_chunk));
        xet_merkle_init(&root);
        xet_merkle_init(&file);
        for (size_t i = 0; i < n; i++) {
            assert_hash(&chunk[i].hash, d1_chunk[i].hex);
            assert_int_equal(chunk[i].size_bytes, d1_chunk[i].size);
            xet_merkle_add(&root, &chunk[i].hash, chunk[i].size_bytes);
            xet_merkle_add(&file, &chunk[i].hash, chunk[i].size_bytes);
            list[i] = chunk[i].hash;
        }
        xet_merkle_root(&root, &h);
        assert_hash(&h, "6f2ce16ca5e317f0100ff0e7e5bf40a0de9032e9ee1ad04b6b8ff4e36cdfbf6c");
        xet_merkle_file(&file, &h);
        assert_hash(&h, "3d17b2d7d64a0e011b6717a52d9a16bd2c3f05b743fa8adf52a7d75dafab6d89");
        xet_range_hash(list, n, &h);
        assert_hash(&h, "6daf15a7ed258b91f607e8f5e6723a8564292d12c8104c156f7bad9c255a0180");
        mem_free(chunk);
    }
    mem_free((void *)d1.p);
}

static void single_hashes_are_as_published(void **state)
{
    struct xet_hash h, key, chunk[2];
    bytes zeros = xet_linear(0, 0, 131072), d3 = xet_d3();
    (void)state;
    xet_chunk_hash((bytes){ NULL, 0 }, &h);
    assert_hash(&h, "e0f2cf784e7e5f10c34f84af150e9a5ff9664216debad915364d741049870f67");
    xet_chunk_hash(bytes_of(STR("hello world")), &h);
    assert_hash(&h, "4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1");
    xet_chunk_hash((bytes){ zeros.p, 8192 }, &h);
    assert_hash(&h, "d88a3b08a2ac3c73417e59b165220ff5a1975c3d4e2a84b003c40cb7f392c443");
    xet_chunk_hash(zeros, &h);
    assert_hash(&h, "2e39f13c248013b27e22913ba2893a654120ed0ad8eb7ecbf3f05b9d708634fc");
    xet_chunk_hash((bytes){ d3.p, 131072 }, &chunk[0]);
    xet_chunk_hash((bytes){ d3.p + 131072, 68928 }, &chunk[1]);
    assert_hash(&chunk[0], "118bbac5c38b2bca9c2b7ae8307786de066696b91b2b5ccb7dbbd4608c966882");
    assert_hash(&chunk[1], "7884d4de4bcc904767362a91e97eb6c2b6bc5f3a61b640d0cad8bb1129ff0827");
    xet_range_hash(chunk, 2, &h);
    assert_hash(&h, "82d580dd3896919ef870af78b2c7bd21e67e79777922bbc8cef1fc21630c308c");
    key = hash_of("abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789");
    xet_hmac_many(&key, &chunk[0], 1, &h);
    assert_hash(&h, "1e1f5ae2bae99fe030647a14a8c5fe6cdce57826387a7552236dfbebed533e04");
    key = hash_of("d6834b04843aaf16f29903e2428a99be635099f9ea5056cc4e95e7ec8a41509f"); /* of a production reply */
    chunk[0] = hash_of("9502eec19d4b0c9f7b389228fa801f68ecdf15d69ccd1da2f9ddbd0219898335");
    xet_hmac_many(&key, &chunk[0], 1, &h);
    assert_hash(&h, "81b34a5179857460a1a5ba079fcf7231c307a19940ccb769e49240df5ec6c466");
    chunk[0] = hash_of("cfc5d07f6f03c29bbf424132963fe08d19a37d5757aaf520bf08119f05cd56d6");
    key = hash_of("285371a6a3c8c4e561469c97766c46f0b9799bd8ea51a4ad27a082df8c28b7da"); /* a salt other than zero */
    xet_file_hash(&chunk[0], key.b, &h);
    assert_hash(&h, "6c18994ed5e6a223aeff68a6e386dbba7b3c25de076245dc77892b4ad49ac978");
    mem_free((void *)zeros.p);
    mem_free((void *)d3.p);
}

static void another_file_has_the_published_names(void **state)
{
    bytes d = xet_linear(13, 37, 1000000);
    static struct xet_merkle root, file;
    struct xet_hash h;
    size_t n;
    struct xet_chunk *chunk = xet_chunks(d, XET_DIALECT_CURRENT, 99999, &n);
    (void)state;
    assert_int_equal(n, 8);
    xet_merkle_init(&root);
    xet_merkle_init(&file);
    for (size_t i = 0; i < n; i++) {
        xet_merkle_add(&root, &chunk[i].hash, chunk[i].size_bytes);
        xet_merkle_add(&file, &chunk[i].hash, chunk[i].size_bytes);
    }
    xet_merkle_root(&root, &h);
    assert_hash(&h, "7be289d851485c40dcde52dbcf37a7823a5ef0bfcdf1ca1c5a32ad9594c71571");
    xet_merkle_file(&file, &h);
    assert_hash(&h, "041a50f3639f4a080a89237025d643e2a3e22935ca5d7dbc1a38f5c1e859f859");
    mem_free(chunk);
    mem_free((void *)d.p);
}

static const struct { const char *list, *root, *file; } merkle_case[] = { /* digits name H0..H7; TRAPS 2 and 3 */
    { "", "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000000" },
    { "0", "0000000000000000000000000000000000000000000000000000000000000000",
      "638a6bc391964a85939d48f008e8bdbae6a7975e7ca2d87a3ce2492f4e4d8a4c" },
    { "1", "cfc5d07f6f03c29bbf424132963fe08d19a37d5757aaf520bf08119f05cd56d6",
      "8e16257caa3fe079d484d872a8975264b2ff683b0d6db9028cc7c0f968a45661" },
    { "123", "71ec1275fca074724e2dd666921b3277c7cee603e4d025bcab2d4050015be2bc",
      "54e55dccc6653c612bdb5576c5d3cb34bb31bc4e100248abccf4c908b3ef7715" },
    { "1111", "89f2ada89ff8c96763c6b25010e6dd76a4c05b1466207633ea559acf2093211b",
      "2cdba690d0e09563596e0cda626d43eb4c96ef1e994fe72d9b2f5a83cfcd36dd" },
    { "1212", "90f8313ef12df385d237a067aded02562c35ded12116e32eba401dbc86c38031",
      "284ea045e5a579e99c21ec597c20de1fc0c09e7168162aac00db8f61b3d82dbb" },
    { "3453", "73b9dc802ab03a0855c66823a18d95c2a785af594535756abf405038b6270cb8",
      "c7d5be75ef5ec12888027ad305141e4109e599494477661177475c84e12de48b" },
    { "01234567", "f62abe77e3fb9c954fe52b0028027ddc90c064c45951a4fd2211d87e5c0011db",
      "d1b068be5bbdb38992269e8efe61f601881e39f7a7585fd76883cc6ea5c23b44" },
    { "0123456701234567012345670123456701234567012345670123456701234567", "6554007c9b5d0a5e7918f79596a1b68815c1407535585435f5735db761f21b88",
      "a8640ab81d48854e00078e12b1ea8be5d90be0ffb5f73a15b7009981d093ddd8" },
    { "11111111111111111111111111111111", "0a0123c1617921883b7e13902095fcb86676e77c49120c33b233003b0af0e0a6",
      "53af4711fd1d5e5bdc7f931b6be932314d8d673cb16ad2482f6f5222eaf9e63d" },
};
static const char *const merkle_hash[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "cfc5d07f6f03c29bbf424132963fe08d19a37d5757aaf520bf08119f05cd56d6",
    "c3e67584b5c4fc2a89837ec39e40f2c8a6bb0b2987ac94cd4b31e5fbdd210a72",
    "0d2beb91b9196929a5ddec9f6e306924ddf4a24268e3e59fd8464738d525af37",
    "adf8773496a9b7319b2e50dc98093f344053b17d8ad37100b9c07d9805988784",
    "4ac202caf347fc1e9c874b1ef6a1c5e619141eb775a6f43f0f0124ccd0060d9e",
    "b3b28636f65c149ea52eb1f94669466f70f033b54cea792824c696ba6ef3c389",
    "0e2c1a002aae913d2c0fc8ddfa4e9e14b7b311b3b0d458726d5d9f6a6318013c",
};

static void merkle_roots_are_as_published(void **state)
{
    static struct xet_merkle m;
    struct xet_hash h;
    (void)state;
    for (size_t i = 0; i < COUNT(merkle_case); i++)
        for (int file = 0; file < 2; file++) {
            xet_merkle_init(&m);
            for (const char *d = merkle_case[i].list; *d; d++) {
                h = hash_of(merkle_hash[*d - '0']);
                xet_merkle_add(&m, &h, 100 * (uint64_t)(*d - '0'));
            }
            if (file) xet_merkle_file(&m, &h);
            else xet_merkle_root(&m, &h);
            assert_hash(&h, file ? merkle_case[i].file : merkle_case[i].root);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blake3_agrees_with_the_reference),
        cmocka_unit_test(a_stream_may_be_split_anywhere),
        cmocka_unit_test(kernels_agree_with_the_scalar_reference),
        cmocka_unit_test(every_group_of_eight_bytes_is_reversed_in_text),
        cmocka_unit_test(the_gear_table_is_the_one_of_the_format),
        cmocka_unit_test(random_data_is_cut_where_the_clients_cut_it),
        cmocka_unit_test(scanners_find_the_first_cut_of_a_block),
        cmocka_unit_test(data_without_cuts_is_cut_at_the_maximum),
        cmocka_unit_test(both_dialects_cut_the_pattern_family_as_published),
        cmocka_unit_test(chunks_of_a_file_have_the_published_names),
        cmocka_unit_test(single_hashes_are_as_published),
        cmocka_unit_test(another_file_has_the_published_names),
        cmocka_unit_test(merkle_roots_are_as_published),
    };
    return cmocka_run_group_tests_name("xet_hash", tests, NULL, NULL);
}
