/* test_secret.c - a sample of every kind, assembled at run time so that no scanner takes this file for a leak; and what is none. */
#include "scan/secret.h"

#include "base/hash.h"
#include "scan_help.h"

/* "A20" stands for 20 letters and digits that look random, "H" for hexadecimal ones, "C" for capitals and digits, "D" for digits. */
static void random_like(struct buf *b, char kind, size_t n)
{
    static const char all[] = "q7WmZ3xK9tRb2VnJ5sLc8YdF4gHp6TfQ1wXzB0uEkNvMaSyDrCjUhGiPoIeOlA";
    static const char hex[] = "7f3a9c04e1b8d256";
    static const char capitals[] = "Q7WZ3KM2VNJ5SLYFX6TRBUEHDGCPAIO4";
    static const char digits[] = "7302918465";
    str set = kind == 'A' ? str_c(all) : kind == 'H' ? str_c(hex) : kind == 'C' ? str_c(capitals) : str_c(digits);
    for (size_t i = 0; i < n; i++) buf_byte(b, set.p[(i * 7 + i / set.n + 3) % set.n]);
}

/* "ghp+_+@A36": parts between '+', a part with '@' is random. */
static void assemble(struct buf *b, const char *recipe)
{
    str part;
    for (str rest = str_c(recipe); str_cut(&rest, '+', &part);) {
        uint64_t n;
        if (part.n > 2 && part.p[0] == '@' && str_u64(str_from(part, 2), &n)) random_like(b, part.p[1], (size_t)n);
        else buf_add(b, part);
    }
}

struct found {
    char kind[64];
    uint64_t line;
    size_t at, n;
    bool is_sure;
    unsigned count;
};
static bool note(void *ctx, const struct secret *s)
{
    struct found *f = ctx;
    f->count++;
    snprintf(f->kind, sizeof f->kind, "%s", s->kind);
    f->line = s->line;
    f->is_sure = s->is_sure;
    f->at = s->at;
    f->n = s->n;
    return true;
}

