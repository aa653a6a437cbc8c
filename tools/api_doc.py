#!/usr/bin/env python3
"""api_doc.py HEARTH [--check FILE] - docs/API.md from the table of routes.

Prints the page, or with --check says how FILE differs from it and exits 1.  What a route is for stands here, by its
name; a route without a line and a line without a route are errors, so that neither can be forgotten."""
import json
import re
import subprocess
import sys

HEAD = """\
# API

Every route that this Hearth serves: made by `tools/api_doc.py build/hearth` from the server's own table (`hearth routes
--json`), and checked by a test. Which operations of the public hub's document are built, and which answer 501, is in
[COMPATIBILITY.md](COMPATIBILITY.md).

## How to read it

- `{kind}` is `models`, `datasets`, `spaces` or `kernels`, or what the page says beside it. `{ns}/{repo}` names a
  repository. `{rest…}` takes the rest of the path; a revision in it may hold slashes, escaped (`refs%2Fpr%2F1`) or not.
- Web addresses of models have no prefix: `/{ns}/{repo}/…`; the others begin with `/datasets`, `/spaces` or `/kernels`.
- Credentials: `Authorization: Bearer hf_…`; git and git-lfs send `Basic` with a token, or a password, as the password.
- The permission is checked before a byte of body is read:

| permission | who |
| --- | --- |
| anyone | also without credentials; each is shown what he may see |
| user | signed in; what is changed decides what else is needed |
| repo-see | may know that the repository exists: everybody, or for a private one its owner and the members of the owning organisation |
| repo-call | may read its files, and is signed in: calls of a model are paid for |
| repo-read | may read its files: as above, and for a gated one those who were let in |
| repo-join | signed in and may see it, with a token that may more than read |
| repo-discuss | the same, where discussions are not turned off and may see it; a commit or preupload without the right to write must open a pull request |
| repo-write | may write: the owner, members with the role write or admin, contributors to what they made |
| repo-admin | as repo-write, for what changes the repository itself |
| bucket-read | may read the bucket: everybody, or for a private one its owner and the members of the owning organisation |
| bucket-write | may write to it: as repo-write |
| bucket-admin | the same, for what changes the bucket itself |
| dataset-read | as repo-read, of the data set that the query's `dataset` names |
| repo-by-service | git and LFS: reading or writing, by what is asked for |
| xet-read | a token of `xet-read-token` or `xet-write-token`, whose user may still read the repository or bucket it was made for |
| xet-write | one of `xet-write-token`, whose user may still write there, or open a pull request there |
| space-visitor | who may read the Space whose host was asked: by an access token, by `?__sign=`, or by the cookie that came of it; the hub's session counts for nothing there |
| oauth-client | an application: it says who it is in the body, or by Basic |
| signed-link | the link authorises itself; it was handed out by an answer and expires |

- Errors are `{"error": "…"}` with the same text in `X-Error-Message`, and `X-Error-Code` where clients know one
  (`RepoNotFound`, `RevisionNotFound`, `EntryNotFound`, `GatedRepo`). What the caller may not see is answered like what
  does not exist. An operation of the public hub that is not built is 501 and names itself.
- Every answer has `X-Request-Id`. Lists give the next page as `Link: <…>; rel="next"`.
- "body" is the most that a request may send; `-` means that none is read.
"""

# Prefix of a name, title, text below the title.
SECTIONS = [
    ("account", "The caller", ""),
    ("user", "Users", ""),
    ("org", "Organisations", ""),
    ("resource-group resource-groups", "Resource groups", "What of an organisation only some of its members have to do with: see [SECURITY.md](SECURITY.md)."),
    ("scim", "SCIM", "Users and groups that an organisation's identity provider keeps, for its administrators: see [SCIM.md](SCIM.md). `{family}` is `scim` for accounts that the organisation makes, `scim-provisioning` for accounts that it invites. Errors are as RFC 7644 has them."),
    ("mcp", "Assistants", "The Model Context Protocol: see [MCP.md](MCP.md). Messages and errors are those of JSON-RPC 2.0."),
    ("avatar", "Avatars", ""),
    ("billing", "Usage and spending", "One's own, or an organisation's for its administrators. Calls of models cost something; storage does not, and jobs, Spaces and endpoints are not run, so their figures are nought."),
    ("oauth", "OAuth 2.0 and OpenID Connect", "How applications act for people is told in [SECURITY.md](SECURITY.md). Errors are `{error, error_description}`, as the protocol has them."),
    ("token", "Tokens", ""),
    ("repo", "Repositories", ""),
    ("model dataset space kernel", "Lists, and settings of Spaces", ""),
    ("branch tag", "Branches and tags", ""),
    ("card", "Cards", ""),
    ("file", "Files", ""),
    ("gate", "Access requests of gated repositories", ""),
    ("discussion", "Discussions and pull requests", ""),
    ("openai", "OpenAI", "What OpenAI's clients send, for models of this hub; `model` is `owner/name`. See [INFERENCE.md](INFERENCE.md)."),
    ("tei", "TEI", "Embeddings, ranks and labels under a model's address, as Text Embeddings Inference has them."),
    ("tgi", "TGI", "Text generation under a model's address."),
    ("model", "Models", "What a model's address says of the model: as TGI has it for one that generates, as TEI for an encoder."),
    ("workers-ai", "Workers AI", "Cloudflare's API; the account in the path is a user or an organisation, which pays. A model is `@hf/owner/name`."),
    ("task", "Tasks", "Hugging Face's inference API for models of this hub; the shapes are those that its clients read."),
    ("inference", "Inference", "What calls of models cost; see [INFERENCE.md](INFERENCE.md)."),
    ("collection", "Collections", "A collection is addressed as `{account}/{slug}`, where only the 24 digits at the end of the slug count."),
    ("notification", "Notifications", ""),
    ("webhook", "Webhooks", "Deliveries are `POST`s of JSON in the public hub's shape, version 3, with the secret in `X-Webhook-Secret`, "
     "`X-Hearth-Signature: sha256=HMAC(secret, body)` and `X-Hearth-Delivery`, the same id at every attempt. What is not answered with 2xx "
     "within 10 s is sent again, 8 times in all. See [OPERATIONS.md](OPERATIONS.md) for where they may go."),
    ("viewer", "The dataset viewer", "What the public hub serves at `datasets-server.huggingface.co`, for files of Parquet, CSV, JSON and text, folders of media, and tar archives of samples; see [DATASETS.md](DATASETS.md). "
     "A host called `datasets-server.` before this one's name stands for the folder `/datasets-server`. Every answer tells the commit it is about in `X-Revision`."),
    ("search", "Finding", ""),
    ("large-file", "Large files of a repository", ""),
    ("bucket", "Buckets", "Files by path, without git: no revisions, no cards, no discussions. Contents are uploaded by Xet with a token for the bucket, and then named by `batch`."),
    ("git", "git over HTTP", "With and without `.git`, protocol v0 and v2."),
    ("lfs", "git-lfs", ""),
    ("xet", "Xet", "Large files by chunks, for `hf_xet`, huggingface.js and git-xet. What clients are told as `casUrl` is `{base}/cas`; one "
     "operation has the names of all generations of clients."),
    ("oci", "Manifests", ""),
    ("misc ownerless", "What clients ask besides", ""),
    ("ops", "For the operator", ""),
    ("docs", "Documentation", "The pages of docs/, and this table for programs."),
    ("page", "Pages", ""),
]

