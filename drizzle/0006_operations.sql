-- Redrives that were asked for over the API, and how they go on.
CREATE TABLE "redrives" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"filter" jsonb NOT NULL,
	"execute" boolean NOT NULL,
	"force" boolean NOT NULL,
	"expected_letters" integer,
	"requested_by" text NOT NULL,
	"requested_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"cancel_requested_at" timestamp (3) with time zone,
	"status" text DEFAULT 'waiting' NOT NULL,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"letters_total" integer,
	"letters_done" integer DEFAULT 0 NOT NULL,
	"report" jsonb,
	"position" jsonb,
	"reason" text,
	"run_id" uuid,
	"lease_until" timestamp (3) with time zone,
	"takeovers" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "redrives_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "redrives_status" CHECK ("redrives"."status" in ('waiting', 'running', 'done', 'failed')),
	CONSTRAINT "redrives_ended" CHECK (("redrives"."status" in ('done', 'failed')) = ("redrives"."ended_at" is not null)),
	CONSTRAINT "redrives_reason" CHECK (("redrives"."status" = 'failed') = ("redrives"."reason" is not null)),
	CONSTRAINT "redrives_run" CHECK (("redrives"."status" = 'running') = ("redrives"."run_id" is not null))
);
--> statement-breakpoint
ALTER TABLE "redrives" ADD CONSTRAINT "redrives_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "space_events_by_time" ON "space_events" USING btree ("space_id","recorded_at","position");--> statement-breakpoint
CREATE INDEX "redrives_open" ON "redrives" USING btree ("requested_at") WHERE "redrives"."status" in ('waiting', 'running');--> statement-breakpoint
CREATE UNIQUE INDEX "redrives_one_runs" ON "redrives" USING btree ("tenant_id") WHERE "redrives"."status" = 'running';
--> statement-breakpoint
-- ---------------------------------------------------------------------------------------------------------
-- By hand from here on.
-- ---------------------------------------------------------------------------------------------------------
ALTER TABLE "redrives" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "redrives" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY one_tenant ON "redrives" TO baywire_api USING (tenant_id = (SELECT app_tenant())) WITH CHECK (tenant_id = (SELECT app_tenant()));
--> statement-breakpoint
CREATE POLICY all_tenants ON "redrives" TO baywire_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY erasure ON "redrives" TO CURRENT_USER USING (tenant_id = (SELECT app_erased())) WITH CHECK (tenant_id = (SELECT app_erased()));
--> statement-breakpoint
-- The API asks, and asks for an end; how it goes on is written by whoever does it.
GRANT SELECT, INSERT ("tenant_id", "id", "filter", "execute", "force", "expected_letters", "requested_by"), UPDATE ("cancel_requested_at")
  ON "redrives" TO baywire_api;
--> statement-breakpoint
GRANT SELECT, DELETE, UPDATE ("status", "started_at", "ended_at", "letters_total", "letters_done", "report", "position", "reason", "run_id", "lease_until", "takeovers")
  ON "redrives" TO baywire_ingest;
--> statement-breakpoint
-- One that nobody has begun needs nobody to end it.
CREATE FUNCTION "cancel_waiting_redrive"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  NEW.status := 'failed';
  NEW.reason := 'cancelled';
  NEW.ended_at := NEW.cancel_requested_at;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER redrives_cancelled BEFORE UPDATE OF "cancel_requested_at" ON "redrives"
  FOR EACH ROW WHEN (NEW.cancel_requested_at IS NOT NULL AND OLD.status = 'waiting') EXECUTE FUNCTION cancel_waiting_redrive();
--> statement-breakpoint
-- With the table of this migration. Takes away all rows of the transaction's own tenant, and says how many of which table.
-- What stays, and in which order the locks are taken: as before.
CREATE OR REPLACE FUNCTION "erase_tenant"("erased" uuid) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
  -- Whatever refers to another table stands before it.
  erasable text[] := ARRAY[
    'reservations', 'event_cursors', 'spent_tickets', 'redrives', 'redrive_attempts', 'readings', 'space_inputs', 'space_checkpoints', 'parking_sessions', 'space_events',
    'space_states', 'event_heads', 'ledger_entries', 'ledger_days', 'overrides', 'orphan_devices', 'device_assignments',
    'devices', 'gateways', 'credentials', 'spaces', 'zones', 'sites', 'policies', 'idempotency_keys', 'memberships',
    'api_keys', 'invites'];
  kept text[] := ARRAY['audit_log', 'audit_heads', 'sessions', 'published_topics'];
  table_name text;
  gone bigint;
  counts jsonb := '{}';
BEGIN
  IF erased IS DISTINCT FROM public.app_tenant() THEN
    RAISE EXCEPTION 'a tenant is erased in a transaction of its own' USING ERRCODE = '42501';
  END IF;
  SELECT c.relname INTO table_name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND NOT a.attisdropped AND c.relname <> ALL (erasable || kept);
  IF FOUND THEN
    RAISE EXCEPTION 'erase_tenant does not know the table %', table_name;
  END IF;
  PERFORM set_config('app.erased', erased::text, true);
  PERFORM FROM public.devices WHERE tenant_id = erased ORDER BY id FOR UPDATE;
  PERFORM FROM public.spaces WHERE tenant_id = erased ORDER BY id FOR UPDATE;
  PERFORM FROM public.space_states WHERE tenant_id = erased ORDER BY space_id FOR UPDATE;
  PERFORM FROM public.reservations WHERE tenant_id = erased ORDER BY id FOR UPDATE;
  PERFORM FROM public.orphan_devices WHERE tenant_id = erased ORDER BY device FOR UPDATE;
  PERFORM FROM public.tenants WHERE id = erased FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no such tenant' USING ERRCODE = '02000';
  END IF;
  PERFORM FROM public.ledger_entries WHERE tenant_id = erased ORDER BY minute, writer FOR UPDATE;
  PERFORM FROM public.event_heads WHERE tenant_id = erased FOR UPDATE;
  FOREACH table_name IN ARRAY erasable LOOP
    EXECUTE format('DELETE FROM public.%I WHERE tenant_id = $1', table_name) USING erased;
    GET DIAGNOSTICS gone = ROW_COUNT;
    counts := counts || jsonb_build_object(table_name, gone);
  END LOOP;
  UPDATE public.sessions SET tenant_id = NULL WHERE tenant_id = erased;
  DELETE FROM public.tenants WHERE id = erased;
  PERFORM set_config('app.erased', '', true);
  RETURN counts;
END $$;
