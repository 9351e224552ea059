import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** The figures of INTERFACES.md, one registry per process: constructed once by the composition root. */
export interface Metrics {
  registry: Registry
  /** Committed deliveries of readings, by outcome. */
  readings: Counter<'tenant' | 'outcome'>
  /** Messages that the door refused: nothing of them is in the database. */
  refused: Counter<'reason'>
  /** seen = committed + given up + refused + in flight, counted at the door. */
  doorSeen: Counter
  doorGivenUp: Counter
  inFlight: Gauge
  /** Of readings whose tenant does not exist, which shows only behind the door. */
  doorRefused: Counter
  ledgerImbalance: Gauge
  jobRuns: Counter<'job' | 'result'>
  jobSeconds: Histogram<'job'>
  /** These five by whichever process: read from the store. */
  jobLastSuccess: Gauge<'job'>
  /** Moments on the calendar of reservations that this process fed to their spaces. */
  reservationMoments: Counter<'phase'>
  jobLastRun: Gauge<'job'>
  jobLastDuration: Gauge<'job'>
  jobLastResult: Gauge<'job' | 'result'>
  jobNextRun: Gauge<'job'>
  batchSize: Histogram
  commitSeconds: Histogram
  commitRetries: Counter<'reason'>
  httpRequestSeconds: Histogram<'route' | 'method' | 'status'>
  /** Requests with a token or API key that is not in force: whoever tries many shows here. */
  unauthenticated: Counter<'credential'>
  /** Open now: `sse`, `ws`. */
  streams: Gauge<'kind'>
  streamsEnded: Counter<'kind' | 'reason'>
  /** Of the oldest event that was not published over MQTT; by whichever process: read from the store. */
  outboxLag: Gauge
  outboxPublished: Counter<'kind'>
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  return {
    registry,
    readings: new Counter({
      name: 'baywire_readings_total',
      help: 'committed deliveries of readings by outcome',
      labelNames: ['tenant', 'outcome'],
      registers,
    }),
    unauthenticated: new Counter({
      name: 'baywire_unauthenticated_total',
      help: 'requests with a token or an API key that is not in force',
      labelNames: ['credential'],
      registers,
    }),
    refused: new Counter({
      name: 'baywire_refused_total',
      help: 'messages refused at the door',
      labelNames: ['reason'],
      registers,
    }),
    doorSeen: new Counter({
      name: 'baywire_door_seen_total',
      help: 'readings that reached the door of this process',
      registers,
    }),
    doorGivenUp: new Counter({
      name: 'baywire_door_given_up_total',
      help: 'readings given up without acknowledging them, so that the broker or device sends them again',
      registers,
    }),
    inFlight: new Gauge({
      name: 'baywire_in_flight',
      help: 'readings received and not yet committed',
      registers,
    }),
    ledgerImbalance: new Gauge({
      name: 'baywire_ledger_imbalance',
      help: 'readings by which the ledger differs from the log; anything but 0 is a fault',
      registers,
    }),
    doorRefused: new Counter({
      name: 'baywire_door_refused_total',
      help: 'readings let in at the door of a tenant that does not exist',
      registers,
    }),
    jobRuns: new Counter({
      name: 'baywire_job_runs_total',
      help: 'runs of jobs by this process: succeeded, found (a fault), failed, lost (stopped half-way)',
      labelNames: ['job', 'result'],
      registers,
    }),
    jobSeconds: new Histogram({
      name: 'baywire_job_seconds',
      help: 'time of a run of a job by this process',
      labelNames: ['job'],
      buckets: [0.01, 0.1, 1, 10, 60, 600],
      registers,
    }),
    jobLastSuccess: new Gauge({
      name: 'baywire_job_last_success_timestamp_seconds',
      help: 'when a job last succeeded, in whatever process, by the clock of the database',
      labelNames: ['job'],
      registers,
    }),
    reservationMoments: new Counter({
      name: 'baywire_reservation_moments_total',
      help: 'what happened to reservations by itself: soon, started, checked_in, contested again, no_show, overstayed, released',
      labelNames: ['phase'],
      registers,
    }),
    jobLastRun: new Gauge({
      name: 'baywire_job_last_run_timestamp_seconds',
      help: 'when the last run of a job ended, in whatever process, by the clock of the database',
      labelNames: ['job'],
      registers,
    }),
    jobLastDuration: new Gauge({
      name: 'baywire_job_last_run_duration_seconds',
      help: 'how long the last run of a job took, in whatever process',
      labelNames: ['job'],
      registers,
    }),
    jobLastResult: new Gauge({
      name: 'baywire_job_last_run_result',
      help: '1 for the result that the last run of a job had, in whatever process, and 0 for the others',
      labelNames: ['job', 'result'],
      registers,
    }),
    jobNextRun: new Gauge({
      name: 'baywire_job_next_run_timestamp_seconds',
      help: 'when a job is due next, by the clock of the database; long past where no process runs it',
      labelNames: ['job'],
      registers,
    }),
    batchSize: new Histogram({
      name: 'baywire_ingest_batch_size',
      help: 'readings per transaction',
      buckets: [1, 10, 50, 100, 250, 500, 1000, 2000],
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'baywire_commit_seconds',
      help: 'time of a batch from BEGIN to COMMIT',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    commitRetries: new Counter({
      name: 'baywire_commit_retries_total',
      help: 'batches tried again',
      labelNames: ['reason'],
      registers,
    }),
    httpRequestSeconds: new Histogram({
      name: 'baywire_http_request_seconds',
      help: 'time to answer a request',
      labelNames: ['route', 'method', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    streams: new Gauge({
      name: 'baywire_streams',
      help: 'streams of events that are open: sse, ws',
      labelNames: ['kind'],
      registers,
    }),
    streamsEnded: new Counter({
      name: 'baywire_streams_ended_total',
      help: 'streams that ended: gone (by the client), too_slow (cut), too_busy, full, expired, forbidden, stopping',
      labelNames: ['kind', 'reason'],
      registers,
    }),
    outboxLag: new Gauge({
      name: 'baywire_outbox_lag_seconds',
      help: 'age of the oldest event that was not yet published over MQTT, in whatever process, by the clock of the database',
      registers,
    }),
    outboxPublished: new Counter({
      name: 'baywire_outbox_published_total',
      help: 'retained messages that this process published and the broker has: state, availability, cleared',
      labelNames: ['kind'],
      registers,
    }),
  }
}