static const struct {
    const char *kind;
    bool is_sure;
    const char *recipe;
} samples[] = {
    { "hub token", true, "hf+_+@A34" },
    { "hub organization token", true, "api+_org_+@A34" },
    { "hub OAuth token", true, "hf+_oauth_+@A30" },
    { "hub JWT", true, "hf+_jwt_+@A10+.+@A30" },
    { "GitHub token", true, "gh+p_+@A36" },
    { "GitHub token", true, "gh+o_+@A36" },
    { "GitHub token", true, "gh+u_+@A36" },
    { "GitHub token", true, "gh+s_+@A36" },
    { "GitHub token", true, "gh+r_+@A76" },
    { "GitHub token", true, "github+_pat_+@A22+_+@A59" },
    { "GitLab token", true, "gl+pat-+@A20" },
    { "GitLab token", true, "gl+dt-+@A20" },
    { "GitLab token", true, "gl+rt-+@A20" },
    { "GitLab token", true, "gl+ptt-+@A40" },
    { "GitLab token", true, "gl+oas-+@A64" },
    { "Google API key", true, "AI+za+@A35" },
    { "Google OAuth token", true, "ya+29.+@A60" },
    { "Google client secret", true, "GOC+SPX-+@A28" },
    { "Azure storage key", true, "Account+Key=+@A86+==" },
    { "Azure signature", true, "?sv=2024-01-01&si+g=+@A44" },
    { "Azure client secret", true, "@A3+8+Q~+@A34" },
    { "OpenAI key", true, "sk+-proj-+@A48" },
    { "OpenAI key", true, "sk+-svcacct-+@A48" },
    { "OpenAI key", true, "sk+-admin-+@A48" },
    { "OpenAI key", true, "sk+-+@A20+T3Blbk+FJ+@A20" },
    { "Anthropic key", true, "sk+-ant-+api03-+@A93" },
    { "Groq key", true, "gs+k_+@A52" },
    { "Replicate token", true, "r8+_+@A37" },
    { "Perplexity key", true, "pp+lx-+@A48" },
    { "xAI key", true, "xa+i-+@A80" },
    { "NVIDIA key", true, "nv+api-+@A64" },
    { "Fireworks key", false, "f+w_+@A24" },
    { "Slack token", true, "xo+xb-+@D12+-+@A24" },
    { "Slack webhook", true, "https://hooks.slack+.com/services/T+@C9+/B+@C9+/+@A24" },
    { "Stripe key", true, "sk+_live_+@A24" },
    { "Stripe key", true, "rk+_live_+@A24" },
    { "SendGrid key", true, "S+G.+@A22+.+@A43" },
    { "Twilio key", false, "S+K+@H32" },
    { "Mailgun key", false, "ke+y-+@H32" },
    { "npm token", true, "np+m_+@A36" },
    { "PyPI token", true, "py+pi-AgE+@A90" },
    { "Docker token", true, "dckr+_pat_+@A27" },
    { "DigitalOcean token", true, "do+p_v1_+@H64" },
    { "Vault token", true, "hv+s.+@A95" },
    { "Grafana token", true, "gl+sa_+@A32+_+@H8" },
    { "Databricks token", true, "da+pi+@H32" },
    { "AWS key", false, "AK+IA+@C16" },
    { "AWS key", true, "AS+IA+@C16+ secret +@A40" },
    { "Telegram token", true, "@D10+:+AA+@A33" },
    { "Discord token", false, "M+@A24+.+@A6+.+@A38" },
    { "Weights and Biases key", false, "WANDB+_API_KEY=+@H40" },
    { "Weights and Biases key", false, "wandb.login(key='+@H40+')" },
    { "hub token", true, "\"source\": [\"import os\\nhf+_+@A34+\\n\"]" },
    { "AWS key", false, "a\\tAK+IA+@C16+\\n" },
    { "private key", true, "-----BEGIN +RSA PRIVATE KEY-----\\n+@A64+\\n+@A64+\\n-----END +RSA PRIVATE KEY-----" },
    { "private key", true, "-----BEGIN +PRIVATE KEY-----\n+@A64+\n-----END +PRIVATE KEY-----" },
    { "private key", true, "-----BEGIN +OPENSSH PRIVATE KEY-----\n+@A64+\n-----END +OPENSSH PRIVATE KEY-----" },
    { "private key", true, "-----BEGIN +PGP PRIVATE KEY BLOCK-----\n\n+@A64+\n-----END +PGP PRIVATE KEY BLOCK-----" },
    { "password in a URL", false, "postgres://app:+@A12+@db.internal/x" },
    { "secret in quotes", false, "api_+key = \"+@A32+\"" },
    { "secret in quotes", false, "\"pass+word\": \"+@H32+\"" },
    { "secret in quotes", false, "\\\"to+ken\\\": \\\"+@A32+\\\"" },
};

static void every_kind_is_found_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct buf b = BUF_INIT(0);
        struct found f = { .count = 0 };
        buf_lit(&b, "first line\nsecond: ");
        assemble(&b, samples[i].recipe);
        buf_lit(&b, "\nlast\n");
        secret_search(buf_str(&b), false, note, &f);
        if (f.count != 1 || strcmp(f.kind, samples[i].kind) != 0 || f.line != 2 || f.is_sure != samples[i].is_sure)
            fail_msg("%zu, %s: %u found, %s in line %llu: %s", i, samples[i].kind, f.count, f.kind, (unsigned long long)f.line, buf_cstr(&b));
        assert_true(f.at + f.n <= b.n);
        f.count = 0;
        secret_search(buf_str(&b), true, note, &f);
        assert_int_equal(f.count, samples[i].is_sure);
        buf_deinit(&b);
    }
}