LINES = {
    "account.whoami": "Who the credentials belong to: name, organisations, role and scopes of the token",
    "account.repositories": "The caller's repositories with their storage",
    "mcp.message": "One message: `initialize`, `ping`, `tools/list`, `tools/call`, `server/discover`",
    "mcp.stream": "405: there is no stream; a browser is led to the documentation",
    "mcp.settings": "The tools: `{builtInTools, spaceTools}`",
    "scim.config": "What of SCIM there is, and how a client signs in",
    "scim.types": "`User` and `Group`: a `ListResponse`, or for who asks for `application/json` a plain list",
    "scim.type": "One of them",
    "scim.schemas": "Their attributes: the same",
    "scim.schema": "Those of one",
    "scim.me": "Not built: 501",
    "scim.not-built": "Not built: 501",
    "scim.users": "Users; `startIndex`, `count` (up to 1000), `filter`, `attributes`, `excludedAttributes`",
    "scim.user.create": "Makes an account, or invites a user; 409 when the name is taken",
    "scim.user": "One user",
    "scim.user.replace": "All that is known of a user; `active: false` puts him out",
    "scim.user.change": "Some of it: `add`, `remove`, `replace`",
    "scim.user.delete": "Puts a user out for good; an account that the organisation made stays, closed",
    "scim.groups": "Groups; as users",
    "scim.group.create": "Makes a resource group whose people the identity provider keeps",
    "scim.group": "One group; `excludedAttributes=members` leaves its people out",
    "scim.group.replace": "Name and people of a group",
    "scim.group.change": "The same, by `add`, `remove`, `replace`",
    "scim.group.delete": "Deletes a group; 409 while something is in it",
    "viewer.is-valid": "What there is for a data set, a configuration or a split: `preview`, `viewer`, `search`, `filter`, `statistics`",
    "viewer.splits": "Its configurations and splits; `config`",
    "viewer.first-rows": "`config`, `split`: up to 100 rows in 200,000 bytes; large cells are cut where 10 rows take more",
    "viewer.rows": "`config`, `split`, `offset`, `length` (up to 100): rows with their types",
    "viewer.asset": "A picture, sound or film of a cell: its address stands in the row",
    "viewer.parquet": "The Parquet files of each split; `config` adds types",
    "viewer.size": "Rows, columns and bytes of each split; `config`",
    "viewer.info": "Types, splits and sizes of each configuration, as `datasets` reads them; `config`",
    "viewer.statistics": "`config`, `split`: counts, bounds, means, histograms and frequencies of its columns",
    "repo.leaderboard": "Which models state how good a result at a benchmark (a data set with an `eval.yaml`): `?task_id=` (the first), `&max_params=7B`, `&base_model=false` for those made from another, too",
    "viewer.croissant": "The data set in the words of Croissant (JSON-LD): files, configurations, splits, columns",
    "viewer.filter": "`config`, `split`, `where`, `orderby`, `offset`, `length`: rows that match a condition",
    "viewer.search": "`config`, `split`, `query`, `offset`, `length`: rows that have any of the words, best first",
    "viewer.not-built": "Not built: 501",
    "viewer.files": "Addresses of the Parquet files, by configuration and split",
    "viewer.files-of-config": "Those of a configuration",
    "viewer.files-of-split": "Those of a split",
    "viewer.file": "Redirects to one of them, by its number from 0",
    "user.overview": "A user: name, counts, organisations",
    "user.likes": "What a user likes",
    "user.socials": "What a user is called elsewhere",
    "org.socials": "What an organisation is called elsewhere",
    "user.followers": "Who follows a user",
    "user.following": "Whom a user follows",
    "user.follow": "Follows a user: hears of what is discussed in his repositories",
    "user.unfollow": "No longer",
    "org.followers": "Who follows an organisation",
    "org.follow": "Follows an organisation",
    "org.unfollow": "No longer",
    "notification.list": "Discussions that the caller should look at, by read, repository, and why",
    "notification.delete": "Removes some, or all that a query finds",
    "notification.mark": "Marks some as read or unread, or all that a query finds",
    "notification.settings": "What the caller wants to be told of; what would go by mail can only be turned off",
    "notification.watch": "Adds and removes users, organisations and repositories of which the caller wants to hear",
    "discussion.lock": "Only writers say more, or everybody again",
    "discussion.react": "Puts a reaction under a comment",
    "discussion.unreact": "Takes it away",
    "discussion.storage": "What deleting a pull request's ref would free",
    "webhook.list": "The caller's webhooks",
    "webhook.create": "Makes one: `url`, `watched`, `domains`, `secret`",
    "webhook.get": "One of them",
    "webhook.update": "Changes it; a secret that is not given stays",
    "webhook.delete": "Removes it with its log",
    "webhook.enable": "Switches it on or off",
    "webhook.replay": "Sends a delivery of its log once more, and answers with the receiver's status",
    "user.avatar": "Address of a user's picture",
    "org.overview": "An organisation: name, counts",
    "org.members": "Its members",
    "org.member-role": "Changes a member's role, for administrators of the organisation; `resourceGroups` with `id` and `role` says in which groups he is from now on, and without it he is in none",
    "org.audit-log": "The organisation's audit log as a file; for its administrators",
    "org.token.revoke": "Lets a member's token into the organisation no more; elsewhere it goes on working. For its administrators",
    "resource-groups": "Resource groups of an organisation that the caller is in; its administrators see all",
    "resource-group.create": "Makes one, for administrators: `name`, `description`, `users`, `repos`, `autoJoin`",
    "resource-group": "A group: its users, what is in it, and who joins by himself. Who is not in it is told that there is none",
    "resource-group.change": "Changes `name` and `description`; this and what follows are for the group's administrators. `spendLimits` are not built (501)",
    "resource-group.delete": "Deletes it, for the organisation's administrators; 409 while something is in it, which more people could see then",
    "resource-group.settings": "Who joins by himself: `autoJoin` with `enabled`, `role`, `scope` (`all`, or `read_plus`: whose role in the organisation is read or more); those who are there join at once",
    "resource-group.users.add": "Puts members of the organisation into it: `users` with `user` or `name`, and `role`",
    "resource-group.users.change": "Changes the role of one of its users",
    "resource-group.users.remove": "Takes one out; what he had through the group ends at once",
    "repo.resource-group": "In which resource group it is; 404: in none that the caller is in",
    "repo.resource-group.set": "Puts it into the group `resourceGroupId`, or with null out of the one it is in: for administrators of both",
    "bucket.resource-group": "The same of a bucket",
    "bucket.resource-group.set": "The same of a bucket",
    "collection.resource-group": "The same of a collection",
    "collection.resource-group.set": "The same of a collection",
    "org.services": "An organisation's service accounts; these and what follows are for its administrators",
    "org.service.create": "Makes one: `name`, `description`, and `role` in the organisation (`write` where nothing is said)",
    "org.service": "One with its tokens, without their secrets; by id or by name",
    "org.service.delete": "Ends it and its tokens",
    "org.service.token.create": "Makes a token, shown this once: `displayName`, `permissions` in the whole organisation, `repoPermissions` in the repositories of `repoIds` instead",
    "org.service.token.change": "Changes its name or what it may",
    "org.service.token.delete": "Ends a token",
    "org.service.token.rotate": "Gives it another secret, shown this once; the old one stops at once",
    "org.repositories": "Its repositories with their storage; for its members",
    "org.avatar": "Address of its picture",
    "avatar.redirect": "Redirects to the picture",
    "avatar.image": "A picture drawn from the name",
    "token.revoke": "Ends tokens that leaked: whoever holds one may, and the answer never tells whether it existed",
    "repo.create": "Creates a repository; 409 with its `url` when it exists",
    "repo.delete": "Deletes a repository named in the body",
    "repo.move": "Renames it or gives it to another owner; the old name redirects",
    "repo.settings": "Visibility, gate, discussions",
    "repo.duplicate": "Copies all branches, tags and large files; of a Space the variables, never the secrets",
    "repo.like": "Likes it",
    "repo.unlike": "Likes it no longer",
    "repo.likers": "Who likes it",
    "repo.auth-check": "200 if the caller may read its files",
    "repo.auth-check-write": "200 if the caller may write",
    "repo.scan": "What the scanner says of the files at the head of main: whether it has looked at all, and which are not safe",
    "repo.info": "What is known about it, at the head of `main`; `expand` chooses fields, `blobs` adds sizes",
    "repo.info-at": "The same at another revision",
    "repo.tree": "Files and folders; `recursive`, `expand` (last commits), pages",
    "repo.paths-info": "Several paths at once, as JSON or a form",
    "repo.treesize": "Bytes below a folder",
    "repo.refs": "Branches, tags, conversions and, asked for, pull requests",
    "repo.super-squash": "Replaces the history of a branch by one commit",
    "repo.commits": "History, newest first",
    "repo.compare": "The difference of two revisions as a patch, or `raw=1` as a list of changes",
    "repo.preupload": "Which files of a coming commit are large, ignored or there already",
    "repo.commit": "A commit as lines of JSON: files, large files, deletions, copies; `create_pr=1` opens a pull request",
    "model.list": "Models: filters, search, sorting, pages",
    "dataset.list": "Datasets",
    "space.list": "Spaces",
    "kernel.list": "Kernels",
    "space.hardware": "Hardware on offer: `cpu-basic` where apps are run, otherwise none",
    "space.templates": "Templates on offer: none",
    "space.runtime": "The stage of a Space, why it failed, when it sleeps, and what bounds its app",
    "space.restart": "Builds and starts the app anew; `factory=true`: its packages are installed again",
    "space.pause": "Stops the app; only `restart` starts it again",
    "space.sleep-time": "When an app without visitors sleeps: `{seconds}`, -1 for never",
    "space.set-hardware": "`{flavor}` must be `cpu-basic`; `sleepTimeSeconds` as above",
    "space.logs": "What a build or an app says, from its beginning, as server-sent events `{data, timestamp}`; `tail=N`: the last lines",
    "space.events": "The runtime whenever it changes, as server-sent events",
    "space.metrics": "What the app uses, every five seconds, as server-sent events",
    "space.host": "Where the Space itself is: `{subdomain, host}`; 404 where Spaces have no hosts",
    "space.jwt": "A pass for the Space's host, `{token, accessToken, exp}`: `?__sign=TOKEN` there. `expires_in` seconds, a day at most",
    "space.by-subdomain": "The Space whose host begins so, as its info",
    "space.get": "On a Space's own host: its files, or its app's answer",
    "space.options": "The same: the app's answer",
    "space.post": "The same",
    "space.put": "The same",
    "space.patch": "The same",
    "space.delete": "The same",
    "space.secrets": "Names of secrets; values are never returned",
    "space.set-secret": "Sets a secret; sealed at rest",
    "space.delete-secret": "Deletes a secret; absent is fine",
    "space.variables": "Variables with their values",
    "space.set-variable": "Sets a variable and answers all of them",
    "space.delete-variable": "Deletes a variable and answers those left",
    "branch.create": "Creates a branch",
    "branch.delete": "Deletes a branch, but never `main`",
    "tag.create": "Creates a tag at a revision",
    "tag.delete": "Deletes a tag",
    "card.validate": "Checks the front matter of a card",
    "file.resolve": "A file's content at a revision, with ranges and validators",
    "file.raw": "The same as text; of a large file its pointer",
    "file.resolve-cache": "A file at a fixed commit",
    "gate.ask": "Asks for access",
    "gate.report": "All requests as a file",
    "gate.list": "Requests that are `pending`, `accepted` or `rejected`",
    "gate.cancel": "Takes one's own request back",
    "gate.handle": "Decides about a request",
    "gate.grant": "Lets somebody in who did not ask",
    "gate.batch": "Decides about several",
    "discussion.list": "Discussions and pull requests, by page",
    "discussion.create": "Opens a discussion or a draft pull request",
    "discussion.details": "One of them with its events; of a pull request, `diff=1` adds the patch",
    "discussion.delete": "Deletes it",
    "discussion.comment": "Comments",
    "discussion.edit": "Edits a comment",
    "discussion.hide": "Hides a comment for good",
    "discussion.title": "Changes the title",
    "discussion.status": "Opens or closes it",
    "discussion.pin": "Pins it",
    "discussion.merge": "Merges a pull request",
    "discussion.delete-ref": "Deletes the ref of a closed pull request",
    "tgi.generate": "Text generation as TGI has it",
    "tgi.generate-stream": "The same as a stream of tokens",
    "tei.embed": "A vector per text, normalised unless told otherwise",
    "tei.embed_all": "A vector per token",
    "tei.embed_sparse": "TEI: a sparse vector each: a number for every word of the vocabulary that matters",
    "tei.similarity": "How alike sentences are to one",
    "tei.rerank": "Texts by how well they answer a query, best first",
    "tei.predict": "Labels of texts or pairs, likeliest first",
    "openai.models": "Models that can be called, most downloaded first, with prices",
    "openai.model": "One of them",
    "openai.chat": "Chat completions: `messages` by the model's template; whole or as a stream",
    "openai.embeddings": "Embeddings of texts, as floats or base64; `dimensions` cuts",
    "workers-ai.run": "Runs a model: `prompt` or `messages`; `text`; `query` with `contexts`",
    "workers-ai.run-named": "The same with `{model, input}`",
    "workers-ai.models": "Models that can be called: `search`, `task`, `author`, `page`, `per_page`",
    "workers-ai.schema": "Schemas of what a model takes and gives: `model`",
    "workers-ai.tasks": "Tasks that there are models for",
    "workers-ai.authors": "Who has models",
    "workers-ai.finetunes": "The account's repositories with adapters, by the names that `lora` takes",
    "workers-ai.finetunes-public": "Everybody's that are public",
    "model.tokenize": "The tokens of a text, with their bytes",
    "model.chat_tokenize": "A conversation as the model's template writes it, and its tokens",
    "model.decode": "Token ids as text",
    "model.info": "Limits and revision",
    "model.health": "Empty, or 503 of a model that failed",
    "task.model": "The task that the repository is for: `inputs`, `parameters`",
    "task.pipeline": "A task by name",
    "openai.completion": "Completions of texts or lists of tokens",
    "openai.response": "Responses: items in, items or events out; nothing is stored",
    "openai.response.get": "404: nothing is stored",
    "openai.response.delete": "404: nothing is stored",
    "inference.usage": "What calls have used and cost: `from`, `to` (days), `group_by` (of day, model, token, account), `account` (an organisation's administrators; `*`: the hub's), `format` (json, csv)",
    "inference.costs": "`{requestIds}` of one's own calls to their costs in nano-USD",
    "inference.state": "How the worker of a model is: `state` (cold, starting, ready, stopping, failed), `reason`, `pinned`, `memory_bytes`, `running`, `waiting`, `lastUsed`, `retryAt`; of a mirror whose files are on their way `bringing` (`from`, `bytes`, `of`)",
    "inference.prices": "The price cards",
    "collection.list": "Collections by owner, item or words; at most four items of each",
    "collection.create": "Creates one; 409 with its `slug` when the owner has the title already",
    "collection.get": "One collection with all items that the caller may see",
    "collection.update": "Title, description, theme, privacy, place among the owner's",
    "collection.delete": "Deletes it; what it listed stays",
    "collection.add-item": "Adds a repository, a bucket or a collection at the end",
    "collection.update-items": "Changes notes and places of several items, all or none",
    "collection.update-item": "Changes an item's note or place",
    "collection.remove-item": "Removes an item",
    "search.model-tags": "Tags of models, by group",
    "search.dataset-tags": "Tags of datasets, by group",
    "search.tasks": "The tasks that models are for",
    "search.trending": "Repositories that were liked and downloaded most of late",
    "search.quick": "Repositories, buckets, collections, users and organisations by a few letters",
    "large-file.list": "Large files that were uploaded to it",
    "large-file.delete-many": "Removes several for good; rewrites the history that names them",
    "bucket.list": "Buckets of an account, or of `me`, that the caller may see, newest first; `search`, `limit`, `cursor`",
    "bucket.create": "Makes a bucket, under `me` or an account: `private` or `visibility`; one that exists is 409 with `url`",
    "bucket.info": "What is known about it: private, times, `size` in bytes and `totalFiles`",
    "bucket.delete": "Deletes the bucket and all files in it",
    "bucket.settings": "Makes it `private` or public",
    "bucket.short-id": "An id without a namespace is no bucket's: always 404",
    "bucket.tree": "Files whose path begins with the prefix, by path; `recursive=false` tells folders instead of what is in them, with the time of their newest file (of very large ones, of their first files); `limit` (up to 5000), `cursor`",
    "bucket.paths-info": "Those of the `paths` (up to 2000) that are files",
    "bucket.batch": "Changes files: lines of JSON `addFile`, `copyFile`, `deleteFile`, up to 100,000. A thousand are one transaction; each is done or named in `failed`",
    "bucket.resolve": "A file's content, with ranges and validators as for repositories; or how to get it by Xet",
    "bucket.xet-read-token": "A token for downloads by Xet, in body and headers: an hour, this bucket",
    "bucket.xet-write-token": "A token for uploads by Xet to this bucket",
    "bucket.duplicate-files": "Gives files of it to a repository, without their bytes; a commit there then names them",
    "large-file.duplicate": "Gives files of it to another repository, without their bytes; a commit there then names them",
    "file.notebook": "The page that shows a notebook",
    "large-file.delete": "Removes one, likewise",
    "git.refs": "The refs, for `service=git-upload-pack` (reading) or `git-receive-pack` (writing)",
    "git.fetch": "Packs for clone and fetch",
    "git.push": "Receives a push; every new commit is checked first",
    "lfs.batch": "Where to upload or download objects, as links that authorise themselves",
    "lfs.upload": "Takes an object; size and SHA-256 must be what was promised",
    "lfs.download": "Gives an object, with ranges",
    "lfs.verify": "Confirms that an upload arrived",
    "lfs.upload-part": "Takes a part of an upload in several",
    "lfs.complete": "Puts the parts together",
    "lfs.locks": "File locks",
    "lfs.lock": "Locks a file",
    "lfs.locks-verify": "File locks, ours and theirs, before a push",
    "lfs.unlock": "Gives a lock back, or takes it from another with `force`",
    "xet.read-token": "A token for downloads by Xet, in body and headers: an hour, this repository",
    "xet.write-token": "The same for uploads; `create_pr=1` for those of a pull request",
    "xet.reconstruct": "Which chunks of which xorbs make a range of a file, with links to fetch them",
    "xet.reconstruct-v1": "The same in the older form",
    "xet.reconstruct-many": "The same for several files, each a `file_id`",
    "xet.file": "A file by its hash; HEAD tells its size",
    "xet.file-chunk-hashes": "For clients that rewrite parts of a file: not built, 501",
    "xet.fetch": "Bytes of a xorb: those that the link was signed for, or parts of them",
    "xet.find-chunk": "A shard that lists the xorbs of a file that has this chunk, as far as the caller may use them; chunks are hidden by a key",
    "xet.find-xorb": "Whether a xorb is here that the caller may use",
    "xet.upload-xorb": "Takes a xorb; every chunk is decoded and hashed",
    "xet.register": "Takes a shard: registers files, whose content is read back and verified first",
    "xet.register-lines": "The same with progress as lines of JSON",
    "xet.telemetry": "Taken and thrown away",
    "oci.manifest": "Which GGUF file a tag means, as older llama.cpp asks",
    "ownerless.get": "Where the router leads addresses of repositories without an owner (`/api/models/gpt2`), if there is an upstream: a redirect to today's name",
    "ownerless.post": "The same; the body is sent again to where the answer says",
    "misc.agent-harnesses": "Nothing to tell; the command line asks once a day",
    "misc.telemetry": "Taken and thrown away",
    "misc.preflight": "What a browser asks before a request from another origin",
    "ops.health": "200 when the database answers",
    "ops.metrics": "Prometheus text; see [OPERATIONS.md](OPERATIONS.md)",
    "ops.version": "Name and version",
    "docs.list": "The pages of this Hearth's documentation",
    "docs.search": "Sections that have all words of `q`; `product` other than `hub` finds nothing",
    "docs.search-text": "The same as hits with their headings",
    "docs.openapi": "An OpenAPI document of all routes but pages",
    "page.operator": "For administrators, and for nobody else there: how the server is",
    "page.operator.storage": "What is stored, what sharing chunks saves, what is largest",
    "page.operator.settings": "The settings with their sources",
    "page.operator.log": "The log of administrative acts: `type`, `name`, `words`, `before`",
    "page.operator.jobs": "Jobs, and runs of collection, check and reindexing",
    "page.operator.job": "Runs a failed job again, or removes one",
    "page.operator.run": "Starts a collection, a check or a reindexing",
    "page.operator.models": "Models with workers",
    "page.operator.model": "Pins a model, lets it go, or stops it",
    "page.operator.users": "Users",
    "page.operator.user": "Disables or enables a user, gives or takes an administrator's rights, makes a link to choose a password",
    "page.operator.user.new": "Makes a user, and a link to choose a password",
    "page.operator.orgs": "Organisations",
    "page.operator.org": "Lets an organisation make accounts by SCIM, or no more",
    "page.password.choose": "Where somebody with a link chooses a password",
    "page.password.choose.send": "Sets it, once",
    "page.docs": "The documentation",
    "page.docs.search": "What is found in it",
    "page.docs.page": "One of its pages",
    "page.docs.api": "The API reference, by sections; operations can be tried",
    "page.front": "The front page",
    "page.static": "Styles, scripts and pictures",
    "page.list": "Models, datasets or Spaces: `search`, `tag`, `author`, `num_parameters`, `sort`, pages",
    "page.search": "What the search field finds: repositories, buckets, people, organisations",
    "page.account": "A user or an organisation, and what is theirs",
    "page.repo": "A repository's card, facts, and how to use it",
    "page.leaderboard": "A benchmark's leaderboard, by task and size of model",
    "page.metrics": "What the authors say of a model, and two revisions compared (`?rev=`, `?base=`)",
    "page.tree": "A folder of a revision, 1000 entries a page (`?after=`, a name)",
    "page.viewer": "Rows of a dataset: of a split of Parquet files (`?split=CONFIG/SPLIT`), or of one file (`?file=`), from `?row=` on",
    "page.viewer.picture": "A picture, sound or film in a cell of a Parquet file (`?file=`, `?row=`, `?column=`)",
    "page.blob": "One file of a revision",
    "page.blame": "A text file with the commit that brought each line",
    "page.commits": "The history of a revision",
    "page.commit": "One commit and its differences",
    "page.file.new": "A form for a new file", "page.file.create": "Makes it: a commit or a pull request",
    "page.file.edit": "An editor for a text, and its name", "page.file.change": "Commits the change, or proposes it",
    "page.file.preview": "Markdown as it will look, for the editor",
    "page.files.upload": "A page to upload files", "page.files.put": "Takes a few small files from a form without scripts",
    "page.compare": "What one revision has that another has not: commits and differences",
    "page.refs": "Branches and tags", "page.ref.create": "Makes one", "page.ref.delete": "Deletes one",
    "page.file.delete": "Asks before a file or folder is deleted", "page.file.remove": "Deletes it: a commit or a pull request",
    "page.discussions": "Discussions and pull requests of a repository",
    "page.discussion": "One of them: what was said, and the changes of a pull request",
    "page.discussion.new": "The form to open one",
    "page.discussion.create": "Opens it",
    "page.discussion.edit": "Changes a comment",
    "page.discussion.hide": "Hides a comment for good",
    "page.discussion.react": "A reaction, there or away",
    "page.discussion.title": "Renames a discussion",
    "page.discussion.pin": "Pins it, or takes the pin away",
    "page.discussion.lock": "Locks it, or unlocks it",
    "page.discussion.watch": "Whether the caller hears of it",
    "page.follow": "Follows an account, or no longer",
    "page.likers": "Who likes a repository",
    "page.like": "Likes it, or no longer",
    "page.secrets-seen": "Has seen what the scanner told him of secrets in what he pushed",
    "page.watch": "Whether the caller hears of what is discussed there",
    "page.notifications": "What the caller should look at",
    "page.notifications.act": "Marks or removes some",
    "page.notifications.open": "Marks one as read and goes there",
    "page.notifications.settings": "What the caller is told of",
    "page.webhooks": "The caller's webhooks",
    "page.webhook.create": "Makes one",
    "page.webhook": "One of them, with its log",
    "page.webhook.update": "Changes it",
    "page.webhook.act": "Switches it on or off, or deletes it",
    "page.webhook.replay": "Sends a delivery once more",
    "page.buckets": "Buckets: `search`, `owner`, pages",
    "page.buckets.owner": "Leads to the buckets on their owner's page",
    "page.bucket.new": "The form for a new one",
    "page.bucket.create": "Makes it",
    "page.bucket": "A bucket: its files by folder, and how to use it",
    "page.bucket.tree": "A folder of it, 500 entries a page (`?cursor=`)",
    "page.bucket.file": "One file of it: what there is to see, how it is stored",
    "page.bucket.file.delete": "Deletes a file",
    "page.bucket.upload": "The form to upload files", "page.bucket.put": "Takes a few small files from it",
    "page.bucket.settings": "Settings of a bucket",
    "page.bucket.settings.change": "Makes it public or private",
    "page.bucket.settings.group": "Puts it into a resource group, or takes it out",
    "page.bucket.settings.move": "Renames it, or gives it to another owner",
    "page.bucket.settings.delete": "Deletes it, if its name was typed",
    "page.collections": "Collections",
    "page.collection.new": "The form for a new one",
    "page.collection.create": "Makes it",
    "page.collection": "A collection",
    "page.collection.change": "Changes title, description, colour, privacy",
    "page.collection.delete": "Deletes it",
    "page.collection.add": "Adds an item",
    "page.collection.item": "Moves, notes or removes an item",
    "page.discussion.comment": "Says something",
    "page.discussion.status": "Closes it, or opens it again",
    "page.discussion.merge": "Merges a pull request",
    "billing.usage": "A month's calls by model, and what is stored; `periodId` for another month",
    "billing.usage-v2": "The same over days (`startDate`, `endDate` as Unix time), and each day's sum",
    "billing.by-session": "By month; calls carry no session here, so the lists are empty",
    "billing.by-group": "By month, storage of each resource group; all calls are of the one without a name",
    "billing.jobs": "Nought: no jobs are run",
    "billing.live": "The month's sum as server-sent events (`usage`), when it changes, for ten minutes",
    "billing.metrics-live": "The same with `runningJobs`",
    "oauth.discovery": "Where everything is, and what is supported",
    "oauth.keys": "The public keys of ID tokens",
    "oauth.userinfo": "Whom an application's token is about, by its scopes",
    "oauth.register": "An application registers itself (RFC 7591)",
    "oauth.token": "A code, a device's code or a refresh token against tokens",
    "oauth.device": "A program without a browser asks for a code (RFC 8628)",
    "page.oauth.authorize": "Where applications send people; whoever has allowed it before is sent back at once",
    "page.oauth.decide": "Yes or no; a code goes to the application's address",
    "page.oauth.device": "Where the code is typed that a program shows",
    "page.oauth.device.decide": "Yes or no",
    "page.applications": "Applications that act for one, and those that one made",
    "page.application": "One that one made",
    "page.application.create": "Makes one, and shows its secret this once",
    "page.application.change": "Changes name, addresses and scopes",
    "page.application.secret": "Another secret; the old one stops",
    "page.application.delete": "Deletes it, and ends all its tokens",
    "page.application.withdraw": "Takes back what one allowed, and ends the tokens",
    "page.token.rotate": "Gives one another secret; name, role, scopes and end stay",
    "page.settings.mine": "Leads to the first page of settings",
    "page.profile": "What one says of oneself",
    "page.profile.change": "Changes it",
    "page.profile.picture": "Takes a picture, or removes it",
    "page.sessions": "Browsers that are signed in",
    "page.session.end": "Signs one of them out, or all others",
    "page.orgs": "One's organisations, and those that ask one in",
    "page.org.new": "The form for a new organisation",
    "page.org.create": "Makes it; who makes it administers it",
    "page.org.answer": "Joins an organisation that has asked, or does not",
    "page.org": "An organisation's profile, for its administrators",
    "page.org.change": "Changes it",
    "page.org.picture": "Takes a picture, or removes it",
    "page.org.delete": "Deletes an organisation without repositories, if its name was typed",
    "page.org.members": "Members and roles, for members; who was asked, for administrators",
    "page.org.members.change": "Asks somebody in, changes a role, removes a member, takes an invitation back",
    "page.org.leave": "Leaves it",
    "page.org.tokens": "Tokens of members and service accounts that reach the organisation, for its administrators",
    "page.org.scim": "SCIM of an organisation, for its administrators: addresses, who has come that way, roles",
    "page.org.scim.save": "Chooses the role of who comes, or of who is put into a group",
    "page.org.tokens.change": "Lets one in no more, or again",
    "page.org.groups": "Resource groups of an organisation: those one is in, or all for its administrators",
    "page.org.group.create": "Makes one, for administrators",
    "page.org.group": "One: its people, what is in it",
    "page.org.group.change": "Changes people, what is in it, its settings: for the group's administrators",
    "page.org.group.delete": "Deletes it, when nothing is in it",
    "page.org.services": "Service accounts, for administrators",
    "page.org.service.create": "Makes one",
    "page.org.service": "One, with its tokens",
    "page.org.service.change": "Makes a token, shown this once, gives it another secret, ends it, changes the account's role",
    "page.org.service.delete": "Ends a service account, if its name was typed",
    "page.invites": "Links by which people make accounts",
    "page.invite.create": "Makes a link, and shows it this once",
    "page.invite.revoke": "Takes one back",
    "page.billing": "What one has used and spent, by day, model and token; `days`",
    "page.org.billing": "The same of an organisation, for its administrators",
    "page.access": "The form to ask for access to a gated repository",
    "page.access.ask": "Asks",
    "page.access.cancel": "Takes the request, or the access, back",
    "page.access.mine": "One's own requests",
    "page.access.list": "Requests for a repository, for its administrators",
    "page.access.decide": "Accepts, rejects, or lets somebody in who did not ask",
    "page.tokens": "One's access tokens",
    "page.token.create": "Makes one, and shows it this once",
    "page.token.revoke": "Ends one",
    "page.password": "The form for another password",
    "page.password.change": "Changes it, and signs all other browsers out",
    "page.factor": "One's second factor, or the form that turns it on",
    "page.factor.on": "Turns it on, with the password and a code; shows recovery codes this once",
    "page.factor.off": "Turns it off, with the password and a code",
    "page.factor.codes": "Makes new recovery codes, with the password and a code",
    "page.new": "The form for a new repository",
    "page.new.send": "Makes it",
    "page.chat": "Conversations with a hosted model, kept in the browser",
    "page.chat.share": "Saves a copy of one: `model`, `title`, `messages`; answers its `url`",
    "page.chat.shared": "A shared conversation, for whoever may read its model",
    "page.chat.shares": "What one has shared",
    "page.chat.unshare": "Removes one",
    "page.settings": "A repository's settings",
    "page.settings.change": "Visibility, gate, discussions",
    "page.space.app": "Restarts, rebuilds or pauses its app",
    "page.space.logs": "What its build or its app has written",
    "page.space.settings": "Variables, secrets, and when it sleeps",
    "page.space.settings.change": "Sets or deletes one of them",
    "page.settings.group": "Puts it into a resource group, or takes it out",
    "page.settings.move": "Another name or owner; the old address leads there",
    "page.settings.delete": "Deletes it, if its name was typed",
    "page.login": "The form to sign in",
    "page.login.send": "Begins a session, if name and password belong together; half of one, if there is a second factor",
    "page.login.code": "The form for the code of the second factor",
    "page.login.code.send": "Begins the session, with a code of the app or a recovery code",
    "page.logout": "Ends the session",
    "page.external": "Off to the outside OpenID provider, if there is one",
    "page.external.back": "Back from it",
    "page.external.link": "Lets an account be opened that way, too",
    "page.join": "The form for an account: the first one, or as the setting sign-up has it; `invite`",
    "page.join.send": "Makes it; the first one is the administrator's",
}


