/* api/routes.c - all tables, in one list. */
#include "api/cas/cas_api.h"
#include "api/git_api.h"
#include "api/hub/hub_api.h"
#include "api/infer/infer_api.h"
#include "api/mcp/mcp_api.h"
#include "api/oauth/oauth_api.h"
#include "api/reference.h"
#include "api/scim/scim_api.h"
#include "api/space/space_api.h"
#include "api/viewer/viewer_api.h"

extern const struct api_table oci_table, ops_table, ownerless_table;

const struct api_table *const *api_tables(size_t *n)
{
    static const struct api_table *const all[] = {
        &hub_account_table, &hub_service_table, &hub_resource_group_table, &hub_repo_table,       &hub_info_table,   &hub_list_table,   &hub_tree_table, &hub_security_table,       &hub_ref_table,  &hub_commit_table,
        &hub_file_table,    &hub_gate_table,       &hub_discussion_table, &hub_search_table, &hub_large_file_table,
        &hub_misc_table,    &git_table,            &lfs_table,        &lfs_multipart_table,  &lfs_lock_table,
        &oci_table,         &ops_table,            &ownerless_table,            &hub_collection_table, &hub_space_table, &hub_space_run_table,    &hub_webhook_table, &hub_social_table, &hub_notification_table,
        &cas_token_table,  &cas_xorb_table,       &cas_shard_table,  &cas_reconstruction_table, &cas_fetch_table,
        &cas_dedup_table,   &hub_avatar_table,      &infer_usage_table,    &infer_chat_table, &infer_completions_table, &infer_responses_table,
        &infer_embeddings_table, &infer_tasks_table, &infer_models_table, &infer_tgi_table, &infer_tei_table, &infer_info_table, &infer_state_table,
        &infer_workers_ai_table, &infer_catalogue_table,
        &space_visit_table, &space_info_table,
        &hub_billing_table, &hub_bucket_table, &hub_bucket_file_table,
        &oauth_provider_table, &oauth_token_table,
        &mcp_table,
        &scim_about_table, &scim_user_table, &scim_group_table,
        &hub_docs_table, &hub_leaderboard_table, &reference_table,
        &viewer_fact_table, &viewer_row_table, &viewer_parquet_table, &viewer_statistics_table, &viewer_query_table, &viewer_croissant_table,
    };
    *n = COUNT(all);
    return all;
}