static void what_is_cut_or_goes_on_is_none(void **state)
{
    (void)state;
    static const char *const recipes[] = {
        "hf+_+@A29", "hf+_+@A41", "xhf+_+@A34", "\\\\nhf+_+@A34", "gh+p_+@A35", "AI+za+@A34", "AI+za+@A36", "AK+IA+@C15", "AK+IA+@C17", "da+pi+@H31", "da+pi+@H33",
        "do+p_v1_+@H63", "-----BEGIN +RSA PRIVATE KEY-----", "-----BEGIN +ENCRYPTED PRIVATE KEY-----\n+@A64+\n", "-----BEGIN +RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n+@A64+\n",
        "-----BEGIN +PUBLIC KEY-----\n+@A64+\n", "https://host/path", "http://user@host", "key = +@A32", "to+ken = \"+@A12+\"",
    };
    for (size_t i = 0; i < COUNT(recipes); i++) {
        struct buf b = BUF_INIT(0);
        struct found f = { .count = 0 };
        assemble(&b, recipes[i]);
        secret_search(buf_str(&b), false, note, &f);
        if (f.count) fail_msg("%s was taken for a %s", buf_cstr(&b), f.kind);
        buf_deinit(&b);
    }
}

static void placeholders_are_none(void **state)
{
    (void)state;
    static const char *const recipes[] = {
        "hf+_+xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "hf+_+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "hf+_+yourtokenyourtokenyourtokenyourtok", "hf+_oauth_expiration_minutes_of_it",
        "AK+IAIOSFODNN7EXAMPLE", "to+ken = \"your-api-key-goes-here-123\"", "to+ken = \"<put the token here 12345>\"", "to+ken = \"${TOKEN_FROM_THE_ENVIRONMENT_1}\"",
        "pass+word = \"correcthorsebatterystaple\"", "to+ken = \"https://example.org/a/b/c/1/2/3\"", "to+ken=\"<|start_header_id|>1234\"", "api_+key: \"sha256:0123456789\"",
        "postgres://user:password@host/db", "postgres://user:$PASSWORD1@host/db", "to+ken = \"abcabcabcabcabcabc1\"", "sk+-proj-+0123456789012345678901234567",
    };
    for (size_t i = 0; i < COUNT(recipes); i++) {
        struct buf b = BUF_INIT(0);
        struct found f = { .count = 0 };
        assemble(&b, recipes[i]);
        secret_search(buf_str(&b), false, note, &f);
        if (f.count) fail_msg("%s was taken for a %s", buf_cstr(&b), f.kind);
        buf_deinit(&b);
    }
}

static void jwt_of(struct buf *b, const char *payload)
{
    static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    buf_base64(b, bytes_of(str_c(head)));
    while (b->p[b->n - 1] == '=') b->n--;
    buf_byte(b, '.');
    buf_base64(b, bytes_of(str_c(payload)));
    while (b->p[b->n - 1] == '=') b->n--;
    buf_byte(b, '.');
    random_like(b, 'A', 43);
}

static void a_jwt_counts_until_it_runs_out(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        unsigned found;
    } cases[] = { { "{\"sub\":\"17\",\"exp\":1500000000}", 0 }, { "{\"sub\":\"17\",\"exp\":99999999999}", 1 }, { "{\"sub\":\"17\",\"role\":\"admin\"}", 1 },
                  { "{\"sub\":\"17\",\"name\":\"John Doe\"}", 0 }, { "{\"sub\" it is none }", 0 } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = BUF_INIT(0);
        struct found f = { .count = 0 };
        jwt_of(&b, cases[i].payload);
        secret_search(buf_str(&b), false, note, &f);
        assert_int_equal(f.count, cases[i].found);
        buf_deinit(&b);
    }
}

static void a_service_account_is_told(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    struct found f = { .count = 0 };
    assemble(&b, "{\n\"type\": \"service_account\",\n\"private_key_id\": \"+@H40+\",\n\"private_key\": \"-----BEGIN +PRIVATE KEY-----\\n+@A64+\\n-----END +PRIVATE KEY-----\\n\"\n}");
    secret_search(buf_str(&b), true, note, &f);
    assert_int_equal(f.count, 2); /* and its key */
    buf_deinit(&b);
}

/* ------------------------------------------------------------------ files */

