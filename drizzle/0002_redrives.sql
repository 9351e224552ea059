-- Generated from src/store/schema by drizzle-kit, then completed by hand below "Edited by hand".
CREATE TABLE "redrive_attempts" (
	"tenant_id" uuid NOT NULL,
	"reading_id" uuid NOT NULL,
	"part" integer NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"attempt" integer NOT NULL,
	"redriven_id" uuid NOT NULL,
	"attempted_by" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"outcome" text,
	"reason" text,
	CONSTRAINT "redrive_attempts_tenant_id_reading_id_part_attempt_pk" PRIMARY KEY("tenant_id","reading_id","part","attempt"),
	CONSTRAINT "redrive_attempts_ended" CHECK (("redrive_attempts"."ended_at" is null) = ("redrive_attempts"."outcome" is null))
);
--> statement-breakpoint
ALTER TABLE "redrive_attempts" ADD CONSTRAINT "redrive_attempts_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "redrive_attempts_redriven" ON "redrive_attempts" USING btree ("redriven_id");--> statement-breakpoint
CREATE INDEX "readings_dead_letters" ON "readings" USING btree ("tenant_id","received_at","id","part") WHERE outcome in ('malformed', 'unknown_device', 'retained', 'unassigned');
--> statement-breakpoint
-- ---------------------------------------------------------------------------------------------------------
-- Edited by hand
-- ---------------------------------------------------------------------------------------------------------
ALTER TABLE "redrive_attempts" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "redrive_attempts" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY one_tenant ON "redrive_attempts" TO baywire_api
  USING ("tenant_id" = (SELECT app_tenant())) WITH CHECK ("tenant_id" = (SELECT app_tenant()));
--> statement-breakpoint
CREATE POLICY all_tenants ON "redrive_attempts" TO baywire_ingest USING (true) WITH CHECK (true);
--> statement-breakpoint
GRANT SELECT ON "redrive_attempts" TO baywire_api;
--> statement-breakpoint
-- An attempt is begun, then ended: what it was of never changes.
GRANT SELECT, INSERT, UPDATE ("ended_at", "outcome", "reason") ON "redrive_attempts" TO baywire_ingest;
--> statement-breakpoint
COMMENT ON TABLE "redrive_attempts" IS
  'Attempts to redrive readings that had no effect. A reading with delivery = ''redrive'' has its payload at reading_id: keep a row as long as that reading.';
