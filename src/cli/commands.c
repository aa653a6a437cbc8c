/* cli/commands.c - the table of commands.  Parser, help and manual page all read it. */
#include "cli/cli.h"

#define END { 0 }
#define CENTURY (INT64_C(36500) * 86400000) /* in milliseconds */

static const struct cli_option user_add[] = {
    { "admin", CLI_FLAG, NULL, "false", 0, 0, "Administrator of the whole installation", 0 },
    { "email", CLI_TEXT, "ADDRESS", NULL, 0, 0, "Mail address", 0 },
    { "fullname", CLI_TEXT, "TEXT", NULL, 0, 0, "Name as shown beside the account", 0 },
    { "password-stdin", CLI_FLAG, NULL, "false", 0, 0, "Read the password from the first line of standard input", 0 },
    END,
};
static const struct cli_option user_passwd[] = {
    { "password-stdin", CLI_FLAG, NULL, "false", 0, 0, "Read the password from the first line of standard input", 0 },
    { "revoke-tokens", CLI_FLAG, NULL, "false", 0, 0, "Revoke the user's access tokens, too, and what he has allowed applications", 0 },
    END,
};
static const struct cli_option token_create_options[] = {
    { "role", CLI_CHOICE, "read|write|admin|fineGrained", NULL, 0, 0, "What it allows at most; the user's own rights bound it", CLI_REQUIRED },
    { "name", CLI_TEXT, "LABEL", "command line", 0, 0, "What the token is called in lists", 0 },
    { "expires", CLI_DURATION, "TIME", NULL, 1000, CENTURY, "When it ends, counted from now; without this, never", 0 },
    { "scopes", CLI_FILE, "FILE", NULL, 0, 0, "The scopes of a fine-grained token, as JSON", 0 },
    { "value-stdin", CLI_FLAG, NULL, "false", 0, 0, "Register the token on standard input, issued elsewhere", 0 },
    END,
};
static const struct cli_option token_revoke_options[] = {
    { "value-stdin", CLI_FLAG, NULL, "false", 0, 0, "Revoke the token on standard input", 0 },
    END,
};
static const struct cli_option token_ending_options[] = {
    { "within", CLI_DURATION, "TIME", "14d", 0, CENTURY, "How far to look ahead", 0 },
    END,
};
static const struct cli_option org_create[] = {
    { "owner", CLI_TEXT, "USER", NULL, 0, 0, "Its first administrator", 0 },
    { "fullname", CLI_TEXT, "TEXT", NULL, 0, 0, "Name as shown beside the account", 0 },
    { "private", CLI_FLAG, NULL, "false", 0, 0, "Its new repositories are private where nothing else is said", 0 },
    END,
};
static const struct cli_option org_add_member[] = {
    { "role", CLI_CHOICE, "no_access|read|contributor|write|admin", NULL, 0, 0, "What the member may do", CLI_REQUIRED },
    END,
};
static const struct cli_option org_provision[] = {
    { "off", CLI_FLAG, NULL, "false", 0, 0, "It makes no more; who is there stays", 0 },
    END,
};
static const struct cli_option group_create_options[] = {
    { "description", CLI_TEXT, "TEXT", NULL, 0, 0, "What it is for", 0 },
    END,
};
static const struct cli_option service_create_options[] = {
    { "role", CLI_CHOICE, "read|contributor|write|admin", "write", 0, 0, "How far any of its tokens can reach", 0 },
    { "description", CLI_TEXT, "TEXT", NULL, 0, 0, "What it is for", 0 },
    END,
};
static const struct cli_option service_token_options[] = {
    { "permissions", CLI_TEXT, "LIST", NULL, 0, 0, "What the token may in the whole organisation: repo.content.read, repo.write, org.write ..", 0 },
    { "repos", CLI_TEXT, "LIST", NULL, 0, 0, "Repositories of which --repo-permissions says what it may instead", 0 },
    { "repo-permissions", CLI_TEXT, "LIST", NULL, 0, 0, "repo.content.read or repo.write, in --repos", 0 },
    { "name", CLI_TEXT, "LABEL", "command line", 0, 0, "What the token is called in lists", 0 },
    { "expires", CLI_DURATION, "TIME", NULL, 1000, CENTURY, "When it ends, counted from now; without this, never", 0 },
    END,
};
static const struct cli_option compat_options[] = {
    { "markdown", CLI_FLAG, NULL, "false", 0, 0, "Print docs/COMPATIBILITY.md", 0 },
    END,
};
static const struct cli_option routes_options[] = {
    { "json", CLI_FLAG, NULL, "false", 0, 0, "As JSON", 0 },
    END,
};
#define REPO_TYPE { "type", CLI_CHOICE, "model|dataset|space|kernel", "model", 0, 0, "What kind of repository it is", 0 }
static const struct cli_option repo_list[] = {
    REPO_TYPE,
    { "owner", CLI_TEXT, "NAME", NULL, 0, 0, "Only what this user or organisation owns", 0 },
    END,
};
static const struct cli_option repo_create_options[] = {
    REPO_TYPE,
    { "private", CLI_FLAG, NULL, NULL, 0, 0, "Seen by its owner alone; without this, as the owner's account says", 0 },
    { "sdk", CLI_CHOICE, "gradio|docker|static|streamlit", NULL, 0, 0, "What runs a space", 0 },
    END,
};
static const struct cli_option mirror_fetch_options[] = {
    { "type", CLI_CHOICE, "model|dataset|space", "model", 0, 0, "What kind of repository it is", 0 },
    { "from", CLI_URL, "URL", NULL, 0, 0, "The hub to bring it from, instead of the one that the setting upstream names", 0 },
    { "revision", CLI_TEXT, "REVISION", "main", 0, 0, "Large files of this branch, tag, pull request (refs/pr/1) or commit", 0 },
    END,
};
static const struct cli_option repo_type[] = { REPO_TYPE, END };
static const struct cli_option repo_settings[] = {
    REPO_TYPE,
    { "private", CLI_FLAG, NULL, NULL, 0, 0, "Seen by its owner alone; --private=false makes it public", 0 },
    { "gated", CLI_CHOICE, "no|auto|manual", NULL, 0, 0, "Whether readers must ask for access, and who answers", 0 },
    { "discussions", CLI_FLAG, NULL, NULL, 0, 0, "Whether there are discussions; --discussions=false turns them off", 0 },
    END,
};
static const struct cli_option bucket_list[] = {
    { "owner", CLI_TEXT, "NAME", NULL, 0, 0, "Only what this user or organisation owns", 0 },
    END,
};
static const struct cli_option bucket_create_options[] = {
    { "private", CLI_FLAG, NULL, NULL, 0, 0, "Seen by its owner alone; without this, as the owner's account says", 0 },
    END,
};
static const struct cli_option bucket_settings[] = {
    { "private", CLI_FLAG, NULL, NULL, 0, 0, "Seen by its owner alone; --private=false makes it public", 0 },
    END,
};
static const struct cli_option usage_options[] = {
    { "account", CLI_TEXT, "NAME", NULL, 0, 0, "Only what this user or organisation paid for", 0 },
    { "from", CLI_TEXT, "DAY", NULL, 0, 0, "The first day (UTC), as 2026-11-01; without this, thirty days ago", 0 },
    { "to", CLI_TEXT, "DAY", NULL, 0, 0, "The last day; without this, today", 0 },
    { "by", CLI_TEXT, "LIST", "day,model", 0, 0, "What rows are told apart by: day, model, account, token", 0 },
    { "csv", CLI_FLAG, NULL, "false", 0, 0, "As CSV, money in nano-USD", 0 },
    END,
};
static const struct cli_option price_set_options[] = {
    { "model", CLI_TEXT, "OWNER/NAME", NULL, 0, 0, "For this model alone", 0 },
    { "parameters-max", CLI_INT, "N", NULL, 1, 0, "For models with at most so many parameters; with neither, for all others", 0 },
    { "input", CLI_DOLLARS, "USD", NULL, 0, 0, "Dollars per million tokens of input", CLI_REQUIRED },
    { "cached-input", CLI_DOLLARS, "USD", NULL, 0, 0, "The same for input that was computed before; without this, as --input", 0 },
    { "output", CLI_DOLLARS, "USD", NULL, 0, 0, "Dollars per million tokens of output", CLI_REQUIRED },
    { "second", CLI_DOLLARS, "USD", "0", 0, 0, "Dollars per second of computing", 0 },
    END,
};
static const struct cli_option budget_set_options[] = {
    { "free-per-day", CLI_DOLLARS, "USD|unbounded", NULL, 0, 0, "What each day's first calls may cost for nothing; without this, as the server says", CLI_OR_UNBOUNDED },
    { "per-month", CLI_DOLLARS, "USD|unbounded", NULL, 0, 0, "What calls may cost beyond that in a month; without this, as the server says", CLI_OR_UNBOUNDED },
    END,
};
static const struct cli_option fsck_options[] = {
    { "quick", CLI_FLAG, NULL, "false", 0, 0, "Compare sizes only; without this every stored file is hashed again", 0 },
    { "sample", CLI_INT, "PERCENT", "0", 0, 100, "Hash only so many of a hundred xorbs, chosen at random; 0 means all", 0 },
    { "repair", CLI_FLAG, NULL, "false", 0, 0, "Make rows about large files again where they follow from what is stored", 0 },
    END,
};
static const struct cli_option scan_options[] = {
    { "all", CLI_FLAG, NULL, "false", 0, 0, "Show safe files, too, and every finding", 0 },
    { "json", CLI_FLAG, NULL, "false", 0, 0, "Print a JSON object a line for each file that is shown", 0 },
    END,
};
static const struct cli_option gc_options[] = {
    { "dry-run", CLI_FLAG, NULL, "false", 0, 0, "Say what would be removed and why, and remove nothing", 0 },
    { "grace", CLI_DURATION, "TIME", "24h", 0, CENTURY, "Leave alone what was touched within this time; when given, xorbs too", 0 },
    { "xorb-grace", CLI_DURATION, "TIME", "28d", 0, CENTURY, "The same for xorbs that no file needs: clients remember for 21 days what they sent", 0 },
    END,
};
static const struct cli_option backup_options[] = {
    { "keep", CLI_INT, "N", "0", 0, 100000, "Remove the oldest copies, so that so many stay; 0: none", 0 },
    END,
};
/* What hearth run and hearth chat share. */
#define TEXT_OPTIONS \
    { "max-tokens", CLI_INT, "N", NULL, 1, 1 << 24, "How many tokens at most; without this, as the repository says", 0 }, \
    { "temperature", CLI_TEXT, "T", NULL, 0, 0, "How freely to choose; 0 always takes the likeliest. Without this, as the repository says", 0 }, \
    { "top-k", CLI_INT, "K", NULL, 0, 1 << 24, "Choose among the K likeliest tokens; 0: among all", 0 }, \
    { "top-p", CLI_TEXT, "P", NULL, 0, 0, "Choose among the likeliest that have the probability P together", 0 }, \
    { "min-p", CLI_TEXT, "P", NULL, 0, 0, "Choose among those that have P times the likeliest's probability", 0 }, \
    { "repetition-penalty", CLI_TEXT, "N", NULL, 0, 0, "Make less likely what was there before; 1: no penalty", 0 }, \
    { "json-schema", CLI_TEXT, "FILE", NULL, 0, 0, "The text is JSON that is valid by this schema (a file, or the schema itself)", 0 }, \
    { "regex", CLI_TEXT, "R", NULL, 0, 0, "The text as a whole matches this regular expression", 0 }, \
    { "grammar", CLI_TEXT, "FILE", NULL, 0, 0, "The text matches this grammar in llama.cpp's GBNF (a file, or the grammar itself)", 0 }, \
    { "stop", CLI_TEXT, "S", NULL, 0, 0, "The text ends before this string", 0 }, \
    { "beams", CLI_INT, "N", NULL, 1, 64, "How many continuations to follow side by side; the likeliest as a whole is printed at the end", 0 }, \
    { "lookup", CLI_INT, "N", NULL, 0, 16, "Guess up to so many tokens from what stands in the text already: faster, and the same text", 0 }, \
    { "draft", CLI_TEXT, "DIR", NULL, 0, 0, "A smaller model with the same vocabulary that guesses: faster, and the same text", 0 }, \
    { "seed", CLI_INT, "N", NULL, 0, 0, "Where chance begins: the same seed gives the same text", 0 }, \
    { "system", CLI_TEXT, "TEXT", NULL, 0, 0, "Instructions that stand before the conversation", 0 }, \
    { "messages", CLI_FILE, "FILE", NULL, 0, 0, "A conversation so far: a JSON list of {\"role\", \"content\"}", 0 }, \
    { "tools", CLI_FILE, "FILE", NULL, 0, 0, "Functions that the model may call: a JSON list", 0 }, \
    { "template-args", CLI_TEXT, "JSON", NULL, 0, 0, "What else the chat template is told, such as {\"enable_thinking\": false}", 0 }, \
    { "truncate", CLI_FLAG, NULL, "false", 0, 0, "Leave out what is oldest of a prompt that is longer than the model can take", 0 }, \
    { "dtype", CLI_CHOICE, "auto|f32|bf16|q8|q4", "auto", 0, 0, "What the weights are packed as in memory; auto keeps what the file has: bf16 of safetensors, q8 or q4 of GGUF's blocks", 0 }, \
    { "kv", CLI_CHOICE, "full|8bit", "full", 0, 0, "How keys and values of the text so far are kept: 8bit takes half the memory", 0 }, \
    { "adapter", CLI_TEXT, "DIR", NULL, 0, 0, "A LoRA adapter, as PEFT saves it, to add to the weights", 0 }, \
    { "cache", CLI_TEXT, "DIR", NULL, 0, 0, "Where packed weights are kept, so that the next start is quick; without this, " \
      "$HEARTH_HOME/models, $XDG_CACHE_HOME/hearth or ~/.cache/hearth. An empty DIR: nowhere", 0 }, \
    { "threads", CLI_INT, "N", NULL, 1, 1024, "How many threads; without this, one a processor", 0 }
