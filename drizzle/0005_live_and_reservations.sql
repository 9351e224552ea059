CREATE TABLE "event_cursors" (
	"tenant_id" uuid NOT NULL,
	"follower" text NOT NULL,
	"position" bigint NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "event_cursors_tenant_id_follower_pk" PRIMARY KEY("tenant_id","follower")
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reservations" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"holder_kind" text NOT NULL,
	"holder_id" uuid NOT NULL,
	"vehicle" text,
	"features" text[] DEFAULT '{}' NOT NULL,
	"state" text NOT NULL,
	"starts_at" timestamp (3) with time zone NOT NULL,
	"ends_at" timestamp (3) with time zone NOT NULL,
	"hold_expires_at" timestamp (3) with time zone,
	"checked_in_at" timestamp (3) with time zone,
	"checked_out_at" timestamp (3) with time zone,
	"contested_at" timestamp (3) with time zone,
	"overstayed_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"next_due_at" timestamp (3) with time zone,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "reservations_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "reservations_holder" CHECK ("reservations"."holder_kind" in ('user', 'api_key')),
	CONSTRAINT "reservations_state" CHECK ("reservations"."state" in ('pending', 'confirmed', 'active', 'completed', 'cancelled', 'expired', 'no_show')),
	CONSTRAINT "reservations_in_order" CHECK ("reservations"."starts_at" < "reservations"."ends_at"),
	CONSTRAINT "reservations_hold" CHECK (("reservations"."state" <> 'pending') or "reservations"."hold_expires_at" is not null),
	CONSTRAINT "reservations_ended" CHECK (("reservations"."state" in ('completed', 'cancelled', 'expired', 'no_show')) = ("reservations"."ended_at" is not null))
);
--> statement-breakpoint
ALTER TABLE "event_heads" ADD COLUMN "dropped_until" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "places_version" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "event_cursors" ADD CONSTRAINT "event_cursors_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reservations" ADD CONSTRAINT "reservations_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reservations" ADD CONSTRAINT "reservations_tenant_id_space_id_spaces_tenant_id_id_fk" FOREIGN KEY ("tenant_id","space_id") REFERENCES "public"."spaces"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "reservations_of_a_space" ON "reservations" USING btree ("tenant_id","space_id","starts_at");--> statement-breakpoint
CREATE INDEX "reservations_of_a_holder" ON "reservations" USING btree ("tenant_id","holder_id","id");--> statement-breakpoint
CREATE INDEX "reservations_due" ON "reservations" USING btree ("next_due_at") WHERE "reservations"."next_due_at" is not null;
--> statement-breakpoint
-- ---------------------------------------------------------------------------------------------------------
-- By hand from here on.
-- ---------------------------------------------------------------------------------------------------------
-- For equal spaces within an exclusion constraint. A trusted extension: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS btree_gist;
--> statement-breakpoint
ALTER TABLE "reservations" ADD CONSTRAINT "reservations_never_overlap"
  EXCLUDE USING gist (space_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&)
  WHERE (state IN ('pending', 'confirmed', 'active'));
