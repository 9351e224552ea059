-- Generated from src/store/schema by drizzle-kit; all that follows "Edited by hand" below cannot be said in the schema files.
CREATE TABLE "job_runs" (
	"job" text NOT NULL,
	"slot" timestamp (3) with time zone NOT NULL,
	"run_id" uuid NOT NULL,
	"process" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"lease_until" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"result" text,
	"detail" jsonb,
	"next_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "job_runs_job_slot_pk" PRIMARY KEY("job","slot"),
	CONSTRAINT "job_runs_result" CHECK ("job_runs"."result" in ('succeeded', 'found', 'failed', 'lost')),
	CONSTRAINT "job_runs_finished" CHECK (("job_runs"."finished_at" is null) = ("job_runs"."result" is null))
);
--> statement-breakpoint
CREATE TABLE "ledger_days" (
	"tenant_id" uuid NOT NULL,
	"day" date NOT NULL,
	"received" bigint DEFAULT 0 NOT NULL,
	"applied" bigint DEFAULT 0 NOT NULL,
	"unchanged" bigint DEFAULT 0 NOT NULL,
	"debouncing" bigint DEFAULT 0 NOT NULL,
	"duplicate" bigint DEFAULT 0 NOT NULL,
	"late" bigint DEFAULT 0 NOT NULL,
	"retained" bigint DEFAULT 0 NOT NULL,
	"unassigned" bigint DEFAULT 0 NOT NULL,
	"unknown_device" bigint DEFAULT 0 NOT NULL,
	"malformed" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "ledger_days_tenant_id_day_pk" PRIMARY KEY("tenant_id","day")
);
--> statement-breakpoint
ALTER TABLE "space_states" ADD COLUMN "rules_version" smallint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "ledger_days" ADD CONSTRAINT "ledger_days_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "job_runs_one_at_a_time" ON "job_runs" USING btree ("job") WHERE "job_runs"."finished_at" is null;--> statement-breakpoint
CREATE INDEX "job_runs_last" ON "job_runs" USING btree ("job","finished_at");
--> statement-breakpoint
-- ---------------------------------------------------------------------------------------------------------
-- Edited by hand
-- ---------------------------------------------------------------------------------------------------------
ALTER TABLE "job_runs" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "job_runs" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY all_runs ON "job_runs" TO baywire_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
-- Nothing in it is of a tenant.
CREATE POLICY runs_are_no_secret ON "job_runs" FOR SELECT TO baywire_api USING (true);
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "job_runs" TO baywire_ingest;
--> statement-breakpoint
GRANT SELECT ON "job_runs" TO baywire_api;
--> statement-breakpoint
ALTER TABLE "ledger_days" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "ledger_days" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY one_tenant ON "ledger_days" TO baywire_api
  USING ("tenant_id" = (SELECT app_tenant())) WITH CHECK ("tenant_id" = (SELECT app_tenant()));
--> statement-breakpoint
CREATE POLICY all_tenants ON "ledger_days" TO baywire_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
GRANT SELECT ON "ledger_days" TO baywire_api, baywire_ingest;
--> statement-breakpoint
-- The books as operators read them: a day whose readings were dropped is one row, at its first minute.
CREATE OR REPLACE VIEW "ledger" WITH (security_invoker = true) AS
  SELECT tenant_id, minute,
    sum(received)::bigint AS received, sum(applied)::bigint AS applied, sum(unchanged)::bigint AS unchanged,
    sum(debouncing)::bigint AS debouncing, sum(duplicate)::bigint AS duplicate, sum(late)::bigint AS late,
    sum(retained)::bigint AS retained, sum(unassigned)::bigint AS unassigned,
    sum(unknown_device)::bigint AS unknown_device, sum(malformed)::bigint AS malformed
  FROM ledger_entries GROUP BY tenant_id, minute
  UNION ALL
  SELECT tenant_id, ("day"::timestamp AT TIME ZONE 'UTC')::timestamptz(3), received, applied, unchanged, debouncing, duplicate,
    late, retained, unassigned, unknown_device, malformed
  FROM ledger_days;