static void a_report_tells_line_and_kind_and_never_the_secret(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0), secret = BUF_INIT(0), json = BUF_INIT(0);
    struct arena *a = arena_new(0);
    assemble(&secret, "gh+p_+@A36");
    buf_lit(&b, "# settings\n\ntoken: ");
    buf_add(&b, buf_str(&secret));
    buf_lit(&b, "\n");
    struct scan_report r = judged(buf_str(&b), "notes.md", a);
    assert_true(r.has_secret);
    assert_int_equal(r.level, SCAN_SAFE);
    assert_int_equal(r.findings_count, 1);
    assert_str(r.findings[0].probe, STR("secret"));
    assert_str(r.findings[0].message, STR("line 3: holds a secret (GitHub token)"));
    scan_report_json(&r, &json);
    assert_true(str_find(buf_str(&json), str_to(buf_str(&secret), 12)) == STR_NONE);
    r = judged(buf_str(&b), "package-lock.json", a);
    assert_false(r.has_secret);
    b.p[0] = '\0';
    assert_false(judged(buf_str(&b), "notes.md", a).has_secret); /* no text */
    arena_free(a);
    buf_deinit(&b);
    buf_deinit(&secret);
    buf_deinit(&json);
}

static void secrets_are_found_in_utf_16_and_in_base64(void **state)
{
    (void)state;
    struct buf plain = BUF_INIT(0), b = BUF_INIT(0);
    struct arena *a = arena_new(0);
    buf_lit(&plain, "one\ntwo ");
    assemble(&plain, "hf+_+@A34");
    buf_lit(&plain, " and some more text so that it is long\n");
    for (int high_first = 0; high_first < 2; high_first++) {
        buf_reset(&b);
        if (high_first) buf_lit(&b, "\xfe\xff");
        else buf_lit(&b, "\xff\xfe");
        for (size_t i = 0; i < plain.n; i++) {
            buf_byte(&b, high_first ? 0 : plain.p[i]);
            buf_byte(&b, high_first ? plain.p[i] : 0);
        }
        struct scan_report r = judged(buf_str(&b), "notes.txt", a);
        assert_true(r.has_secret);
        assert_str(r.findings[0].message, STR("line 2: holds a secret (hub token)"));
    }
    buf_reset(&b);
    buf_lit(&b, "key: |\n  ");
    buf_base64(&b, bytes_of(buf_str(&plain)));
    buf_lit(&b, "\n");
    struct scan_report r = judged(buf_str(&b), "secret.yaml", a);
    assert_true(r.has_secret);
    assert_str(r.findings[0].message, STR("line 2: holds a secret (hub token) in base64"));
    arena_free(a);
    buf_deinit(&plain);
    buf_deinit(&b);
}

static void long_texts_are_read_in_pieces_without_loss(void **state)
{
    (void)state;
    static const size_t places[] = { (4 << 20) - 8250, (4 << 20) - 8193, (4 << 20) - 8192, (4 << 20) - 20, 4 << 20, 9 << 20 };
    struct arena *a = arena_new(0);
    for (size_t i = 0; i < COUNT(places); i++) {
        struct buf b = BUF_INIT(0);
        char *p = buf_reserve(&b, places[i]);
        memset(p, ' ', places[i]);
        for (size_t k = 79; k < places[i]; k += 80) p[k] = '\n';
        b.n = places[i];
        assemble(&b, "hf+_+@A34");
        buf_lit(&b, "\n");
        struct scan_report r = judged(buf_str(&b), "log.txt", a);
        char want[80];
        snprintf(want, sizeof want, "line %zu: holds a secret (hub token)", places[i] / 80 + 1);
        assert_int_equal(r.findings_count, 1);
        assert_str(r.findings[0].message, str_c(want));
        buf_deinit(&b);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_found_with_its_line), cmocka_unit_test(what_is_cut_or_goes_on_is_none), cmocka_unit_test(placeholders_are_none),
        cmocka_unit_test(a_jwt_counts_until_it_runs_out), cmocka_unit_test(a_service_account_is_told), cmocka_unit_test(a_report_tells_line_and_kind_and_never_the_secret),
        cmocka_unit_test(secrets_are_found_in_utf_16_and_in_base64), cmocka_unit_test(long_texts_are_read_in_pieces_without_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