--> statement-breakpoint
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['reservations', 'event_cursors', 'leases'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY all_tenants ON %I TO baywire_ingest USING (true) WITH CHECK (true)', table_name);
  END LOOP;
  FOREACH table_name IN ARRAY ARRAY['reservations', 'event_cursors'] LOOP
    EXECUTE format('CREATE POLICY one_tenant ON %I TO baywire_api USING (tenant_id = (SELECT app_tenant())) WITH CHECK (tenant_id = (SELECT app_tenant()))', table_name);
    EXECUTE format('CREATE POLICY erasure ON %I TO CURRENT_USER USING (tenant_id = (SELECT app_erased())) WITH CHECK (tenant_id = (SELECT app_erased()))', table_name);
  END LOOP;
END $$;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "reservations" TO baywire_api, baywire_ingest;
--> statement-breakpoint
GRANT SELECT ON "event_cursors" TO baywire_api;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "event_cursors" TO baywire_ingest;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "leases" TO baywire_ingest;
--> statement-breakpoint
CREATE POLICY all_may_read ON "leases" FOR SELECT TO baywire_api USING (true);
--> statement-breakpoint
GRANT SELECT ON "leases" TO baywire_api;
--> statement-breakpoint
-- Those who keep sites, zones and spaces in memory are told that what they have is old: by the number, and by the call that
-- wakes followers of the tenant's events.
CREATE FUNCTION "raise_places_version"() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public
AS $$
BEGIN
  UPDATE public.tenants SET places_version = places_version + 1
  WHERE id IN (SELECT DISTINCT tenant_id FROM changed);
  PERFORM pg_notify('baywire_events', tenant_id::text) FROM (SELECT DISTINCT tenant_id FROM changed) AS of_tenant;
  RETURN NULL;
END $$;
--> statement-breakpoint
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['sites', 'zones', 'spaces'] LOOP
    EXECUTE format('CREATE TRIGGER places_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_places_version()', table_name);
    EXECUTE format('CREATE TRIGGER places_update AFTER UPDATE ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_places_version()', table_name);
    EXECUTE format('CREATE TRIGGER places_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_places_version()', table_name);
  END LOOP;
END $$;
--> statement-breakpoint
-- With the tables of this migration. Takes away all rows of the transaction's own tenant, and says how many of which table.
-- What stays: its audit log, and its people. Nobody adds to it meanwhile: the locks are taken in the order of the writers (devices, spaces, ledger, events),
-- and behind that of the tenant no row is made that names it; a batch of readings always writes to the ledger too.
CREATE OR REPLACE FUNCTION "erase_tenant"("erased" uuid) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
  -- Whatever refers to another table stands before it.
  erasable text[] := ARRAY[
    'reservations', 'event_cursors', 'redrive_attempts', 'readings', 'space_inputs', 'space_checkpoints', 'parking_sessions', 'space_events',
    'space_states', 'event_heads', 'ledger_entries', 'ledger_days', 'overrides', 'orphan_devices', 'device_assignments',
    'devices', 'gateways', 'credentials', 'spaces', 'zones', 'sites', 'policies', 'idempotency_keys', 'memberships',
    'api_keys', 'invites'];
  kept text[] := ARRAY['audit_log', 'audit_heads', 'sessions'];
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
--> statement-breakpoint
-- What is booked at a space, whatever was booked there before. Row level security lets no condition on ranges reach the index
-- of the constraint.
CREATE INDEX "reservations_live" ON "reservations" USING btree ("tenant_id","space_id","starts_at") WHERE "reservations"."state" in ('pending', 'confirmed', 'active');
--> statement-breakpoint
-- What the calendar remembers of the evidence that it has applied to a reservation.
ALTER TABLE "reservations" ADD COLUMN "arrived_at" timestamp (3) with time zone;
--> statement-breakpoint
ALTER TABLE "reservations" ADD COLUMN "evidence_seq" bigint;
--> statement-breakpoint
CREATE INDEX "reservations_watched" ON "reservations" USING btree ("tenant_id","space_id") WHERE "reservations"."evidence_seq" is not null and "reservations"."state" in ('confirmed', 'active');
--> statement-breakpoint
-- Moved to another space, it has nothing to do with who came to either of them before. The mover holds the lock of both spaces.
CREATE FUNCTION "watch_the_other_space"() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public
AS $$
BEGIN
  NEW.arrived_at := NULL;
  -- Whoever is not near yet is watched for when it is.
  IF OLD.evidence_seq IS NOT NULL THEN
    NEW.evidence_seq := (
      SELECT input_seq FROM public.space_states WHERE tenant_id = NEW.tenant_id AND space_id = NEW.space_id);
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER reservations_moved BEFORE UPDATE OF space_id ON "reservations"
  FOR EACH ROW WHEN (OLD.space_id IS DISTINCT FROM NEW.space_id) EXECUTE FUNCTION watch_the_other_space();