def shown(pattern):
    pattern = pattern.replace(":kind(models|datasets|spaces|kernels)", "{kind}")
    pattern = re.sub(r":kind\(([a-z|]+)\)", lambda m: m.group(1) if "|" not in m.group(1) else "{%s}" % m.group(1), pattern)
    pattern = re.sub(r":(\w+)", r"{\1}", pattern)
    return re.sub(r"\*(\w+)", r"{\1…}", pattern).replace("|", "\\|")


def size(n):
    for unit, factor in (("TB", 10**12), ("GB", 10**9)):
        if n >= factor and n % factor == 0:
            return f"{n // factor} {unit}"
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if n >= 1 << shift and n % (1 << shift) == 0:
            return f"{n >> shift} {unit}"
    return f"{n} bytes" if n else "-"


def section(title, text, routes):
    yield f"\n## {title}\n"
    if text:
        yield f"{text}\n"
    yield "| method | path | permission | body | what |\n| --- | --- | --- | --- | --- |"
    done = set()
    for r in routes:
        key = (r["name"], r["method"])
        if key in done:
            continue
        done.add(key)
        paths = "<br>".join(f"`{shown(x['pattern'])}`" for x in routes if (x["name"], x["method"]) == key)
        yield f"| {r['method']} | {paths} | {r['permission']} | {size(r['body_bytes_max'])} | {LINES[r['name']]} |"