static const struct cli_option generate_options[] = {
    { "task", CLI_TEXT, "TASK", NULL, 0, 0, "What to do, by Transformers' name for it; without this, what the repository is for", 0 },
    { "parameters", CLI_TEXT, "JSON", NULL, 0, 0, "Parameters of the task by their names in Transformers, such as {\"top_k\": 3}; not for text-generation", 0 },
    TEXT_OPTIONS,
    { "chat", CLI_FLAG, NULL, NULL, 0, 0, "Make a conversation of the prompt; done by itself where there is a chat template. --chat=false continues the prompt as it stands", 0 },
    { "json", CLI_FLAG, NULL, "false", 0, 0, "Print JSON: of a text an object at the end, with figures; of another task its answer", 0 },
    END,
};
static const struct cli_option chat_options[] = {
    { "server", CLI_URL, "URL", NULL, 0, 0, "Talk to the model on this server; its token is $HF_TOKEN", 0 },
    TEXT_OPTIONS,
    END,
};
static const struct cli_option bench_options[] = {
    { "dtype", CLI_CHOICE, "auto|f32|bf16|q8|q4", "auto", 0, 0, "What the weights are packed as in memory", 0 },
    { "threads", CLI_INT, "N", NULL, 1, 1024, "How many threads; without this, one a processor", 0 },
    { "prompt", CLI_INT, "N", "512", 1, 1 << 20, "How many tokens the prompt has whose prefill is measured", 0 },
    { "context", CLI_INT, "N", "128", 1, 1 << 20, "How many tokens sequences have that are decoded", 0 },
    { "time", CLI_DURATION, "TIME", "10s", 100, 3600000, "How long to measure, in all; the best run of each kind counts", 0 },
    { "json", CLI_FLAG, NULL, "false", 0, 0, "Print one JSON object", 0 },
    END,
};
static const struct cli_option help_options[] = {
    { "man", CLI_FLAG, NULL, "false", 0, 0, "Print the manual page (troff)", 0 },
    { "bash", CLI_FLAG, NULL, "false", 0, 0, "Print completions for bash", 0 },
    END,
};

