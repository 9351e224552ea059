-- Generated from src/store/schema by drizzle-kit; all that follows "Edited by hand" below cannot be said in the schema files.
CREATE TABLE "codes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"purpose" text NOT NULL,
	"address" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"tries" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "guesses" (
	"subject" text NOT NULL,
	"mechanism" text NOT NULL,
	"failures" integer NOT NULL,
	"consecutive" integer NOT NULL,
	"window_started_at" timestamp (3) with time zone NOT NULL,
	"locked_until" timestamp (3) with time zone,
	CONSTRAINT "guesses_subject_mechanism_pk" PRIMARY KEY("subject","mechanism")
);
--> statement-breakpoint
CREATE TABLE "passwords" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"hash" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"replaced_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"points" integer DEFAULT 0 NOT NULL,
	"expire" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"tenant_id" uuid,
	"refresh_hash" "bytea" NOT NULL,
	"previous_hash" "bytea",
	"successor_sealed" "bytea",
	"rotated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"device" text NOT NULL,
	"address_area" text NOT NULL,
	"remember" boolean NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"idle_expires_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"ended_because" text,
	CONSTRAINT "sessions_ended" CHECK (("sessions"."ended_at" is null) = ("sessions"."ended_because" is null))
);
--> statement-breakpoint
CREATE TABLE "signing_keys" (
	"kid" text PRIMARY KEY NOT NULL,
	"public_jwk" jsonb NOT NULL,
	"private_sealed" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"signs_from" timestamp (3) with time zone NOT NULL,
	"retired_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "spent_tokens" (
	"token_hash" "bytea" PRIMARY KEY NOT NULL,
	"session_id" uuid NOT NULL,
	"spent_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"name" text NOT NULL,
	"email_verified_at" timestamp (3) with time zone,
	"disabled_at" timestamp (3) with time zone,
	"platform_administrator" boolean DEFAULT false NOT NULL,
	"must_change_password" boolean DEFAULT false NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_email_unique" UNIQUE("email"),
	CONSTRAINT "users_email" CHECK (length("users"."email") between 3 and 254 and position('@' in "users"."email") > 1)
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"key_hash" "bytea" NOT NULL,
	"scopes" text[] NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	"revision" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "api_keys_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "audit_heads" (
	"tenant_id" uuid PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL,
	"hash" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_log" (
	"tenant_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_id" text NOT NULL,
	"action" text NOT NULL,
	"target_kind" text NOT NULL,
	"target_id" text NOT NULL,
	"detail" jsonb NOT NULL,
	"request_id" text,
	"previous_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "audit_log_tenant_id_seq_pk" PRIMARY KEY("tenant_id","seq")
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"tenant_id" uuid NOT NULL,
	"principal" text NOT NULL,
	"method" text NOT NULL,
	"route" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"lease_until" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"status" integer,
	"headers" jsonb,
	"body" "bytea",
	CONSTRAINT "idempotency_keys_tenant_id_principal_method_route_key_pk" PRIMARY KEY("tenant_id","principal","method","route","key")
);
--> statement-breakpoint
CREATE TABLE "invites" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"email" text NOT NULL,
	"role" text NOT NULL,
	"token_hash" "bytea" NOT NULL,
	"invited_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"accepted_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "invites_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "invites_role" CHECK ("invites"."role" in ('owner', 'admin', 'operator', 'viewer', 'driver'))
);
--> statement-breakpoint
CREATE TABLE "memberships" (
	"tenant_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"role" text NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "memberships_tenant_id_user_id_pk" PRIMARY KEY("tenant_id","user_id"),
	CONSTRAINT "memberships_role" CHECK ("memberships"."role" in ('owner', 'admin', 'operator', 'viewer', 'driver'))
);
--> statement-breakpoint
CREATE TABLE "overrides" (
	"tenant_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"reason" text,
	"starts_at" timestamp (3) with time zone NOT NULL,
	"ends_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "overrides_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "overrides_kind" CHECK ("overrides"."kind" in ('blocked', 'out_of_service')),
	CONSTRAINT "overrides_in_order" CHECK ("overrides"."ends_at" is null or "overrides"."starts_at" < "overrides"."ends_at")
);
--> statement-breakpoint
ALTER TABLE "devices" ADD COLUMN "name" text;--> statement-breakpoint
ALTER TABLE "devices" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "devices" ADD COLUMN "archived_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "devices" DROP CONSTRAINT "devices_tenant_id_code_unique";--> statement-breakpoint
ALTER TABLE "gateways" ADD COLUMN "name" text;--> statement-breakpoint
ALTER TABLE "gateways" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "orphan_devices" ADD COLUMN "ignored_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "sites" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "spaces" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "zones" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "suspended_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "password_rules" jsonb;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "codes" ADD CONSTRAINT "codes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "passwords" ADD CONSTRAINT "passwords_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "spent_tokens" ADD CONSTRAINT "spent_tokens_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "invites" ADD CONSTRAINT "invites_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "overrides" ADD CONSTRAINT "overrides_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "overrides" ADD CONSTRAINT "overrides_tenant_id_space_id_spaces_tenant_id_id_fk" FOREIGN KEY ("tenant_id","space_id") REFERENCES "public"."spaces"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "devices_one_of_a_code" ON "devices" USING btree ("tenant_id","code") WHERE "devices"."archived_at" is null;--> statement-breakpoint
CREATE INDEX "codes_of_a_user" ON "codes" USING btree ("user_id","purpose");--> statement-breakpoint
CREATE UNIQUE INDEX "passwords_one_in_force" ON "passwords" USING btree ("user_id") WHERE "passwords"."replaced_at" is null;--> statement-breakpoint
CREATE INDEX "passwords_of_a_user" ON "passwords" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_refresh" ON "sessions" USING btree ("refresh_hash");--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_previous" ON "sessions" USING btree ("previous_hash");--> statement-breakpoint
CREATE INDEX "sessions_of_a_user" ON "sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "signing_keys_in_use" ON "signing_keys" USING btree ("signs_from");--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_key" ON "api_keys" USING btree ("key_hash");--> statement-breakpoint
CREATE INDEX "audit_log_by_target" ON "audit_log" USING btree ("tenant_id","target_kind","target_id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_by_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "invites_token" ON "invites" USING btree ("token_hash");--> statement-breakpoint
CREATE UNIQUE INDEX "invites_one_open" ON "invites" USING btree ("tenant_id","email") WHERE "invites"."accepted_at" is null and "invites"."revoked_at" is null;--> statement-breakpoint
CREATE INDEX "memberships_of_a_user" ON "memberships" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "overrides_one_in_force" ON "overrides" USING btree ("tenant_id","space_id") WHERE "overrides"."ended_at" is null;
--> statement-breakpoint
-- ---------------------------------------------------------------------------------------------------------
-- Edited by hand
-- ---------------------------------------------------------------------------------------------------------
-- Which door a transaction came through, beside its tenant: 'accounts' shows people, their logins and where they belong.
CREATE FUNCTION "app_door"() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog
  AS $$ SELECT current_setting('app.door', true) $$;
--> statement-breakpoint
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['memberships', 'invites', 'api_keys', 'overrides', 'audit_log', 'audit_heads', 'idempotency_keys'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY one_tenant ON %I TO baywire_api USING (tenant_id = (SELECT app_tenant())) WITH CHECK (tenant_id = (SELECT app_tenant()))', table_name);
  END LOOP;
  FOREACH table_name IN ARRAY ARRAY['users', 'passwords', 'sessions', 'spent_tokens', 'codes', 'guesses', 'signing_keys', 'rate_limits'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY accounts_door ON %I TO baywire_api USING ((SELECT app_door()) = ''accounts'') WITH CHECK ((SELECT app_door()) = ''accounts'')', table_name);
  END LOOP;
  -- Who logs in, is invited or brings a key does not know a tenant yet.
  FOREACH table_name IN ARRAY ARRAY['tenants', 'memberships', 'invites', 'api_keys'] LOOP
    EXECUTE format('CREATE POLICY through_the_door ON %I FOR SELECT TO baywire_api USING ((SELECT app_door()) = ''accounts'')', table_name);
  END LOOP;
END $$;
--> statement-breakpoint
-- A tenant sees the names and addresses of its own members.
CREATE POLICY own_members ON "users" FOR SELECT TO baywire_api
  USING (EXISTS (SELECT FROM memberships m WHERE m.tenant_id = (SELECT app_tenant()) AND m.user_id = users.id));
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "users", "passwords", "signing_keys", "invites", "api_keys", "overrides" TO baywire_api;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "sessions", "spent_tokens", "codes", "guesses", "rate_limits", "memberships", "idempotency_keys" TO baywire_api;
--> statement-breakpoint
-- The jobs role ends overrides whose end has come.
CREATE POLICY all_tenants ON "overrides" TO baywire_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
GRANT SELECT, UPDATE ON "overrides" TO baywire_ingest;
--> statement-breakpoint
-- The audit log: whoever acts may add to it and read it. The number, the time and the hashes of an entry are given here,
-- under the lock of its tenant's head, which is taken last of all locks and held until COMMIT.
GRANT SELECT ON "audit_log", "audit_heads" TO baywire_api;
--> statement-breakpoint
GRANT INSERT ("tenant_id", "actor_kind", "actor_id", "action", "target_kind", "target_id", "detail", "request_id")
  ON "audit_log" TO baywire_api;
--> statement-breakpoint
ALTER TABLE "audit_log"
  ALTER COLUMN "seq" SET DEFAULT 0, ALTER COLUMN "at" SET DEFAULT now(),
  ALTER COLUMN "previous_hash" SET DEFAULT '', ALTER COLUMN "hash" SET DEFAULT '';
--> statement-breakpoint
-- In plpgsql, which plans it once: as a function of SQL it would take five times as long, and chains are walked whole.
CREATE FUNCTION "audit_entry_hash"("entry" "audit_log") RETURNS bytea LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
  SET search_path = pg_catalog
AS $$
BEGIN
  RETURN sha256(entry.previous_hash || convert_to(jsonb_build_array(
    entry.tenant_id, entry.seq, floor(extract(epoch FROM entry.at) * 1000), entry.actor_kind, entry.actor_id, entry.action,
    entry.target_kind, entry.target_id, entry.detail, entry.request_id)::text, 'UTF8'));
END $$;
--> statement-breakpoint
DO $$
BEGIN
  EXECUTE 'CREATE POLICY chain ON audit_heads TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
--> statement-breakpoint
CREATE FUNCTION "chain_audit_entry"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public
AS $$
DECLARE head public.audit_heads;
BEGIN
  INSERT INTO public.audit_heads (tenant_id, seq, hash) VALUES (new.tenant_id, 0, '')
    ON CONFLICT (tenant_id) DO NOTHING;
  SELECT * INTO STRICT head FROM public.audit_heads WHERE tenant_id = new.tenant_id FOR UPDATE;
  new.seq := head.seq + 1;
  new.at := date_trunc('milliseconds', clock_timestamp());
  new.previous_hash := head.hash;
  new.hash := public.audit_entry_hash(new);
  UPDATE public.audit_heads SET seq = new.seq, hash = new.hash WHERE tenant_id = new.tenant_id;
  RETURN new;
END $$;
--> statement-breakpoint
CREATE TRIGGER "chain" BEFORE INSERT ON "audit_log" FOR EACH ROW EXECUTE FUNCTION chain_audit_entry();
--> statement-breakpoint
CREATE FUNCTION "refuse_change_of_audit"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = '42501';
END $$;
--> statement-breakpoint
CREATE TRIGGER "only_added_to" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit_log"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
--> statement-breakpoint
REVOKE ALL ON FUNCTION "audit_entry_hash"("audit_log"), "chain_audit_entry"() FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION "audit_entry_hash"("audit_log") TO baywire_api;
--> statement-breakpoint
-- Tells every process that what it remembers of logins, roles and keys is old. It says nothing else.
CREATE FUNCTION "notify_access"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM pg_notify('baywire_access', '');
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "access_changed" AFTER UPDATE OF "ended_at", "tenant_id" ON "sessions" FOR EACH STATEMENT EXECUTE FUNCTION notify_access();
--> statement-breakpoint
CREATE TRIGGER "access_changed" AFTER UPDATE OR DELETE ON "memberships" FOR EACH STATEMENT EXECUTE FUNCTION notify_access();
--> statement-breakpoint
CREATE TRIGGER "access_changed" AFTER UPDATE OF "disabled_at", "platform_administrator" ON "users" FOR EACH STATEMENT EXECUTE FUNCTION notify_access();
--> statement-breakpoint
CREATE TRIGGER "access_changed" AFTER UPDATE OF "revoked_at", "scopes" ON "api_keys" FOR EACH STATEMENT EXECUTE FUNCTION notify_access();
--> statement-breakpoint
CREATE TRIGGER "access_changed" AFTER UPDATE OF "suspended_at" ON "tenants" FOR EACH STATEMENT EXECUTE FUNCTION notify_access();
--> statement-breakpoint
CREATE TRIGGER "access_changed" AFTER INSERT OR UPDATE OF "retired_at", "signs_from" ON "signing_keys" FOR EACH STATEMENT EXECUTE FUNCTION notify_access();
--> statement-breakpoint
-- Rate limits: counted by this function alone, in one statement. Its rows are locked in the order of their keys. They are not
-- worth a sync of the disk, so they are not logged: after a crash of the database all windows begin anew.
ALTER TABLE "rate_limits" SET UNLOGGED;
--> statement-breakpoint
DO $$
BEGIN
  EXECUTE 'CREATE POLICY counted ON rate_limits TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
--> statement-breakpoint
CREATE FUNCTION "take_rate_limits"("wanted" text[], "limits" integer[], "windows_s" integer[])
  RETURNS TABLE ("allowed" boolean, "points" integer, "reset_ms" double precision)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE room boolean; moment timestamptz;
BEGIN
  INSERT INTO public.rate_limits (key, points, expire)
    SELECT w.key, 0, 'epoch' FROM unnest(wanted) AS w(key) ORDER BY w.key ON CONFLICT DO NOTHING;
  PERFORM FROM public.rate_limits r WHERE r.key = ANY (wanted) ORDER BY r.key FOR UPDATE;
  moment := date_trunc('milliseconds', clock_timestamp());
  SELECT coalesce(bool_and(r.expire <= moment OR r.points < w.most), true) INTO room
    FROM unnest(wanted, limits) AS w(key, most) JOIN public.rate_limits r ON r.key = w.key;
  IF room THEN
    UPDATE public.rate_limits r SET
      points = CASE WHEN r.expire <= moment THEN 1 ELSE r.points + 1 END,
      expire = CASE WHEN r.expire <= moment THEN moment + make_interval(secs => w.seconds) ELSE r.expire END
    FROM unnest(wanted, windows_s) AS w(key, seconds) WHERE r.key = w.key;
  END IF;
  RETURN QUERY
    SELECT room, CASE WHEN r.expire > moment THEN r.points ELSE 0 END,
      greatest(0, coalesce(extract(epoch FROM r.expire - moment) * 1000, 0))::double precision
    FROM unnest(wanted) WITH ORDINALITY AS w(key, position) LEFT JOIN public.rate_limits r ON r.key = w.key
    ORDER BY w.position;
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "take_rate_limits"(text[], integer[], integer[]) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION "take_rate_limits"(text[], integer[], integer[]) TO baywire_api;
--> statement-breakpoint
-- The jobs role removes what has had its time: no policy shows it more.
CREATE POLICY leftovers ON "rate_limits" TO baywire_ingest USING ("expire" < now()) WITH CHECK (false);
--> statement-breakpoint
CREATE POLICY leftovers ON "idempotency_keys" TO baywire_ingest
  USING ("created_at" < now() - interval '24 hours') WITH CHECK (false);
--> statement-breakpoint
GRANT SELECT ("key", "expire"), DELETE ON "rate_limits" TO baywire_ingest;
--> statement-breakpoint
GRANT SELECT ("tenant_id", "created_at"), DELETE ON "idempotency_keys" TO baywire_ingest;
--> statement-breakpoint
-- Whose chains there are, also of erased tenants: to verify them all.
CREATE POLICY through_the_door ON "audit_heads" FOR SELECT TO baywire_api USING ((SELECT app_door()) = 'accounts');
--> statement-breakpoint
-- ---------------------------------------------------------------------------------------------------------
-- Places
-- ---------------------------------------------------------------------------------------------------------
-- A site or space with a history is not deleted but archived: its log is still folded, and its code is free again.
ALTER TABLE "sites" ADD COLUMN "archived_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "spaces" ADD COLUMN "archived_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "sites" DROP CONSTRAINT "sites_tenant_id_code_unique";--> statement-breakpoint
ALTER TABLE "spaces" DROP CONSTRAINT "spaces_tenant_id_site_id_code_unique";--> statement-breakpoint
CREATE UNIQUE INDEX "sites_code_in_use" ON "sites" USING btree ("tenant_id","code") WHERE "sites"."archived_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "spaces_code_in_use" ON "spaces" USING btree ("tenant_id","site_id","code") WHERE "spaces"."archived_at" is null;--> statement-breakpoint
CREATE INDEX "policies_of_a_scope" ON "policies" USING btree ("tenant_id","scope","scope_id","version");--> statement-breakpoint
CREATE INDEX "overrides_due" ON "overrides" USING btree ("ends_at") WHERE "overrides"."ended_at" is null;--> statement-breakpoint
GRANT UPDATE ("revision", "archived_at") ON "spaces" TO baywire_api;
--> statement-breakpoint
-- No device is put at a space that was deleted, however the two meet: deleting locks the row against this.
CREATE FUNCTION "refuse_archived_space"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE archived timestamptz;
BEGIN
  SELECT s.archived_at INTO archived FROM public.spaces s
  WHERE s.tenant_id = new.tenant_id AND s.id = new.space_id FOR KEY SHARE;
  IF archived IS NOT NULL THEN
    RAISE EXCEPTION 'the space was deleted' USING ERRCODE = '23503';
  END IF;
  RETURN new;
END $$;
--> statement-breakpoint
CREATE TRIGGER "space_in_use" BEFORE INSERT ON "device_assignments" FOR EACH ROW EXECUTE FUNCTION refuse_archived_space();
--> statement-breakpoint
-- A device that stood somewhere is archived in place of being deleted, because the log is read by where devices stood. For
-- ingest and for brokers it is gone all the same: its code may be that of another device from here on.
CREATE FUNCTION "let_go_of_device"() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public
AS $$
BEGIN
  UPDATE public.tenants SET directory_version = directory_version + 1 WHERE id = new.tenant_id;
  UPDATE public.credentials SET revoked_at = now()
  WHERE tenant_id = new.tenant_id AND kind = 'devices' AND code = new.code AND revoked_at IS NULL;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "archived" AFTER UPDATE OF "archived_at" ON "devices" FOR EACH ROW
  WHEN (old.archived_at IS NULL AND new.archived_at IS NOT NULL) EXECUTE FUNCTION let_go_of_device();
--> statement-breakpoint
-- ---------------------------------------------------------------------------------------------------------
-- Members, suspension and erasure
-- ---------------------------------------------------------------------------------------------------------
-- A key has no more rights than its maker: only a member makes one, and it ends with the membership, whichever way that
-- ends. No foreign key, since the key is still listed afterwards, revoked.
CREATE FUNCTION "require_maker"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  PERFORM FROM public.memberships m
  WHERE m.tenant_id = new.tenant_id AND m.user_id = new.created_by FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'only a member of the tenant makes an API key' USING ERRCODE = '23503';
  END IF;
  RETURN new;
END $$;
--> statement-breakpoint
CREATE TRIGGER "made_by_a_member" BEFORE INSERT OR UPDATE OF "tenant_id", "created_by" ON "api_keys"
  FOR EACH ROW EXECUTE FUNCTION require_maker();
--> statement-breakpoint
CREATE FUNCTION "end_keys_of_member"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  UPDATE public.api_keys AS k SET revoked_at = now(), revision = k.revision + 1 FROM gone
  WHERE k.tenant_id = gone.tenant_id AND k.created_by = gone.user_id AND k.revoked_at IS NULL;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "keys_end" AFTER DELETE ON "memberships" REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION end_keys_of_member();
--> statement-breakpoint
-- Nothing of a suspended tenant is public.
CREATE OR REPLACE FUNCTION "tenant_by_slug"("wanted" text) RETURNS TABLE ("tenant_id" uuid, "public" boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
  AS $$ SELECT t.id, t.public AND t.suspended_at IS NULL FROM public.tenants t WHERE t.slug = wanted $$;
--> statement-breakpoint
-- Tells brokers to look: its devices are shut out, or let in again.
CREATE FUNCTION "notify_suspension"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM pg_notify('baywire_credentials', new.id::text);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "suspension_changed" AFTER UPDATE OF "suspended_at" ON "tenants" FOR EACH ROW
  WHEN (old.suspended_at IS DISTINCT FROM new.suspended_at) EXECUTE FUNCTION notify_suspension();
--> statement-breakpoint
-- The tenant that is being erased: inside of erase_tenant, and nowhere else, the owner sees the rows that it takes away.
CREATE FUNCTION "app_erased"() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog
  AS $$ SELECT nullif(current_setting('app.erased', true), '')::uuid $$;
--> statement-breakpoint
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY[
    'redrive_attempts', 'readings', 'space_inputs', 'space_checkpoints', 'parking_sessions', 'space_events',
    'space_states', 'event_heads', 'ledger_entries', 'ledger_days', 'overrides', 'orphan_devices', 'device_assignments',
    'devices', 'gateways', 'credentials', 'spaces', 'zones', 'sites', 'policies', 'idempotency_keys', 'api_keys',
    'invites', 'memberships', 'sessions'
  ] LOOP
    EXECUTE format('CREATE POLICY erasure ON %I TO CURRENT_USER USING (tenant_id = (SELECT app_erased())) '
      'WITH CHECK ((SELECT app_erased()) IS NOT NULL AND coalesce(tenant_id, (SELECT app_erased())) = (SELECT app_erased()))',
      table_name);
  END LOOP;
  CREATE POLICY erasure ON "tenants" TO CURRENT_USER
    USING (id = (SELECT app_erased())) WITH CHECK (id = (SELECT app_erased()));
END $$;
--> statement-breakpoint
-- Takes away all rows of the transaction's own tenant, and says how many of which table. What stays: its audit log, and its
-- people. Nobody adds to it meanwhile: the locks are taken in the order of the writers (devices, spaces, ledger, events),
-- and behind that of the tenant no row is made that names it; a batch of readings always writes to the ledger too.
CREATE FUNCTION "erase_tenant"("erased" uuid) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
  -- Whatever refers to another table stands before it.
  erasable text[] := ARRAY[
    'redrive_attempts', 'readings', 'space_inputs', 'space_checkpoints', 'parking_sessions', 'space_events',
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
REVOKE ALL ON FUNCTION "erase_tenant"(uuid) FROM PUBLIC;
--> statement-breakpoint
-- Owners erase their own tenant over HTTP, so the role of the API may; it is held to the tenant of its transaction.
GRANT EXECUTE ON FUNCTION "erase_tenant"(uuid) TO baywire_api;