def page(routes):
    names = {r["name"] for r in routes}
    known = {p: s for s in SECTIONS for p in s[0].split()}
    faults = [f"no line for the route {n}: add it to tools/api_doc.py" for n in sorted(names - LINES.keys())]
    faults += [f"no route has the name {n} any more: remove its line from tools/api_doc.py" for n in sorted(LINES.keys() - names)]
    faults += [f"no section for the route {n}: add it to tools/api_doc.py" for n in sorted(names) if n.split(".")[0] not in known]
    if faults:
        sys.exit("\n".join(faults))
    out = [HEAD]
    for prefixes, title, text in SECTIONS:
        mine = [r for r in routes if r["name"].split(".")[0] in prefixes.split()]
        out += section(title, text, mine) if mine else []
    return "\n".join(out) + "\n"


def main():
    if len(sys.argv) not in (2, 4) or (len(sys.argv) == 4 and sys.argv[2] != "--check"):
        sys.exit(__doc__)
    routes = json.loads(subprocess.run([sys.argv[1], "routes", "--json"], capture_output=True, text=True, check=True).stdout)
    made = page(routes)
    if len(sys.argv) == 2:
        sys.stdout.write(made)
        return
    with open(sys.argv[3], encoding="utf-8") as f:
        have = f.read()
    if have != made:
        old, new = set(have.splitlines()), set(made.splitlines())
        for line in sorted(old - new):
            print(f"- {line}")
        for line in sorted(new - old):
            print(f"+ {line}")
        sys.exit(f"{sys.argv[3]} is out of date: tools/api_doc.py build/hearth > {sys.argv[3]}")


main()
