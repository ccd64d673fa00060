SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA smile_trace;
CREATE FUNCTION smile_trace.json_text(document text, path text[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN document::json #>> path;
EXCEPTION WHEN data_exception THEN
    RETURN regexp_replace(
        document, '(\\\\)|\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\1', 'g'
    )::json #>> path;
END
$$;
CREATE PROCEDURE smile_trace.reserve(IN entries jsonb, IN reservation jsonb, IN by_worker bigint, INOUT refused integer)
    LANGUAGE plpgsql
    AS $$
DECLARE
    entry record;
BEGIN
    IF by_worker IS NOT NULL AND NOT EXISTS (SELECT FROM workers WHERE id = by_worker) THEN
        refused := -1;
        RETURN;
    END IF;
    SET LOCAL synchronous_commit = off;
    refused := 0;
    FOR entry IN SELECT e.* FROM jsonb_to_recordset(entries) AS e(scope text, key text, calls bigint, tokens bigint, usd double precision, unpriced_calls bigint, cap_calls double precision, cap_tokens double precision, cap_usd double precision) LOOP
        INSERT INTO spend AS s (scope, key, calls, tokens, usd, unpriced_calls)
        SELECT entry.scope, entry.key, entry.calls, entry.tokens, entry.usd, entry.unpriced_calls
        WHERE coalesce(entry.calls <= entry.cap_calls, true)
            AND coalesce(entry.tokens <= entry.cap_tokens, true)
            AND coalesce(entry.usd <= entry.cap_usd, true)
        ON CONFLICT (scope, key) DO UPDATE SET calls = s.calls + excluded.calls, tokens = s.tokens + excluded.tokens, usd = s.usd + excluded.usd, unpriced_calls = s.unpriced_calls + excluded.unpriced_calls
        WHERE coalesce(s.calls + excluded.calls <= entry.cap_calls, true)
            AND coalesce(s.tokens + excluded.tokens <= entry.cap_tokens, true)
            AND coalesce(s.usd + excluded.usd <= entry.cap_usd, true);
        EXIT WHEN NOT FOUND;
        refused := refused + 1;
    END LOOP;
    IF refused < jsonb_array_length(entries) THEN
        ROLLBACK;
        RETURN;
    END IF;
    COMMIT;
    refused := NULL;
    INSERT INTO reservations
    SELECT r.* FROM jsonb_populate_record(NULL::reservations, reservation) AS r;
END
$$;
CREATE PROCEDURE smile_trace.settle(IN entries jsonb, IN of_id text, IN keep boolean, IN to_tokens bigint, IN to_usd double precision)
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Where this is lost, the reservation stands.
    SET LOCAL synchronous_commit = off;
    IF keep THEN
        UPDATE reservations SET settled = true, tokens = to_tokens, usd = to_usd
        WHERE id = of_id AND NOT settled;
    ELSE
        DELETE FROM reservations WHERE id = of_id AND NOT settled;
    END IF;
    IF FOUND THEN
        INSERT INTO spend AS s (scope, key, calls, tokens, usd, unpriced_calls)
        SELECT e.scope, e.key, e.calls, e.tokens, e.usd, e.unpriced_calls FROM jsonb_to_recordset(entries) AS e(scope text, key text, calls bigint, tokens bigint, usd double precision, unpriced_calls bigint, cap_calls double precision, cap_tokens double precision, cap_usd double precision)
        ON CONFLICT (scope, key) DO UPDATE SET calls = s.calls + excluded.calls, tokens = s.tokens + excluded.tokens, usd = s.usd + excluded.usd, unpriced_calls = s.unpriced_calls + excluded.unpriced_calls;
    END IF;
END
$$;
CREATE TABLE smile_trace.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE smile_trace.calls (
    id text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    group_kind text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    group_version text NOT NULL COLLATE pg_catalog."C",
    start_ns bigint NOT NULL,
    decided boolean NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE smile_trace.corrupt_lines (
    file text NOT NULL COLLATE pg_catalog."C",
    "offset" bigint NOT NULL,
    error text NOT NULL COLLATE pg_catalog."C",
    line bytea NOT NULL,
    kept_at double precision NOT NULL
);
CREATE TABLE smile_trace.deliveries (
    tracker text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    item text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    attempts bigint NOT NULL,
    not_before double precision NOT NULL,
    reason_code text COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C",
    external_id text COLLATE pg_catalog."C",
    url text COLLATE pg_catalog."C",
    created_at double precision NOT NULL
);
CREATE TABLE smile_trace.drift_alarms (
    group_name text NOT NULL COLLATE pg_catalog."C",
    probe text NOT NULL COLLATE pg_catalog."C",
    period text NOT NULL COLLATE pg_catalog."C",
    told boolean NOT NULL
);
CREATE TABLE smile_trace.drift_answers (
    case_id bigint NOT NULL,
    probe text NOT NULL COLLATE pg_catalog."C",
    period text NOT NULL COLLATE pg_catalog."C",
    draw bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    seed bigint NOT NULL,
    changed boolean NOT NULL
);
CREATE TABLE smile_trace.drift_cases (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    call_id text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    confirmed boolean NOT NULL,
    created_at double precision NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE SEQUENCE smile_trace.drift_cases_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE smile_trace.drift_cases_id_seq OWNED BY smile_trace.drift_cases.id;
CREATE TABLE smile_trace.explanations (
    id bigint NOT NULL,
    call_id text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    settings_hash text NOT NULL COLLATE pg_catalog."C",
    attempt bigint NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    created_at double precision NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C",
    sanity_check text COLLATE pg_catalog."C"
);
CREATE SEQUENCE smile_trace.explanations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE smile_trace.explanations_id_seq OWNED BY smile_trace.explanations.id;
CREATE TABLE smile_trace.feedback (
    id text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE smile_trace.forgotten (
    trace_hash text NOT NULL COLLATE pg_catalog."C",
    forgotten_at double precision NOT NULL
);
CREATE TABLE smile_trace.groups (
    group_kind text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    group_version text NOT NULL COLLATE pg_catalog."C",
    chosen bigint NOT NULL,
    argument_differs boolean DEFAULT false NOT NULL
);
CREATE TABLE smile_trace.jobs (
    id bigint NOT NULL,
    call_id text NOT NULL COLLATE pg_catalog."C",
    settings_hash text NOT NULL COLLATE pg_catalog."C",
    settings text NOT NULL COLLATE pg_catalog."C",
    model text COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    reason_code text COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C",
    attempt bigint NOT NULL,
    run bigint NOT NULL,
    crashes bigint NOT NULL,
    inclusion_probability double precision,
    priority bigint NOT NULL,
    not_before double precision NOT NULL,
    created_at double precision NOT NULL,
    changed_at double precision NOT NULL,
    worker_id bigint
);
CREATE SEQUENCE smile_trace.jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE smile_trace.jobs_id_seq OWNED BY smile_trace.jobs.id;
CREATE TABLE smile_trace.judge_judgements (
    variant_id text NOT NULL COLLATE pg_catalog."C",
    reviewer text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    probe text NOT NULL COLLATE pg_catalog."C",
    prompt text NOT NULL COLLATE pg_catalog."C",
    change double precision NOT NULL,
    counts boolean NOT NULL,
    same_meaning text NOT NULL COLLATE pg_catalog."C",
    worse text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    judged_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE smile_trace.judgements (
    variant_id text NOT NULL COLLATE pg_catalog."C",
    reviewer text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    probe text NOT NULL COLLATE pg_catalog."C",
    prompt text NOT NULL COLLATE pg_catalog."C",
    change double precision NOT NULL,
    counts boolean NOT NULL,
    same_meaning text NOT NULL COLLATE pg_catalog."C",
    worse text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    judged_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE smile_trace.observations (
    explanation_id bigint NOT NULL,
    number bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    mask text NOT NULL COLLATE pg_catalog."C",
    keep_probability double precision,
    locality double precision,
    replicate bigint NOT NULL,
    level bigint NOT NULL,
    round bigint NOT NULL,
    fixed text NOT NULL COLLATE pg_catalog."C",
    text_hash text NOT NULL COLLATE pg_catalog."C",
    response text COLLATE pg_catalog."C",
    shift double precision,
    failure text COLLATE pg_catalog."C",
    asked text DEFAULT 'target'::text NOT NULL COLLATE pg_catalog."C",
    scores text COLLATE pg_catalog."C"
);
CREATE TABLE smile_trace.paths (
    id bigint NOT NULL,
    call_id text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    settings_hash text NOT NULL COLLATE pg_catalog."C",
    attempt bigint NOT NULL,
    created_at double precision NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE SEQUENCE smile_trace.paths_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE smile_trace.paths_id_seq OWNED BY smile_trace.paths.id;
CREATE TABLE smile_trace.paused_models (
    name text NOT NULL COLLATE pg_catalog."C",
    reason_code text COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    failures bigint NOT NULL,
    since double precision NOT NULL,
    not_before double precision NOT NULL
);
CREATE TABLE smile_trace.profiles (
    id bigint NOT NULL,
    call_id text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    settings_hash text NOT NULL COLLATE pg_catalog."C",
    attempt bigint NOT NULL,
    group_kind text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    group_version text NOT NULL COLLATE pg_catalog."C",
    period text NOT NULL COLLATE pg_catalog."C",
    seed bigint NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    created_at double precision NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE SEQUENCE smile_trace.profiles_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE smile_trace.profiles_id_seq OWNED BY smile_trace.profiles.id;
CREATE TABLE smile_trace.proxy_trusts (
    id bigint NOT NULL,
    target text NOT NULL COLLATE pg_catalog."C",
    proxy text NOT NULL COLLATE pg_catalog."C",
    group_kind text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    group_version text NOT NULL COLLATE pg_catalog."C",
    item text NOT NULL COLLATE pg_catalog."C",
    value double precision NOT NULL,
    created_at double precision NOT NULL
);
CREATE SEQUENCE smile_trace.proxy_trusts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE smile_trace.proxy_trusts_id_seq OWNED BY smile_trace.proxy_trusts.id;
CREATE TABLE smile_trace.pulled (
    source text NOT NULL COLLATE pg_catalog."C",
    place text NOT NULL COLLATE pg_catalog."C",
    until_ms bigint NOT NULL,
    traces bigint NOT NULL,
    calls bigint NOT NULL,
    kept bigint NOT NULL,
    reason_code text COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C"
);
CREATE TABLE smile_trace.rate_limits (
    model text NOT NULL COLLATE pg_catalog."C",
    unit text NOT NULL COLLATE pg_catalog."C",
    next_at double precision NOT NULL
);
CREATE TABLE smile_trace.removals (
    tracker text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C",
    body text NOT NULL COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C",
    by_hand boolean NOT NULL
);
CREATE TABLE smile_trace.reservations (
    id text NOT NULL COLLATE pg_catalog."C",
    day text NOT NULL COLLATE pg_catalog."C",
    model text NOT NULL COLLATE pg_catalog."C",
    explanation text NOT NULL COLLATE pg_catalog."C",
    calls bigint NOT NULL,
    tokens bigint NOT NULL,
    usd double precision,
    settled boolean NOT NULL
);
CREATE TABLE smile_trace.response_uses (
    key text NOT NULL COLLATE pg_catalog."C",
    trace_id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE smile_trace.responses (
    key text NOT NULL COLLATE pg_catalog."C",
    created_at double precision NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE smile_trace.spans (
    trace_id text NOT NULL COLLATE pg_catalog."C",
    span_id text NOT NULL COLLATE pg_catalog."C",
    start_ns bigint NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE smile_trace.spend (
    scope text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    calls bigint NOT NULL,
    tokens bigint NOT NULL,
    usd double precision NOT NULL,
    unpriced_calls bigint NOT NULL
);
CREATE TABLE smile_trace.spool_files (
    name text NOT NULL COLLATE pg_catalog."C",
    inode bigint NOT NULL,
    "offset" bigint NOT NULL,
    grown_at double precision NOT NULL
);
CREATE TABLE smile_trace.traces (
    trace_id text NOT NULL COLLATE pg_catalog."C",
    file text NOT NULL COLLATE pg_catalog."C",
    has_root boolean NOT NULL,
    root_missing boolean NOT NULL,
    changed_at double precision NOT NULL,
    error text COLLATE pg_catalog."C",
    "position" bigint
);
CREATE TABLE smile_trace.trackers (
    name text NOT NULL COLLATE pg_catalog."C",
    trace_position bigint NOT NULL,
    explanation_position bigint NOT NULL,
    path_position bigint DEFAULT 0 NOT NULL,
    profile_position bigint DEFAULT 0 NOT NULL,
    failures bigint NOT NULL,
    reason_code text COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C",
    since double precision,
    not_before double precision NOT NULL
);
CREATE TABLE smile_trace.workers (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    host text NOT NULL COLLATE pg_catalog."C",
    release text NOT NULL COLLATE pg_catalog."C",
    capacity bigint NOT NULL,
    started_at double precision NOT NULL,
    roles text DEFAULT 'ingest,explain,deliver'::text NOT NULL COLLATE pg_catalog."C",
    models text COLLATE pg_catalog."C",
    clock_ahead double precision
);
CREATE SEQUENCE smile_trace.workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE smile_trace.workers_id_seq OWNED BY smile_trace.workers.id;
ALTER TABLE ONLY smile_trace.drift_cases ALTER COLUMN id SET DEFAULT nextval('smile_trace.drift_cases_id_seq'::regclass);
ALTER TABLE ONLY smile_trace.explanations ALTER COLUMN id SET DEFAULT nextval('smile_trace.explanations_id_seq'::regclass);
ALTER TABLE ONLY smile_trace.jobs ALTER COLUMN id SET DEFAULT nextval('smile_trace.jobs_id_seq'::regclass);
ALTER TABLE ONLY smile_trace.paths ALTER COLUMN id SET DEFAULT nextval('smile_trace.paths_id_seq'::regclass);
ALTER TABLE ONLY smile_trace.profiles ALTER COLUMN id SET DEFAULT nextval('smile_trace.profiles_id_seq'::regclass);
ALTER TABLE ONLY smile_trace.proxy_trusts ALTER COLUMN id SET DEFAULT nextval('smile_trace.proxy_trusts_id_seq'::regclass);
ALTER TABLE ONLY smile_trace.workers ALTER COLUMN id SET DEFAULT nextval('smile_trace.workers_id_seq'::regclass);
ALTER TABLE ONLY smile_trace.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY smile_trace.calls
    ADD CONSTRAINT pk_calls PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.corrupt_lines
    ADD CONSTRAINT pk_corrupt_lines PRIMARY KEY (file, "offset");
ALTER TABLE ONLY smile_trace.deliveries
    ADD CONSTRAINT pk_deliveries PRIMARY KEY (tracker, kind, item);
ALTER TABLE ONLY smile_trace.drift_alarms
    ADD CONSTRAINT pk_drift_alarms PRIMARY KEY (group_name);
ALTER TABLE ONLY smile_trace.drift_answers
    ADD CONSTRAINT pk_drift_answers PRIMARY KEY (case_id, probe, period, draw);
ALTER TABLE ONLY smile_trace.drift_cases
    ADD CONSTRAINT pk_drift_cases PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.explanations
    ADD CONSTRAINT pk_explanations PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.feedback
    ADD CONSTRAINT pk_feedback PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.forgotten
    ADD CONSTRAINT pk_forgotten PRIMARY KEY (trace_hash);
ALTER TABLE ONLY smile_trace.groups
    ADD CONSTRAINT pk_groups PRIMARY KEY (group_kind, group_name, group_version);
ALTER TABLE ONLY smile_trace.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.judge_judgements
    ADD CONSTRAINT pk_judge_judgements PRIMARY KEY (variant_id, reviewer);
ALTER TABLE ONLY smile_trace.judgements
    ADD CONSTRAINT pk_judgements PRIMARY KEY (variant_id, reviewer);
ALTER TABLE ONLY smile_trace.observations
    ADD CONSTRAINT pk_observations PRIMARY KEY (explanation_id, number);
ALTER TABLE ONLY smile_trace.paths
    ADD CONSTRAINT pk_paths PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.paused_models
    ADD CONSTRAINT pk_paused_models PRIMARY KEY (name);
ALTER TABLE ONLY smile_trace.profiles
    ADD CONSTRAINT pk_profiles PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.proxy_trusts
    ADD CONSTRAINT pk_proxy_trusts PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.pulled
    ADD CONSTRAINT pk_pulled PRIMARY KEY (source, place);
ALTER TABLE ONLY smile_trace.rate_limits
    ADD CONSTRAINT pk_rate_limits PRIMARY KEY (model, unit);
ALTER TABLE ONLY smile_trace.removals
    ADD CONSTRAINT pk_removals PRIMARY KEY (tracker, trace_id);
ALTER TABLE ONLY smile_trace.reservations
    ADD CONSTRAINT pk_reservations PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.response_uses
    ADD CONSTRAINT pk_response_uses PRIMARY KEY (key, trace_id);
ALTER TABLE ONLY smile_trace.responses
    ADD CONSTRAINT pk_responses PRIMARY KEY (key);
ALTER TABLE ONLY smile_trace.spans
    ADD CONSTRAINT pk_spans PRIMARY KEY (trace_id, span_id);
ALTER TABLE ONLY smile_trace.spend
    ADD CONSTRAINT pk_spend PRIMARY KEY (scope, key);
ALTER TABLE ONLY smile_trace.spool_files
    ADD CONSTRAINT pk_spool_files PRIMARY KEY (name);
ALTER TABLE ONLY smile_trace.traces
    ADD CONSTRAINT pk_traces PRIMARY KEY (trace_id);
ALTER TABLE ONLY smile_trace.trackers
    ADD CONSTRAINT pk_trackers PRIMARY KEY (name);
ALTER TABLE ONLY smile_trace.workers
    ADD CONSTRAINT pk_workers PRIMARY KEY (id);
ALTER TABLE ONLY smile_trace.explanations
    ADD CONSTRAINT uq_explanations_call_id_settings_hash_attempt UNIQUE (call_id, settings_hash, attempt);
ALTER TABLE ONLY smile_trace.jobs
    ADD CONSTRAINT uq_jobs_call_id_settings_hash UNIQUE (call_id, settings_hash);
ALTER TABLE ONLY smile_trace.paths
    ADD CONSTRAINT uq_paths_call_id_settings_hash_attempt UNIQUE (call_id, settings_hash, attempt);
ALTER TABLE ONLY smile_trace.profiles
    ADD CONSTRAINT uq_profiles_call_id_settings_hash_attempt_period UNIQUE (call_id, settings_hash, attempt, period);
ALTER TABLE ONLY smile_trace.proxy_trusts
    ADD CONSTRAINT uq_proxy_trusts_item UNIQUE (item);
ALTER TABLE ONLY smile_trace.traces
    ADD CONSTRAINT uq_traces_position UNIQUE ("position");
ALTER TABLE ONLY smile_trace.workers
    ADD CONSTRAINT uq_workers_name UNIQUE (name);
CREATE INDEX ix_calls_decided ON smile_trace.calls USING btree (decided);
CREATE INDEX ix_calls_group ON smile_trace.calls USING btree (group_kind, group_name, group_version);
CREATE INDEX ix_calls_trace_id ON smile_trace.calls USING btree (trace_id);
CREATE INDEX ix_deliveries_due ON smile_trace.deliveries USING btree (tracker, kind, state, not_before);
CREATE INDEX ix_deliveries_trace_id ON smile_trace.deliveries USING btree (trace_id);
CREATE INDEX ix_drift_answers_group_name ON smile_trace.drift_answers USING btree (group_name);
CREATE INDEX ix_drift_answers_trace_id ON smile_trace.drift_answers USING btree (trace_id);
CREATE INDEX ix_drift_cases_group_name ON smile_trace.drift_cases USING btree (group_name);
CREATE INDEX ix_drift_cases_trace_id ON smile_trace.drift_cases USING btree (trace_id);
CREATE INDEX ix_explanations_sanity_check ON smile_trace.explanations USING btree (sanity_check);
CREATE INDEX ix_explanations_trace_id ON smile_trace.explanations USING btree (trace_id);
CREATE INDEX ix_feedback_trace_id ON smile_trace.feedback USING btree (trace_id);
CREATE INDEX ix_jobs_state ON smile_trace.jobs USING btree (state, priority, id);
CREATE INDEX ix_judge_judgements_trace_id ON smile_trace.judge_judgements USING btree (trace_id);
CREATE INDEX ix_judgements_trace_id ON smile_trace.judgements USING btree (trace_id);
CREATE INDEX ix_paths_trace_id ON smile_trace.paths USING btree (trace_id);
CREATE INDEX ix_profiles_group ON smile_trace.profiles USING btree (group_kind, group_name);
CREATE INDEX ix_profiles_trace_id ON smile_trace.profiles USING btree (trace_id);
CREATE INDEX ix_proxy_trusts_pair ON smile_trace.proxy_trusts USING btree (target, proxy, group_kind, group_name, group_version);
CREATE INDEX ix_reservations_day ON smile_trace.reservations USING btree (day);
CREATE INDEX ix_response_uses_trace_id ON smile_trace.response_uses USING btree (trace_id);
CREATE INDEX ix_responses_created_at ON smile_trace.responses USING btree (created_at);
CREATE INDEX ix_traces_changed_at ON smile_trace.traces USING btree (changed_at);
CREATE INDEX ix_traces_file ON smile_trace.traces USING btree (file);
CREATE INDEX ix_traces_open ON smile_trace.traces USING btree ("position", has_root);
ALTER TABLE ONLY smile_trace.observations
    ADD CONSTRAINT fk_observations_explanation_id FOREIGN KEY (explanation_id) REFERENCES smile_trace.explanations(id) ON DELETE CASCADE;
ALTER TABLE ONLY smile_trace.response_uses
    ADD CONSTRAINT fk_response_uses_key FOREIGN KEY (key) REFERENCES smile_trace.responses(key) ON DELETE CASCADE;
INSERT INTO smile_trace.alembic_version VALUES ('0020');