const struct cli_command cli_commands[] = {
    { "serve", NULL, "", 0, 0, CLI_TAKES_ALL, NULL, "Run the hub",
      "Runs in the foreground until it is told to stop (SIGINT, SIGTERM); then it finishes what runs and leaves.  A second Ctrl-C ends it at once; what was acknowledged is on disk.",
      "hearth serve --home /srv/hearth --listen 0.0.0.0:8080\n"
      "HEARTH_LISTEN=127.0.0.1:0 hearth serve", cli_serve },

    { "user add", "user create", "NAME", 1, 1, CLI_TAKES_HOME, user_add, "Add a user",
      "On a terminal it asks for a password. Elsewhere, without --password-stdin, the user has none and can only use tokens.",
      "hearth user add ann --admin\n"
      "head -c 15 /dev/urandom | base64 | tee password.txt | hearth user add bob --password-stdin", cli_user_add },
    { "user list", NULL, "", 0, 0, CLI_TAKES_HOME, NULL, "List users", NULL, NULL, cli_user_list },
    { "user passwd", NULL, "NAME", 1, 1, CLI_TAKES_HOME, user_passwd, "Set a user's password", NULL,
      "hearth user passwd ann", cli_user_passwd },
    { "user remove-factor", NULL, "NAME", 1, 1, CLI_TAKES_HOME, NULL, "Turn a user's second factor off",
      "For somebody who has lost the phone and the recovery codes. Make sure that it is he who asks: the password alone signs in then.",
      "hearth user remove-factor ann", cli_user_remove_factor },
    { "user disable", NULL, "NAME", 1, 1, CLI_TAKES_HOME, NULL, "Let a user's password and tokens work no longer", NULL,
      "hearth user disable bob", cli_user_disable },
    { "user enable", NULL, "NAME", 1, 1, CLI_TAKES_HOME, NULL, "Undo user disable", NULL, "hearth user enable bob", cli_user_enable },
    { "user delete", NULL, "NAME", 1, 1, CLI_TAKES_HOME, NULL, "Delete a user who owns no repositories",
      "The user must not be the last administrator of an organisation either.", NULL, cli_user_delete },

    { "token create", "token add", "USER", 1, 1, CLI_TAKES_HOME, token_create_options, "Create an access token and print it",
      "Prints only the token. It is shown this once: only a digest is kept.",
      "hearth token create ann --role write --name laptop --expires 90d\n"
      "export HF_TOKEN=$(hearth token create ann --role read)", cli_token_create },
    { "token list", NULL, "USER", 1, 1, CLI_TAKES_HOME, NULL, "List a user's tokens", NULL, "hearth token list ann", cli_token_list },
    { "token ending", NULL, "", 0, 0, CLI_TAKES_HOME, token_ending_options, "List the tokens of all accounts that end soon",
      "Of users and of service accounts, the first to end comes first; nothing is printed when there are none.",
      "hearth token ending --within 30d", cli_token_ending },
    { "token revoke", "token delete", "[USER ID]", 0, 2, CLI_TAKES_HOME, token_revoke_options, "Revoke a token", NULL,
      "hearth token revoke ann 5f0c88a21b7d4e9a90c1d2e3\n"
      "echo hf_... | hearth token revoke --value-stdin", cli_token_revoke },

    { "org create", "org add", "NAME", 1, 1, CLI_TAKES_HOME, org_create, "Create an organisation", NULL,
      "hearth org create acme --owner ann", cli_org_create },
    { "org list", NULL, "", 0, 0, CLI_TAKES_HOME, NULL, "List organisations", NULL, NULL, cli_org_list },
    { "org members", NULL, "ORG", 1, 1, CLI_TAKES_HOME, NULL, "List the members of an organisation", NULL,
      "hearth org members acme", cli_org_members },
    { "org add-member", NULL, "ORG USER", 2, 2, CLI_TAKES_HOME, org_add_member, "Add a member, or change a member's role",
      "Roles: read sees all repositories; contributor also creates some and writes those; write writes to all of them; "
      "admin also manages members and settings; no_access sees nothing.",
      "hearth org add-member acme bob --role write", cli_org_add_member },
    { "org remove-member", NULL, "ORG USER", 2, 2, CLI_TAKES_HOME, NULL, "Remove a member", NULL,
      "hearth org remove-member acme bob", cli_org_remove_member },
    { "org provision", NULL, "NAME", 1, 1, CLI_TAKES_HOME, org_provision, "Let an organisation make accounts by SCIM",
      "Its administrators' identity provider may then make users here, who are the organisation's, change and close them; and with oidc-issuer set,"
      " whoever that provider knows by a user's externalId signs in as him. See docs/SCIM.md.", "hearth org provision acme", cli_org_provision },
    { "org delete", NULL, "NAME", 1, 1, CLI_TAKES_HOME, NULL, "Delete an organisation that owns no repositories", NULL, NULL,
      cli_org_delete },

    { "group create", "group add", "ORG NAME", 2, 2, CLI_TAKES_HOME, group_create_options, "Create a resource group of an organisation",
      "What is in a group is the business of its people alone: other members of the organisation do not see what is private in it, and write to nothing in it.",
      "hearth group create acme red --description \"the secret project\"", cli_group_create },
    { "group list", NULL, "ORG", 1, 1, CLI_TAKES_HOME, NULL, "List an organisation's resource groups", NULL, "hearth group list acme", cli_group_list },
    { "group show", NULL, "ORG NAME", 2, 2, CLI_TAKES_HOME, NULL, "List the people of a resource group and what is in it", NULL, "hearth group show acme red", cli_group_show },
    { "group add-member", NULL, "ORG NAME USER", 3, 3, CLI_TAKES_HOME, org_add_member, "Put a member of the organisation into a resource group, or change the role there", NULL,
      "hearth group add-member acme red ann --role write", cli_group_add_member },
    { "group remove-member", NULL, "ORG NAME USER", 3, 3, CLI_TAKES_HOME, NULL, "Take somebody out of a resource group", NULL,
      "hearth group remove-member acme red ann", cli_group_remove_member },
    { "group put", NULL, "ORG NAME THING", 3, 3, CLI_TAKES_HOME, NULL, "Put a repository or bucket into a resource group",
      "Written as acme/bert, datasets/acme/text or buckets/acme/data.", NULL, cli_group_put },
    { "group take-out", NULL, "THING", 1, 1, CLI_TAKES_HOME, NULL, "Take a repository or bucket out of its resource group",
      "Every member of the organisation sees it then, as his role there says.", NULL, cli_group_take_out },
    { "group delete", NULL, "ORG NAME", 2, 2, CLI_TAKES_HOME, NULL, "Delete a resource group that nothing is in", NULL, "hearth group delete acme red", cli_group_delete },

    { "service create", "service add", "ORG NAME", 2, 2, CLI_TAKES_HOME, service_create_options, "Create a service account of an organisation and print its name",
      "Programs of the organisation sign in as it: builds, training jobs, backups. It has no password, only the tokens that service token makes.",
      "hearth service create acme \"Nightly builds\" --role write", cli_service_create },
    { "service list", NULL, "ORG", 1, 1, CLI_TAKES_HOME, NULL, "List an organisation's service accounts", NULL, "hearth service list acme", cli_service_list },
    { "service token", NULL, "ACCOUNT", 1, 1, CLI_TAKES_HOME, service_token_options, "Create a token of a service account and print it",
      "Prints only the token. It is shown this once: only a digest is kept. Lists are separated by commas, repositories are written as acme/story, datasets/acme/text or buckets/acme/data.",
      "hearth service token acme-Nightly-builds --permissions repo.write --expires 90d", cli_service_token },
    { "service tokens", NULL, "ACCOUNT", 1, 1, CLI_TAKES_HOME, NULL, "List the tokens of a service account", NULL,
      "hearth service tokens acme-Nightly-builds", cli_service_tokens },
    { "service rotate", NULL, "ACCOUNT ID", 2, 2, CLI_TAKES_HOME, NULL, "Give a token another secret and print it; the old one stops at once", NULL,
      "hearth service rotate acme-Nightly-builds 5f0c88a21b7d4e9a90c1d2e3", cli_service_rotate },
    { "service revoke", NULL, "ACCOUNT ID", 2, 2, CLI_TAKES_HOME, NULL, "Revoke a token of a service account", NULL,
      "hearth service revoke acme-Nightly-builds 5f0c88a21b7d4e9a90c1d2e3", cli_service_revoke },
    { "service delete", NULL, "ACCOUNT", 1, 1, CLI_TAKES_HOME, NULL, "Delete a service account and its tokens", NULL,
      "hearth service delete acme-Nightly-builds", cli_service_delete },

    { "repo list", NULL, "", 0, 0, CLI_TAKES_HOME, repo_list, "List repositories, private ones too", NULL,
      "hearth repo list --type dataset --owner acme", cli_repo_list },
    { "repo create", "repo add", "OWNER/NAME", 1, 1, CLI_TAKES_HOME, repo_create_options, "Create a repository", NULL,
      "hearth repo create ann/bert --private", cli_repo_create },
    { "repo move", NULL, "OWNER/NAME OWNER/NAME", 2, 2, CLI_TAKES_HOME, repo_type, "Rename a repository, or give it to another owner",
      "The old name goes on leading to it until somebody takes it.", "hearth repo move ann/bert acme/bert", cli_repo_move },
    { "repo settings", NULL, "OWNER/NAME", 1, 1, CLI_TAKES_HOME, repo_settings, "Show or change the settings of a repository", NULL,
      "hearth repo settings acme/bert --private=false --gated manual", cli_repo_settings },
    { "repo scan", NULL, "OWNER/NAME", 1, 1, CLI_TAKES_HOME, repo_type, "Judge the files of a repository again, now, and list those that are not safe",
      "All branches, tags and pull requests are looked at; what is listed is the head of main.", "hearth repo scan acme/bert", cli_repo_scan },
    { "repo delete", NULL, "OWNER/NAME", 1, 1, CLI_TAKES_HOME, repo_type, "Delete a repository with all its files and history",
      "Large files that nothing else names are collected later.", "hearth repo delete acme/bert", cli_repo_delete },

    { "mirror list", NULL, "", 0, 0, CLI_TAKES_HOME, NULL, "List the repositories of another hub that are kept here",
      "With how much of the head of main is here, how many large files come when somebody reads them, and when one of those that are here was last read.",
      "hearth mirror list", cli_mirror_list },
    { "mirror fetch", NULL, "OWNER/NAME", 1, 1, CLI_TAKES_HOME, mirror_fetch_options, "Bring a repository of the upstream with all its large files, ahead of time",
      "Those of the head of main: before a demonstration, or a training run behind a thin line. The server may run meanwhile, and has each file as soon as it is here. "
      "If it breaks off, ask again: files that came are kept.",
      "hearth mirror fetch Qwen/Qwen3-0.6B --from https://huggingface.co\nhearth mirror fetch acme/text --type dataset --config /etc/hearth.conf", cli_mirror_fetch },

    { "bucket list", NULL, "", 0, 0, CLI_TAKES_HOME, bucket_list, "List buckets, private ones too", NULL,
      "hearth bucket list --owner acme", cli_bucket_list },
    { "bucket create", "bucket add", "OWNER/NAME", 1, 1, CLI_TAKES_HOME, bucket_create_options, "Create a bucket: a place for files without git",
      "It is filled over HTTP: hf buckets sync ./data hf://buckets/ann/logs",
      "hearth bucket create ann/logs --private", cli_bucket_create },
    { "bucket move", NULL, "OWNER/NAME OWNER/NAME", 2, 2, CLI_TAKES_HOME, NULL, "Rename a bucket, or give it to another owner",
      "The old name goes on leading to it until somebody takes it.", "hearth bucket move ann/logs acme/logs", cli_bucket_move },
    { "bucket settings", NULL, "OWNER/NAME", 1, 1, CLI_TAKES_HOME, bucket_settings, "Show or change the settings of a bucket", NULL,
      "hearth bucket settings acme/logs --private=false", cli_bucket_settings },
    { "bucket delete", NULL, "OWNER/NAME", 1, 1, CLI_TAKES_HOME, NULL, "Delete a bucket with all its files",
      "What nothing else names of them is collected later.", "hearth bucket delete acme/logs", cli_bucket_delete },

    { "run", NULL, "MODEL [INPUT...]", 1, CLI_ARGUMENTS_MAX, CLI_TAKES_HOME, generate_options, "Run a model on a prompt, a text or a conversation, without a server",
      "MODEL is a repository as it stands on a hub (a folder with config.json, tokenizer.json and safetensors), a .gguf file, or OWNER/NAME: "
      "a repository of the data folder, whose server need not run. What it is for decides what INPUT means.\n\n"
      "text-generation: where there is a chat template, INPUT is a message and the text is the answer; elsewhere INPUT is continued as it stands. "
      "Without INPUT it reads standard input; on a terminal a conversation begins, and /help tells what it understands. "
      "The text goes to standard output as it comes, figures to standard error.\n\n"
      "fill-mask, text-classification, token-classification, feature-extraction: each INPUT is a text. "
      "question-answering: a question and a context. zero-shot-classification: a text, then labels. "
      "sentence-similarity: a sentence, then those to compare it with. text-ranking: a query, then documents.",
      "hearth run demo \"Once upon a time\" --temperature 0\n"
      "hearth run acme/assistant \"Who are you?\" --home /srv/hearth\n"
      "hearth run ./Qwen3-0.6B \"Why is the sky blue?\" --dtype q8 --template-args '{\"enable_thinking\": false}'\n"
      "hearth run ./gemma-3-1b-it-Q4_K_M.gguf\n"
      "hearth run ./SmolLM3-3B-Base --dtype q8 --max-tokens 100 < beginning.txt\n"
      "hearth run ./distilbert-base-uncased-finetuned-sst-2-english \"What a day\" --parameters '{\"top_k\": 2}'\n"
      "hearth run ./all-MiniLM-L6-v2 --task sentence-similarity \"A cat sleeps\" \"A dog naps\" \"Stocks fell\"\n"
      "hearth run ./roberta-base-squad2 \"Who wrote it?\" < chapter.txt --json", cli_run },

    { "chat", NULL, "MODEL", 1, 1, CLI_TAKES_HOME, chat_options, "Talk with a model, here or on a server",
      "MODEL is a folder or a .gguf file; or OWNER/NAME: with --server on that server, else in the data folder, whose server need not run, "
      "else on the server that $HF_ENDPOINT names. A server is asked by its /v1/chat/completions, with $HF_TOKEN as the token.\n\n"
      "The answer comes as it is written; Ctrl-C stops it and not the program. The arrows bring back earlier lines, \"\"\" begins and ends a message "
      "of several lines. /help lists what else there is: /reset, /system, /set, /save, /load, /stats, /exit. Without a terminal each line of "
      "standard input is a message.",
      "hearth chat ./Qwen3-0.6B --dtype q8\n"
      "hearth chat acme/assistant --home /srv/hearth --system \"Answer in one sentence.\"\n"
      "HF_TOKEN=hf_... hearth chat acme/assistant --server https://hub.example.org --temperature 0.3", cli_chat },

    { "usage", NULL, "", 0, 0, CLI_TAKES_HOME, usage_options, "Show what calls of models have used and cost", NULL,
      "hearth usage --account acme --from 2026-11-01 --by model\n"
      "hearth usage --by day,account,token --csv > usage.csv", cli_usage_show },
    { "price list", NULL, "", 0, 0, CLI_TAKES_HOME, NULL, "List the price cards", NULL, NULL, cli_price_list },
    { "price set", NULL, "CARD", 1, 1, CLI_TAKES_HOME, price_set_options, "Add a price card, or a new version of one",
      "Earlier calls keep the price that they were made at.",
      "hearth price set 7b --parameters-max 10000000000 --input 0.50 --output 5\n"
      "hearth price set acme-chat --model acme/chat --input 0.10 --cached-input 0.01 --output 0.40", cli_price_set },
    { "budget set", NULL, "ACCOUNT", 1, 1, CLI_TAKES_HOME, budget_set_options, "Say what an account's calls may cost",
      "A bound that is not given falls back to the server's own.",
      "hearth budget set ann --free-per-day 0.11 --per-month 20", cli_budget_set },
    { "model list", NULL, "", 0, 0, CLI_TAKES_HOME, NULL, "List the models that are kept running",
      "How each is, GET /api/models/OWNER/NAME/inference says.", NULL, cli_model_list },
    { "model pin", NULL, "OWNER/NAME", 1, 1, CLI_TAKES_HOME, NULL, "Keep a model running, whether or not anybody calls it",
      "A server that runs starts it within seconds; it is neither stopped when it is idle nor to make room for another.",
      "hearth model pin acme/assistant", cli_model_pin },
    { "model unpin", NULL, "OWNER/NAME", 1, 1, CLI_TAKES_HOME, NULL, "Let a model be stopped when nobody calls it", NULL,
      "hearth model unpin acme/assistant", cli_model_unpin },

    { "bench model", NULL, "MODEL", 1, 1, CLI_TAKES_NONE, bench_options, "Measure how fast a model runs on this machine",
      "MODEL is a folder or a .gguf file. Tokens a second of a prompt, and of one, four and sixteen sequences side by side; with what a step must read (all packed weights, and "
      "keys and values) as a share of what a plain loop over the same weights reads, in turns with it.",
      "hearth bench model ./Qwen3-0.6B --dtype q8", cli_bench_model },

    { "fsck", NULL, "", 0, 0, CLI_TAKES_HOME, fsck_options, "Check that every object, reference and row agrees",
      "Prints each problem on a line. The exit status is 0 only if there are none. The server may run meanwhile.",
      "hearth fsck --home /srv/hearth", cli_fsck },
    { "scan", NULL, "PATH...", 1, CLI_ARGUMENTS_MAX, CLI_TAKES_NONE, scan_options, "Tell what files would do to who loads them, without loading them",
      "Pickles and the archives that they hide in, code in the settings and templates of models, formats that are not what they say, programs, secrets. Folders are walked. Each "
      "file that is not safe is a line with its level: caution (it could not be read to its end), suspicious, unsafe; then what was found, and where. No finding is no proof. "
      "The exit status is 1 if a file is suspicious or unsafe or could not be read.",
      "hearth scan demo && echo nothing found\n"
      "hearth scan ~/.cache/huggingface/hub --json", cli_scan },
    { "backup", NULL, "DIR", 1, 1, CLI_TAKES_HOME, backup_options, "Copy the data folder as it is at this moment, while the server runs",
      "Makes a folder below DIR with the time as its name, and a link DIR/latest to it. It is a data folder like the one that was copied: hearth fsck checks it, and it is "
      "restored by putting it in place. Large files and objects of git that have not changed are hard links to those of the copy before it. What is cut short is called "
      "unfinished, and the next run goes on from there.",
      "hearth backup ./copies --keep 14 --home /srv/hearth\n"
      "hearth fsck --home ./copies/latest", cli_backup },
    { "gc", NULL, "", 0, 0, CLI_TAKES_HOME, gc_options, "Remove large files and folders that nothing names any more",
      "The server does this by itself, see gc-every.", "hearth gc --dry-run", cli_gc },
    { "reindex", NULL, "[OWNER/NAME]", 0, 1, CLI_TAKES_HOME, NULL, "Make the index of repositories anew from git",
      "Names, refs, files, cards and search; of one repository or of all.", "hearth reindex acme/assistant", cli_reindex },

    { "cas stats", NULL, "", 0, 0, CLI_TAKES_HOME, NULL, "Show what large files take, and what they would take as whole files",
      "In all, then by repository. A xorb that several repositories share counts for each of them, and once in all.", NULL, cli_cas_stats },
    { "cas convert", NULL, "", 0, 0, CLI_TAKES_HOME, NULL, "Convert large files that an earlier version stored whole",
      "The server does this by itself. It may be stopped at any time, and goes on where it was.", NULL, cli_cas_convert },

    { "job list", NULL, "", 0, 0, CLI_TAKES_HOME, NULL, "List background jobs that wait, run or have failed",
      "The last column is why the last attempt failed.", NULL, cli_job_list },
    { "job retry", NULL, "ID", 1, 1, CLI_TAKES_HOME, NULL, "Let a failed job run again", NULL, "hearth job retry 17", cli_job_retry },
    { "job remove", NULL, "ID", 1, 1, CLI_TAKES_HOME, NULL, "Remove a job that waits or has failed", NULL, "hearth job remove 17", cli_job_remove },

    { "config list", NULL, "", 0, 0, CLI_TAKES_ALL, NULL, "Show every setting, its value and where it comes from", NULL,
      "hearth config list --config /etc/hearth.conf", cli_config_list },
    { "config check", NULL, "", 0, 0, CLI_TAKES_ALL, NULL, "Check that a server would start with these settings",
      "What is wrong is told as the server would tell it, and the exit status is not 0. Neither the data folder nor a running server is touched.",
      "hearth config check --config /etc/hearth.conf", cli_config_check },
    { "config sample", NULL, "", 0, 0, CLI_TAKES_ALL, NULL, "Print a configuration file with all settings and their defaults", NULL,
      "hearth config sample > /etc/hearth.conf", cli_config_sample },

    { "compat", NULL, "", 0, 0, CLI_TAKES_NONE, compat_options, "List which operations of the public hub are built", NULL,
      "hearth compat | head -1", cli_compat },
    { "routes", NULL, "", 0, 0, CLI_TAKES_NONE, routes_options, "List every route and who may call it", NULL,
      "hearth routes --json", cli_routes },
    { "help", NULL, "[COMMAND]", 0, 2, CLI_TAKES_NONE, help_options, "Explain a command", NULL,
      "hearth help token create\nsource <(hearth help --bash)", cli_help },
    { 0 },
};