--> statement-breakpoint
-- As in 0000, but a partition is made beside the log and attached: CREATE TABLE … PARTITION OF would wait for whoever
-- reads the log, and hold up every writer behind it; ATTACH waits for nobody.
CREATE OR REPLACE FUNCTION "make_reading_partitions"("first_day" date, "days" integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
  day date;
  partition_name text;
  made integer := 0;
BEGIN
  IF days NOT BETWEEN 0 AND 400 THEN
    RAISE EXCEPTION 'days must be between 0 and 400, not %', days USING ERRCODE = '22023';
  END IF;
  FOR day IN SELECT first_day + n FROM generate_series(0, days - 1) AS n LOOP
    partition_name := 'readings_' || to_char(day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass('public.' || partition_name) IS NOT NULL;
    PERFORM pg_advisory_xact_lock(hashtext('baywire.reading_partitions'));
    CONTINUE WHEN to_regclass('public.' || partition_name) IS NOT NULL;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition_name);
    EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition_name);
    EXECUTE format('ALTER TABLE public.readings ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
      partition_name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
--> statement-breakpoint
-- Retention works as the owner, whom row level security is forced on too: inside of the function below, and nowhere
-- else, the owner sees the rows that it takes away.
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['readings', 'space_inputs', 'space_checkpoints', 'ledger_entries', 'ledger_days', 'redrive_attempts'] LOOP
    EXECUTE format('CREATE POLICY retention ON %I TO CURRENT_USER USING (current_setting(''app.retention'', true) = ''on'') '
      'WITH CHECK (current_setting(''app.retention'', true) = ''on'')', table_name);
  END LOOP;
END $$;
--> statement-breakpoint
-- For each space the last of its inputs that cannot be folded any more once the readings of a day are dropped, and how
-- many inputs of that day there are: its readings that arrived on that day, and its other inputs up to then.
CREATE FUNCTION "inputs_dropped_with"("dropped_day" date)
  RETURNS TABLE ("tenant_id" uuid, "space_id" uuid, "input_seq" bigint, "inputs" bigint)
  LANGUAGE sql STABLE SET search_path = pg_catalog, public
AS $$
  SELECT tenant_id, space_id, max(input_seq), count(*) FROM (
    SELECT tenant_id, space_id, input_seq FROM public.readings
    WHERE input_seq IS NOT NULL
      AND received_at >= dropped_day::timestamp AT TIME ZONE 'UTC'
      AND received_at < (dropped_day + 1)::timestamp AT TIME ZONE 'UTC'
    UNION ALL
    SELECT tenant_id, space_id, input_seq FROM public.space_inputs
    WHERE recorded_at < (dropped_day + 1)::timestamp AT TIME ZONE 'UTC'
  ) AS input GROUP BY tenant_id, space_id
$$;
--> statement-breakpoint
-- Drops the readings of one day with all that goes with them, or nothing: one transaction. It refuses a day that is not
-- over for a day yet, and a space without a checkpoint to fold from. Whoever writes readings waits only from when
-- the lock on the log is asked for (at most `lock_timeout`; 55P03 then, try again) until COMMIT.
CREATE FUNCTION "drop_reading_partition"("dropped_day" date) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public SET lock_timeout = '100ms'
AS $$
DECLARE
  partition_name text := 'readings_' || to_char(dropped_day, 'YYYYMMDD');
  day_start timestamptz := dropped_day::timestamp AT TIME ZONE 'UTC';
  day_end timestamptz := (dropped_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
  IF dropped_day >= (now() AT TIME ZONE 'UTC')::date - 1 THEN
    RAISE EXCEPTION 'readings of % are too young to be dropped', dropped_day USING ERRCODE = '22023';
  END IF;
  IF to_regclass('public.' || partition_name) IS NULL THEN
    RETURN false;
  END IF;
  PERFORM set_config('app.retention', 'on', true);
  -- From here on nobody adds to that day, neither readings nor books.
  EXECUTE format('LOCK TABLE public.%I IN EXCLUSIVE MODE', partition_name);
  CREATE TEMPORARY TABLE last_inputs ON COMMIT DROP AS SELECT * FROM public.inputs_dropped_with(dropped_day);
  IF EXISTS (
    SELECT FROM pg_temp.last_inputs l WHERE NOT EXISTS (
      SELECT FROM public.space_checkpoints c
      WHERE c.tenant_id = l.tenant_id AND c.space_id = l.space_id AND c.input_seq >= l.input_seq)
  ) THEN
    RAISE EXCEPTION 'a space has no checkpoint behind its readings of %', dropped_day USING ERRCODE = '55000';
  END IF;
  INSERT INTO public.ledger_days AS d (tenant_id, day, received, applied, unchanged, debouncing, duplicate, late, retained,
    unassigned, unknown_device, malformed)
  SELECT tenant_id, dropped_day, sum(received), sum(applied), sum(unchanged), sum(debouncing), sum(duplicate), sum(late),
    sum(retained), sum(unassigned), sum(unknown_device), sum(malformed)
  FROM public.ledger_entries WHERE minute >= day_start AND minute < day_end GROUP BY tenant_id
  ON CONFLICT (tenant_id, day) DO UPDATE SET
    received = d.received + excluded.received, applied = d.applied + excluded.applied,
    unchanged = d.unchanged + excluded.unchanged, debouncing = d.debouncing + excluded.debouncing,
    duplicate = d.duplicate + excluded.duplicate, late = d.late + excluded.late,
    retained = d.retained + excluded.retained, unassigned = d.unassigned + excluded.unassigned,
    unknown_device = d.unknown_device + excluded.unknown_device, malformed = d.malformed + excluded.malformed;
  DELETE FROM public.ledger_entries WHERE minute >= day_start AND minute < day_end;
  DELETE FROM public.space_inputs i USING pg_temp.last_inputs l
  WHERE i.tenant_id = l.tenant_id AND i.space_id = l.space_id AND i.input_seq <= l.input_seq AND i.recorded_at < day_end;
  -- No fold can begin at these any more: an input behind them is gone.
  DELETE FROM public.space_checkpoints c USING pg_temp.last_inputs l
  WHERE c.tenant_id = l.tenant_id AND c.space_id = l.space_id AND c.input_seq < l.input_seq;
  -- A redriven reading lies beside its original: with them goes what is known of the attempts.
  DELETE FROM public.redrive_attempts WHERE received_at >= day_start AND received_at < day_end;
  EXECUTE format('DROP TABLE public.%I', partition_name);
  PERFORM set_config('app.retention', '', true);
  RETURN true;
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "inputs_dropped_with"(date), "drop_reading_partition"(date) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION "inputs_dropped_with"(date), "drop_reading_partition"(date) TO baywire_ingest;
--> statement-breakpoint
-- A run as programs read it, times in epoch milliseconds.
CREATE FUNCTION "run_as_json"("run" "job_runs") RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
  SET search_path = pg_catalog
AS $$
  SELECT jsonb_build_object(
    'startedAt', floor(extract(epoch FROM run.started_at) * 1000), 'finishedAt', floor(extract(epoch FROM run.finished_at) * 1000),
    'result', run.result, 'detail', coalesce(run.detail, '{}'), 'nextAt', floor(extract(epoch FROM run.next_at) * 1000))
$$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "run_as_json"("job_runs") FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION "run_as_json"("job_runs") TO baywire_api, baywire_ingest;
