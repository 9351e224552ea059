-- A tenant's log is erased in parts, before the rest of it: whoever writes readings of other tenants, perhaps in one batch with
-- its own, waits for no part. What is not erased yet is found by the books: each reading is counted in the minute of its
-- arrival, by the transaction that logs it, and a redriven one has an attempt with that arrival, which is locked meanwhile.
--
-- The readings that arrived in a period, of which the books counted `booked`. Found by the indexes of devices and of dead letters,
-- so that the log of others is not read; only where that finds too few, as of a device that is gone, the whole period is.
CREATE FUNCTION "erase_readings"("erased" uuid, "arrived_from" timestamptz, "arrived_until" timestamptz, "booked" bigint)
  RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, public
AS $$
DECLARE
  device_ids uuid[] := ARRAY(SELECT id FROM public.devices WHERE tenant_id = erased);
  period text := 'tenant_id = $1 AND received_at >= $2 AND received_at < $3';
  condition text;
  gone bigint := 0;
  delivered bigint := 0;
  part record;
BEGIN
  FOREACH condition IN ARRAY ARRAY[
    'device_id = ANY ($4)', 'outcome IN (''malformed'', ''unknown_device'', ''retained'', ''unassigned'')', 'true'
  ] LOOP
    EXIT WHEN condition = 'true' AND delivered >= booked;
    EXECUTE format('WITH gone AS (DELETE FROM public.readings WHERE %s AND %s RETURNING delivery) '
      'SELECT count(*) AS rows, count(*) FILTER (WHERE delivery IS DISTINCT FROM ''redrive'') AS delivered FROM gone',
      period, condition)
      INTO part USING erased, arrived_from, arrived_until, device_ids;
    gone := gone + part.rows;
    delivered := delivered + part.delivered;
  END LOOP;
  RETURN gone;
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "erase_readings"(uuid, timestamptz, timestamptz, bigint) FROM PUBLIC;
--> statement-breakpoint
-- Takes away the oldest part of the log of the transaction's own tenant, with its books, and says how many rows of which table:
-- about `most` of each. Zeros say that all is gone but the last minutes, which whoever writes now may be counting in: they
-- are left to erase_tenant. Only of a suspended tenant: no other has half a log.
CREATE FUNCTION "erase_log_part"("erased" uuid, "most" integer) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
  settled timestamptz := date_trunc('minute', now()) - interval '5 minutes';
  part_from timestamptz;
  part_until timestamptz;
  booked bigint;
  gone bigint;
  readings bigint := 0;
  total bigint := 0;
  counts jsonb := '{}';
  place record;
BEGIN
  IF erased IS DISTINCT FROM public.app_tenant() THEN
    RAISE EXCEPTION 'a tenant is erased in a transaction of its own' USING ERRCODE = '42501';
  END IF;
  IF NOT EXISTS (SELECT FROM public.tenants WHERE id = erased AND suspended_at IS NOT NULL) THEN
    RAISE EXCEPTION 'the log of a tenant is erased while it is suspended' USING ERRCODE = '55000';
  END IF;
  PERFORM set_config('app.erased', erased::text, true);
  SELECT min(minute) INTO part_from FROM public.ledger_entries WHERE tenant_id = erased AND minute < settled;
  IF part_from IS NOT NULL THEN
    -- Of one partition, and up to the minute before which there are enough.
    part_until := least(settled, (date_trunc('day', part_from AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC');
    SELECT coalesce(min(minute) FILTER (WHERE earlier >= most), part_until) INTO part_until FROM (
      SELECT minute, sum(sum(received)) OVER (ORDER BY minute) - sum(received) AS earlier FROM public.ledger_entries
      WHERE tenant_id = erased AND minute >= part_from AND minute < part_until GROUP BY minute
    ) AS of_minutes;
    PERFORM FROM public.redrive_attempts WHERE tenant_id = erased AND received_at >= part_from AND received_at < part_until
      ORDER BY reading_id, part, attempt FOR UPDATE;
    DELETE FROM public.redrive_attempts WHERE tenant_id = erased AND received_at >= part_from AND received_at < part_until;
    -- The books first: a reading that is added behind this is counted in an entry of its own, which stays.
    PERFORM FROM public.ledger_entries WHERE tenant_id = erased AND minute >= part_from AND minute < part_until
      ORDER BY minute, writer FOR UPDATE;
    WITH gone AS (
      DELETE FROM public.ledger_entries WHERE tenant_id = erased AND minute >= part_from AND minute < part_until
      RETURNING received
    ) SELECT count(*), coalesce(sum(received), 0) INTO gone, booked FROM gone;
    readings := public.erase_readings(erased, part_from, part_until, booked);
    counts := jsonb_build_object('ledger_entries', gone);
    total := gone + readings;
  END IF;
  FOR place IN VALUES ('space_inputs', 'space_id, input_seq', 'true'), ('space_events', 'position', 'true'),
    ('parking_sessions', 'space_id, started_at', 'ended_at IS NOT NULL')
  LOOP
    EXECUTE format('DELETE FROM public.%1$I WHERE tenant_id = $1 AND ctid = ANY (ARRAY('
      'SELECT ctid FROM public.%1$I WHERE tenant_id = $1 AND %3$s ORDER BY tenant_id, %2$s LIMIT $2))',
      place.column1, place.column2, place.column3) USING erased, most;
    GET DIAGNOSTICS gone = ROW_COUNT;
    counts := counts || jsonb_build_object(place.column1, gone);
    total := total + gone;
  END LOOP;
  -- What no book speaks of: once, over the whole log, while nobody waits.
  IF total = 0 THEN
    DELETE FROM public.readings WHERE tenant_id = erased AND received_at < settled;
    GET DIAGNOSTICS readings = ROW_COUNT;
  END IF;
  PERFORM set_config('app.erased', '', true);
  RETURN counts || jsonb_build_object('readings', readings);
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "erase_log_part"(uuid, integer) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION "erase_log_part"(uuid, integer) TO baywire_api;
--> statement-breakpoint
-- Takes away all rows of the transaction's own tenant, and says how many of which table. What stays, and in which order the locks
-- are taken: as before. Of a suspended tenant whose log went in parts only what the books still speak of is looked for.
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
  logged_from timestamptz := '-infinity';
  booked bigint;
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
  IF EXISTS (SELECT FROM public.tenants WHERE id = erased AND suspended_at IS NOT NULL) THEN
    logged_from := coalesce(least(
      (SELECT min(minute) FROM public.ledger_entries WHERE tenant_id = erased),
      (SELECT min(received_at) FROM public.redrive_attempts WHERE tenant_id = erased)), 'infinity');
  END IF;
  SELECT coalesce(sum(received), 0) INTO booked FROM public.ledger_entries WHERE tenant_id = erased;
  FOREACH table_name IN ARRAY erasable LOOP
    IF table_name = 'readings' THEN
      gone := public.erase_readings(erased, logged_from, 'infinity', booked);
    ELSE
      EXECUTE format('DELETE FROM public.%I WHERE tenant_id = $1', table_name) USING erased;
      GET DIAGNOSTICS gone = ROW_COUNT;
    END IF;
    counts := counts || jsonb_build_object(table_name, gone);
  END LOOP;
  UPDATE public.sessions SET tenant_id = NULL WHERE tenant_id = erased;
  DELETE FROM public.tenants WHERE id = erased;
  PERFORM set_config('app.erased', '', true);
  RETURN counts;
END $$;
