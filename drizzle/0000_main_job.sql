-- Generated from src/store/schema by drizzle-kit, then edited by hand: "readings" is partitioned, "space_states"
-- leaves room for updates in place, and all that follows "Edited by hand" below cannot be said in the schema files.
CREATE EXTENSION IF NOT EXISTS btree_gist;
--> statement-breakpoint
CREATE TABLE "credentials" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"kind" text NOT NULL,
	"code" text NOT NULL,
	"verifier" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "credentials_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "credentials_kind" CHECK ("credentials"."kind" in ('devices', 'gateways', 'apps'))
);
--> statement-breakpoint
CREATE TABLE "device_assignments" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"device_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"assigned_at" timestamp (3) with time zone NOT NULL,
	"unassigned_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "device_assignments_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "device_assignments_in_order" CHECK ("device_assignments"."unassigned_at" is null or "device_assignments"."assigned_at" <= "device_assignments"."unassigned_at")
);
--> statement-breakpoint
CREATE TABLE "devices" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"code" text NOT NULL,
	"presence" text,
	"presence_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "devices_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "devices_tenant_id_code_unique" UNIQUE("tenant_id","code"),
	CONSTRAINT "devices_code" CHECK ("devices"."code" ~ '^[A-Za-z0-9._~-]{1,64}$')
);
--> statement-breakpoint
CREATE TABLE "gateways" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"code" text NOT NULL,
	"presence" text,
	"presence_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "gateways_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "gateways_tenant_id_code_unique" UNIQUE("tenant_id","code"),
	CONSTRAINT "gateways_code" CHECK ("gateways"."code" ~ '^[A-Za-z0-9._~-]{1,64}$')
);
--> statement-breakpoint
CREATE TABLE "orphan_devices" (
	"tenant_id" uuid NOT NULL,
	"device" text NOT NULL,
	"first_heard_at" timestamp (3) with time zone NOT NULL,
	"last_heard_at" timestamp (3) with time zone NOT NULL,
	"heard" bigint NOT NULL,
	"sample_topic" text NOT NULL,
	"sample_payload" "bytea" NOT NULL,
	CONSTRAINT "orphan_devices_tenant_id_device_pk" PRIMARY KEY("tenant_id","device")
);
--> statement-breakpoint
CREATE TABLE "ledger_entries" (
	"tenant_id" uuid NOT NULL,
	"minute" timestamp (3) with time zone NOT NULL,
	"writer" text NOT NULL,
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
	CONSTRAINT "ledger_entries_tenant_id_minute_writer_pk" PRIMARY KEY("tenant_id","minute","writer"),
	CONSTRAINT "ledger_entries_balance" CHECK (received = applied + unchanged + debouncing + duplicate + late + retained + unassigned + unknown_device + malformed)
);
--> statement-breakpoint
CREATE TABLE "readings" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"part" integer DEFAULT 0 NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"observed_at" timestamp (3) with time zone,
	"device" text,
	"device_id" uuid,
	"session" text,
	"counter" bigint,
	"identity" bigint,
	"content" bigint,
	"occupied" boolean,
	"clock" text,
	"topic" text NOT NULL,
	"payload" "bytea",
	"delivery" text,
	"outcome" text NOT NULL,
	"reason" text,
	"space_id" uuid,
	"input_seq" bigint,
	"policy_version" integer,
	"rules_version" smallint
) PARTITION BY RANGE ("received_at");
--> statement-breakpoint
CREATE TABLE "space_checkpoints" (
	"tenant_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"input_seq" bigint NOT NULL,
	"rules_version" smallint NOT NULL,
	"state" json NOT NULL,
	"recorded_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "space_checkpoints_tenant_id_space_id_input_seq_pk" PRIMARY KEY("tenant_id","space_id","input_seq")
);
--> statement-breakpoint
CREATE TABLE "space_inputs" (
	"tenant_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"input_seq" bigint NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"input" json NOT NULL,
	"policy_version" integer NOT NULL,
	"rules_version" smallint NOT NULL,
	"recorded_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "space_inputs_tenant_id_space_id_input_seq_pk" PRIMARY KEY("tenant_id","space_id","input_seq")
);
--> statement-breakpoint
CREATE TABLE "sites" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"code" text NOT NULL,
	"name" text NOT NULL,
	"lat" double precision,
	"lon" double precision,
	"timezone" text DEFAULT 'UTC' NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "sites_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "sites_tenant_id_code_unique" UNIQUE("tenant_id","code"),
	CONSTRAINT "sites_code" CHECK ("sites"."code" ~ '^[A-Za-z0-9._~-]{1,64}$')
);
--> statement-breakpoint
CREATE TABLE "spaces" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"site_id" uuid NOT NULL,
	"zone_id" uuid,
	"code" text NOT NULL,
	"name" text NOT NULL,
	"level" text,
	"lat" double precision,
	"lon" double precision,
	"plan_x" double precision,
	"plan_y" double precision,
	"features" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "spaces_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "spaces_tenant_id_site_id_code_unique" UNIQUE("tenant_id","site_id","code"),
	CONSTRAINT "spaces_code" CHECK ("spaces"."code" ~ '^[A-Za-z0-9._~-]{1,64}$')
);
--> statement-breakpoint
CREATE TABLE "zones" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"site_id" uuid NOT NULL,
	"code" text NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "zones_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "zones_tenant_id_site_id_code_unique" UNIQUE("tenant_id","site_id","code"),
	CONSTRAINT "zones_tenant_id_site_id_id_unique" UNIQUE("tenant_id","site_id","id"),
	CONSTRAINT "zones_code" CHECK ("zones"."code" ~ '^[A-Za-z0-9._~-]{1,64}$')
);
--> statement-breakpoint
CREATE TABLE "event_heads" (
	"tenant_id" uuid PRIMARY KEY NOT NULL,
	"position" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "parking_sessions" (
	"tenant_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"uncertain" boolean NOT NULL,
	CONSTRAINT "parking_sessions_tenant_id_space_id_started_at_pk" PRIMARY KEY("tenant_id","space_id","started_at"),
	CONSTRAINT "parking_sessions_in_order" CHECK ("parking_sessions"."ended_at" is null or "parking_sessions"."started_at" <= "parking_sessions"."ended_at")
);
--> statement-breakpoint
CREATE TABLE "space_events" (
	"tenant_id" uuid NOT NULL,
	"position" bigint NOT NULL,
	"space_id" uuid NOT NULL,
	"input_seq" bigint NOT NULL,
	"ordinal" smallint NOT NULL,
	"event_time" timestamp (3) with time zone NOT NULL,
	"recorded_at" timestamp (3) with time zone NOT NULL,
	"kind" text NOT NULL,
	"cause" json NOT NULL,
	"rule" text NOT NULL,
	"state" json NOT NULL,
	CONSTRAINT "space_events_tenant_id_position_pk" PRIMARY KEY("tenant_id","position")
);
--> statement-breakpoint
CREATE TABLE "space_states" (
	"tenant_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"status" text NOT NULL,
	"occupancy" text NOT NULL,
	"reservation" text NOT NULL,
	"override" text NOT NULL,
	"stale" boolean NOT NULL,
	"since" timestamp (3) with time zone,
	"observed_at" timestamp (3) with time zone,
	"input_seq" bigint NOT NULL,
	"version" bigint NOT NULL,
	"session_started_at" timestamp (3) with time zone,
	"next_deadline_at" timestamp (3) with time zone,
	"state" json NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "space_states_tenant_id_space_id_pk" PRIMARY KEY("tenant_id","space_id")
) WITH (fillfactor = 60);
--> statement-breakpoint
CREATE TABLE "policies" (
	"tenant_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"scope" text NOT NULL,
	"scope_id" uuid,
	"fields" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "policies_tenant_id_version_pk" PRIMARY KEY("tenant_id","version"),
	CONSTRAINT "policies_scope" CHECK ("policies"."scope" in ('tenant', 'site', 'space') and ("policies"."scope" = 'tenant') = ("policies"."scope_id" is null))
);
--> statement-breakpoint
CREATE TABLE "tenants" (
	"id" uuid PRIMARY KEY NOT NULL,
	"slug" text NOT NULL,
	"name" text NOT NULL,
	"public" boolean DEFAULT false NOT NULL,
	"policy_version" integer DEFAULT 0 NOT NULL,
	"directory_version" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tenants_slug_unique" UNIQUE("slug"),
	CONSTRAINT "tenants_slug_is_a_code" CHECK ("tenants"."slug" ~ '^[A-Za-z0-9._~-]{1,64}$')
);
--> statement-breakpoint
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_assignments" ADD CONSTRAINT "device_assignments_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_assignments" ADD CONSTRAINT "device_assignments_tenant_id_device_id_devices_tenant_id_id_fk" FOREIGN KEY ("tenant_id","device_id") REFERENCES "public"."devices"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_assignments" ADD CONSTRAINT "device_assignments_tenant_id_space_id_spaces_tenant_id_id_fk" FOREIGN KEY ("tenant_id","space_id") REFERENCES "public"."spaces"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "devices" ADD CONSTRAINT "devices_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "gateways" ADD CONSTRAINT "gateways_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "orphan_devices" ADD CONSTRAINT "orphan_devices_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_entries" ADD CONSTRAINT "ledger_entries_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "space_checkpoints" ADD CONSTRAINT "space_checkpoints_tenant_id_space_id_spaces_tenant_id_id_fk" FOREIGN KEY ("tenant_id","space_id") REFERENCES "public"."spaces"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "space_inputs" ADD CONSTRAINT "space_inputs_tenant_id_space_id_spaces_tenant_id_id_fk" FOREIGN KEY ("tenant_id","space_id") REFERENCES "public"."spaces"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sites" ADD CONSTRAINT "sites_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "spaces" ADD CONSTRAINT "spaces_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "spaces" ADD CONSTRAINT "spaces_tenant_id_site_id_sites_tenant_id_id_fk" FOREIGN KEY ("tenant_id","site_id") REFERENCES "public"."sites"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "spaces" ADD CONSTRAINT "spaces_tenant_id_site_id_zone_id_zones_tenant_id_site_id_id_fk" FOREIGN KEY ("tenant_id","site_id","zone_id") REFERENCES "public"."zones"("tenant_id","site_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "zones" ADD CONSTRAINT "zones_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "zones" ADD CONSTRAINT "zones_tenant_id_site_id_sites_tenant_id_id_fk" FOREIGN KEY ("tenant_id","site_id") REFERENCES "public"."sites"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "event_heads" ADD CONSTRAINT "event_heads_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "space_states" ADD CONSTRAINT "space_states_tenant_id_space_id_spaces_tenant_id_id_fk" FOREIGN KEY ("tenant_id","space_id") REFERENCES "public"."spaces"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "policies" ADD CONSTRAINT "policies_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "credentials_one_in_force" ON "credentials" USING btree ("tenant_id","kind","code") WHERE "credentials"."revoked_at" is null;--> statement-breakpoint
CREATE INDEX "device_assignments_tenant_id_device_id_index" ON "device_assignments" USING btree ("tenant_id","device_id");--> statement-breakpoint
CREATE INDEX "device_assignments_tenant_id_space_id_index" ON "device_assignments" USING btree ("tenant_id","space_id");--> statement-breakpoint
CREATE INDEX "readings_arrival" ON "readings" USING brin ("received_at") WITH (pages_per_range = 32, autosummarize = on);--> statement-breakpoint
CREATE INDEX "readings_identity" ON "readings" USING btree ("device_id","identity");--> statement-breakpoint
CREATE INDEX "space_events_of_a_space" ON "space_events" USING btree ("space_id","input_seq");
--> statement-breakpoint
-- ---------------------------------------------------------------------------------------------------------
-- Edited by hand
-- ---------------------------------------------------------------------------------------------------------
-- A device stands at one space at a time. (As text, or the planner would prefer this index to look a device up by.)
ALTER TABLE "device_assignments" ADD CONSTRAINT "device_assignments_one_space_at_a_time"
  EXCLUDE USING gist (("tenant_id"::text || "device_id"::text) WITH =, tstzrange("assigned_at", "unassigned_at") WITH &&);
--> statement-breakpoint
-- Roles belong to the whole server, not to this database: another Baywire database may have made them.
DO $$
DECLARE role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['baywire_api', 'baywire_ingest'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', role_name);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role_name);
  END LOOP;
END $$;
--> statement-breakpoint
-- The tenant of this transaction; null, and so no rows, where none was set (a reset setting reads as '').
CREATE FUNCTION "app_tenant"() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog
  AS $$ SELECT nullif(current_setting('app.tenant', true), '')::uuid $$;
--> statement-breakpoint
-- Row level security on every tenant's table, forced: the owner too sees nothing without a policy of its own.
-- baywire_api sees the one tenant of its transaction, baywire_ingest sees all of them.
DO $$
DECLARE
  table_name text;
  key text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY[
    'tenants', 'policies', 'sites', 'zones', 'spaces', 'devices', 'gateways', 'device_assignments', 'credentials',
    'orphan_devices', 'readings', 'space_inputs', 'ledger_entries', 'space_checkpoints', 'space_states',
    'event_heads', 'space_events', 'parking_sessions'
  ] LOOP
    key := CASE table_name WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END;
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY one_tenant ON %I TO baywire_api USING (%I = (SELECT app_tenant())) WITH CHECK (%I = (SELECT app_tenant()))',
      table_name, key, key);
    EXECUTE format('CREATE POLICY all_tenants ON %I TO baywire_ingest USING (true) WITH CHECK (true)', table_name);
  END LOOP;
END $$;
--> statement-breakpoint
-- What the api role may do: administer places, devices and policies, and read what ingest wrote.
GRANT SELECT, INSERT, UPDATE ON "tenants", "policies" TO baywire_api;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "sites", "zones", "devices", "gateways",
  "credentials", "orphan_devices", "space_states", "parking_sessions" TO baywire_api;
--> statement-breakpoint
-- A space stays at its site: policies of a site hold for it, and ingest remembers where it is.
GRANT SELECT, INSERT, DELETE, UPDATE ("zone_id", "code", "name", "level", "lat", "lon", "plan_x", "plan_y", "features")
  ON "spaces" TO baywire_api;
--> statement-breakpoint
-- Where a device stood is history: an assignment is ended, at its own beginning if it was a mistake, and never taken away.
GRANT SELECT, INSERT, UPDATE ("unassigned_at") ON "device_assignments" TO baywire_api;
--> statement-breakpoint
GRANT SELECT, INSERT ON "space_inputs", "space_events", "space_checkpoints" TO baywire_api;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "event_heads" TO baywire_api;
--> statement-breakpoint
GRANT SELECT ON "readings", "ledger_entries" TO baywire_api;
--> statement-breakpoint
-- What the ingest role may do: resolve, step and log. It names no table of users, and it deletes only what it
-- projects anew.
GRANT SELECT ON "tenants", "policies", "sites", "zones", "spaces", "device_assignments", "credentials" TO baywire_ingest;
--> statement-breakpoint
GRANT SELECT, UPDATE ON "devices", "gateways" TO baywire_ingest;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "orphan_devices", "ledger_entries", "space_states", "event_heads" TO baywire_ingest;
--> statement-breakpoint
GRANT SELECT, INSERT ON "readings", "space_inputs", "space_events", "space_checkpoints" TO baywire_ingest;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "parking_sessions" TO baywire_ingest;
--> statement-breakpoint
-- The books as operators read them, with the rights of whoever asks.
CREATE VIEW "ledger" WITH (security_invoker = true) AS
  SELECT tenant_id, minute,
    sum(received)::bigint AS received, sum(applied)::bigint AS applied, sum(unchanged)::bigint AS unchanged,
    sum(debouncing)::bigint AS debouncing, sum(duplicate)::bigint AS duplicate, sum(late)::bigint AS late,
    sum(retained)::bigint AS retained, sum(unassigned)::bigint AS unassigned,
    sum(unknown_device)::bigint AS unknown_device, sum(malformed)::bigint AS malformed
  FROM ledger_entries GROUP BY tenant_id, minute;
--> statement-breakpoint
GRANT SELECT ON "ledger" TO baywire_api, baywire_ingest;
--> statement-breakpoint
-- Ingest remembers devices and where they stood; this tells it that what it remembers is old.
CREATE FUNCTION "raise_directory_version"() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public
AS $$
BEGIN
  UPDATE public.tenants SET directory_version = directory_version + 1
  WHERE id IN (SELECT DISTINCT tenant_id FROM changed);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "directory_insert" AFTER INSERT ON "devices" REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();
--> statement-breakpoint
CREATE TRIGGER "directory_delete" AFTER DELETE ON "devices" REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();
--> statement-breakpoint
CREATE TRIGGER "directory_insert" AFTER INSERT ON "device_assignments" REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();
--> statement-breakpoint
CREATE TRIGGER "directory_update" AFTER UPDATE ON "device_assignments" REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();
--> statement-breakpoint
CREATE TRIGGER "directory_delete" AFTER DELETE ON "device_assignments" REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION raise_directory_version();
--> statement-breakpoint
-- A device's presence changes often, and its code, which ingest knows it by, never: see the trigger below.
CREATE FUNCTION "refuse_new_code"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the code of a device does not change: make another device' USING ERRCODE = '23514';
END $$;
--> statement-breakpoint
CREATE TRIGGER "code_stays" BEFORE UPDATE ON "devices" FOR EACH ROW
  WHEN (old.code IS DISTINCT FROM new.code OR old.tenant_id IS DISTINCT FROM new.tenant_id)
  EXECUTE FUNCTION refuse_new_code();
--> statement-breakpoint
-- Partitions of the raw log, by day of arrival in UTC, made ahead. Making one that exists is no work and no lock.
-- It runs as the owner, since only an owner can add a partition: this is all of the owner's rights that ingest gets.
CREATE FUNCTION "make_reading_partitions"("first_day" date, "days" integer) RETURNS integer
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
    EXECUTE format('CREATE TABLE public.%I PARTITION OF public.readings FOR VALUES FROM (%L) TO (%L)',
      partition_name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition_name);
    EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition_name);
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "make_reading_partitions"(date, integer) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION "make_reading_partitions"(date, integer) TO baywire_ingest;
--> statement-breakpoint
-- A tenant by its slug, for whoever has no tenant yet: a public URL names it so. The owner needs a policy of its
-- own for this one table, because row level security is forced on owners too.
CREATE POLICY the_owner ON "tenants" FOR SELECT TO CURRENT_USER USING (true);
--> statement-breakpoint
CREATE FUNCTION "tenant_by_slug"("wanted" text) RETURNS TABLE ("tenant_id" uuid, "public" boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
  AS $$ SELECT t.id, t.public FROM public.tenants t WHERE t.slug = wanted $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "tenant_by_slug"(text) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION "tenant_by_slug"(text) TO baywire_api;
