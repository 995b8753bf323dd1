-- What most questions ask for, summed up inside each part of spans. A projection is written, merged, changed, dropped
-- and copied with the rows it sums up, so that it cannot disagree with them; a part without it is read row by row.
-- What `query/kept.py` calls a part of a measure must stand here word for word: the engine compares expressions.
--
-- The rows of existing parts are summed up in the background; until then those parts are read row by row.

ALTER TABLE haechi.spans ADD PROJECTION IF NOT EXISTS latency_by_hour
(
    SELECT
        project, toStartOfHour(start_time), operation, usage_source, provider, request_model,
        count(),
        countIf(status_code = 'error'),
        sum(cost_usd),
        count(cost_usd),
        countIf(cost_source = 'unpriced'),
        count(duration_ns),
        sum(duration_ns),
        min(duration_ns),
        max(duration_ns),
        quantilesBFloat16State(0.5, 0.95, 0.99)(duration_ns),
        count(ttft_ns),
        sum(ttft_ns),
        min(ttft_ns),
        max(ttft_ns),
        quantilesBFloat16StateIf(0.5, 0.95, 0.99)(assumeNotNull(ttft_ns), ttft_ns IS NOT NULL)
    GROUP BY project, toStartOfHour(start_time), operation, usage_source, provider, request_model
);

ALTER TABLE haechi.spans ADD PROJECTION IF NOT EXISTS costs_by_hour
(
    SELECT
        project, toStartOfHour(start_time), operation, usage_source, provider, request_model, response_model,
        service_name, environment, prompt_name, prompt_version, experiment, variant, cost_source,
        count(),
        sum(cost_usd),
        count(cost_usd),
        countIf(cost_source = 'unpriced'),
        sum(input_tokens),
        sum(output_tokens),
        sum(cache_read_tokens),
        sumIf(input_tokens + output_tokens, cost_usd IS NOT NULL)
    GROUP BY
        project, toStartOfHour(start_time), operation, usage_source, provider, request_model, response_model,
        service_name, environment, prompt_name, prompt_version, experiment, variant, cost_source
);

ALTER TABLE haechi.spans ADD PROJECTION IF NOT EXISTS costs_by_user
(
    SELECT
        project, toStartOfInterval(start_time, toIntervalHour(6)), operation, usage_source, user_id,
        count(),
        sum(cost_usd),
        count(cost_usd),
        countIf(cost_source = 'unpriced'),
        sum(input_tokens),
        sum(output_tokens),
        sum(cache_read_tokens),
        sumIf(input_tokens + output_tokens, cost_usd IS NOT NULL)
    GROUP BY project, toStartOfInterval(start_time, toIntervalHour(6)), operation, usage_source, user_id
);

ALTER TABLE haechi.spans MATERIALIZE PROJECTION latency_by_hour;
ALTER TABLE haechi.spans MATERIALIZE PROJECTION costs_by_hour;
ALTER TABLE haechi.spans MATERIALIZE PROJECTION costs_by_user;
