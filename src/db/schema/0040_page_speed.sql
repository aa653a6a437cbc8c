-- Pages that read many rows to show few: people found by a part of their name, and how fast a model ran lately.
CREATE INDEX account_by_kind_name ON account (kind, name_key);
CREATE INDEX inference_call_by_model ON inference_call (model, at_ms, status, prompt_tokens, completion_tokens, compute_us);
