ALTER TABLE "gateways" ADD COLUMN "messages_per_s" integer;--> statement-breakpoint
ALTER TABLE "gateways" ADD COLUMN "in_flight" integer;--> statement-breakpoint
ALTER TABLE "gateways" ADD CONSTRAINT "gateways_messages_per_s" CHECK ("gateways"."messages_per_s" between 1 and 1000000);--> statement-breakpoint
ALTER TABLE "gateways" ADD CONSTRAINT "gateways_in_flight" CHECK ("gateways"."in_flight" between 1 and 65535);--> statement-breakpoint
-- ---------------------------------------------------------------------------------------------------------
-- Edited by hand
-- ---------------------------------------------------------------------------------------------------------
COMMENT ON COLUMN "gateways"."messages_per_s" IS 'what it may send to the embedded broker; null: the default of gateways';
--> statement-breakpoint
COMMENT ON COLUMN "gateways"."in_flight" IS 'publishes that may be unacknowledged; null: the default of gateways';
--> statement-breakpoint
-- Tells brokers to look whose credential is still in force. Everybody may listen: it says no more than a tenant's id.
CREATE FUNCTION "notify_credentials"() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public
AS $$
BEGIN
  PERFORM pg_notify('baywire_credentials', tenant_id::text) FROM (SELECT DISTINCT tenant_id FROM changed) AS tenants;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "credentials_insert" AFTER INSERT ON "credentials" REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION notify_credentials();
--> statement-breakpoint
CREATE TRIGGER "credentials_update" AFTER UPDATE ON "credentials" REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION notify_credentials();
--> statement-breakpoint
CREATE TRIGGER "credentials_delete" AFTER DELETE ON "credentials" REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION notify_credentials();
--> statement-breakpoint
-- A credential has no foreign key to its owner, who may be an app; so it ends here with its device or gateway, or one that
-- is made later with the same code would be opened by the old secret.
CREATE FUNCTION "end_credentials"() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public
AS $$
BEGIN
  UPDATE public.credentials AS c SET revoked_at = now() FROM gone
  WHERE c.tenant_id = gone.tenant_id AND c.kind = TG_TABLE_NAME AND c.code = gone.code AND c.revoked_at IS NULL;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "credentials_end" AFTER DELETE ON "devices" REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION end_credentials();
--> statement-breakpoint
CREATE TRIGGER "credentials_end" AFTER DELETE ON "gateways" REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION end_credentials();
