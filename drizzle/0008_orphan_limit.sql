-- Orphans that are too many are removed by the jobs, who are of this role.
GRANT DELETE ON "orphan_devices" TO baywire_ingest;
